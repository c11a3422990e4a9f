"""The runs of Figure 5 at full strength: one stated grid, the choices made of it, and what is then run."""

import json
from pathlib import Path

from pp_ref.experiments import figure5
from pp_ref.experiments.figure5_parts import (
    RATES,
    SETTINGS,
    chosen_rates,
    chosen_settings,
    rates_recipes,
    result_recipes,
    settings_recipes,
)
from pp_ref.experiments.run_store import RunStore

MEAN = {"preprocessing": "mean", "start": 0.1, "weight_decay": 2.5e-4}


def records(recipes, error):
    return [{"recipe": json.loads(json.dumps(recipe)), "validation_error": error(recipe)} for recipe in recipes]


def test_the_grid_is_run_for_both_nets_on_validation_images_alone():
    made = settings_recipes()
    assert len(made) == 24 == 2 * len(SETTINGS)
    assert len({RunStore(Path()).name(recipe) for recipe in made}) == 24
    assert MEAN in SETTINGS
    for recipe in made + rates_recipes(MEAN):
        assert recipe["validation"] == {"images": 5_000}
        assert recipe["images"] + 5_000 <= 50_000
        assert (recipe["backend"], recipe["rates"]) == ("auto", "default")


def test_the_settings_that_are_best_for_both_nets_together_are_chosen():
    def error(recipe):
        if recipe["preprocessing"] == "contrast" and recipe["start"] == 1:
            return 0.1 if recipe["label"] == "SE" else 0.9  # good for one net alone
        return 0.4 if MEAN.items() <= recipe.items() else 0.45

    assert chosen_settings(records(settings_recipes(), error)) == MEAN
    assert chosen_settings(records(settings_recipes(), lambda recipe: 0.4)) == SETTINGS[0]


def test_a_rate_is_chosen_for_each_net():
    best = {"convnet": 0.003, "SE": 0.03}
    made = rates_recipes(MEAN)
    assert len(made) == 6
    assert [recipe for recipe in made if recipe in settings_recipes()] == made[2:4]  # those at 0.01 are done already

    def error(recipe):
        return abs(recipe["training"]["learning_rate"] - best[recipe["label"]])

    assert chosen_rates(records(made, error)) == best
    assert set(best.values()) < set(RATES)


def test_the_results_are_of_all_images_and_every_proportion():
    made = result_recipes(MEAN, {"convnet": 0.01, "SE": 0.03})
    runs = [(recipe["proportion"], recipe["seed"]) for recipe in made]
    assert {p for p, _ in runs} == {0.1, 0.25, 0.5, 0.75, 1.0}
    assert {(p, seed) for p in (0.25, 1.0) for seed in range(3)} <= set(runs)
    for recipe in made:
        assert recipe["images"] == 50_000
        assert recipe["training"]["epochs"] == 30
        assert recipe["training"]["learning_rate"] == (0.01 if recipe["proportion"] == 1 else 0.03)
        assert MEAN.items() <= recipe.items()
        assert "validation" not in recipe
    assert len({RunStore(Path()).name(recipe) for recipe in made}) == len(made) == 9


def test_recipes_of_the_first_records_have_no_new_entry():
    first = figure5.recipes(figure5.PROFILES["standard"])[0]
    assert first.keys() == {
        *("experiment", "label", "proportion", "n_columns", "settings", "seed", "data", "images"),
        *("activation", "dropout", "dtype", "training"),
    }
