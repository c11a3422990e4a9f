"""The runs of Figure 5 that are judged: one stated grid, the choices made of it, and what is then run."""

import json
from pathlib import Path

from pp_ref.experiments import figure5
from pp_ref.experiments.figure5_parts import (
    PARTS,
    RATES,
    SETTINGS,
    chosen_rates,
    chosen_settings,
    rate_recipes,
    rate_summary,
    result_recipes,
    setting_recipes,
    setting_summary,
)
from pp_ref.experiments.run_store import RunStore

MEAN = {"preprocessing": "mean", "start": 0.1, "weight_decay": 2.5e-4}
COST = {"seconds": 36.0, "peak_memory_mb": 100.0}


def nothing(name):
    return []


def records(recipes, error):
    return [{"recipe": json.loads(json.dumps(recipe)), "validation_error": error(recipe)} | COST for recipe in recipes]


def settings_error(recipe):
    """The contrast alone is good for one net and bad for the other; MEAN is good for both."""
    if recipe["preprocessing"] == "contrast" and recipe["start"] == 1:
        return 0.1 if recipe["label"] == "SE" else 0.9
    return 0.4 if MEAN.items() <= recipe.items() else 0.45


def rates_error(recipe):
    return abs(recipe["training"]["learning_rate"] - {"convnet": 0.003, "SE": 0.03}[recipe["label"]])


def finished(name):
    tried = records(setting_recipes(nothing), settings_error)
    if name == "figure5-settings":
        return tried
    return records(rate_recipes(lambda _: tried), rates_error) if name == "figure5-rates" else []


def test_the_grid_is_run_for_both_nets_on_validation_images_alone():
    made = setting_recipes(nothing)
    assert len(made) == 24 == 2 * len(SETTINGS)
    assert len({RunStore(Path()).name(recipe) for recipe in made}) == 24
    assert MEAN in SETTINGS
    for recipe in made + rate_recipes(finished):
        assert recipe["validation"] == {"images": 5_000, "seed": 0}
        assert recipe["images"] + 5_000 <= 50_000
        assert (recipe["backend"], recipe["rates"]) == ("auto", "default")


def test_the_settings_that_are_best_for_both_nets_together_are_chosen():
    tried = finished("figure5-settings")
    assert chosen_settings(tried) == MEAN
    assert chosen_settings(records(setting_recipes(nothing), lambda recipe: 0.4)) == SETTINGS[0]
    one_net = [record for record in tried if record["recipe"]["label"] == "SE"]
    assert chosen_settings(one_net) == SETTINGS[0]
    said = setting_summary(tried).splitlines()
    assert said[0] == "| validation error | all learned | a quarter learned |"
    assert "| **mean, start 0.1, decay 0.00025** | 40.00% | 40.00% |" in said
    assert len([line for line in said if "**" in line]) == 1
    assert said[-1].startswith(
        "Error on 5,000 of the training images, which are held out; 20,000 others to train on, 12"
    )


def test_a_rate_is_chosen_for_each_net():
    made = rate_recipes(finished)
    assert len(made) == 6
    assert [recipe for recipe in made if recipe in setting_recipes(nothing)] == made[2:4]  # the rate of the settings
    tried = finished("figure5-rates")
    assert chosen_rates(tried) == {"convnet": 0.003, "SE": 0.03}
    assert chosen_rates([]) == {"convnet": 0.01, "SE": 0.01}
    said = rate_summary(tried[:5]).splitlines()
    assert said[2:4] == ["| all learned | **0.00%** | 0.70% | 2.70% |", "| a quarter learned | 2.70% | **2.00%** |  |"]


def test_the_results_are_of_all_images_and_every_proportion():
    made = result_recipes(finished)
    runs = [(recipe["proportion"], recipe["seed"]) for recipe in made]
    assert {p for p, _ in runs} == {0.1, 0.25, 0.5, 0.75, 1.0}
    assert {(p, seed) for p in (0.25, 1.0) for seed in range(3)} <= set(runs)
    for recipe in made:
        assert recipe["images"] == 50_000
        assert recipe["training"]["epochs"] == 30
        assert recipe["training"]["learning_rate"] == (0.003 if recipe["proportion"] == 1 else 0.03)
        assert MEAN.items() <= recipe.items()
        assert "validation" not in recipe
    assert len({RunStore(Path()).name(recipe) for recipe in made}) == len(made) == 9


def test_results_wait_for_what_they_are_chosen_by():
    assert PARTS["figure5"].needs == ("figure5-rates",)
    assert PARTS["figure5-rates"].needs == ("figure5-settings",)
    assert set(RATES) > set(chosen_rates(finished("figure5-rates")).values())


def test_recipes_of_the_first_records_have_no_new_entry():
    first = figure5.recipes(figure5.PROFILES["standard"])[0]
    assert first.keys() == {
        *("experiment", "label", "proportion", "n_columns", "settings", "seed", "data", "images"),
        *("activation", "dropout", "dtype", "training"),
    }
