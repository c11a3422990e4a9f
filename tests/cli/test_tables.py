"""What a user sees of a model and of a run."""

import re
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from pp_ref.cli import main
from pp_ref.cli.tables import parameter_table
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.experiments.run_store import RUN
from pp_ref.models import Count
from pp_ref.models.mlp import mlp
from tests.cli.runner import invoke
from tests.tree import ROOT


def drawn(table):
    Console(file=(said := StringIO()), width=100).print(table)
    return said.getvalue()


def row(text, name):
    """The cells of the first row that begins so."""
    rows = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    return next(cells for cells in rows if cells[:1] == [name])


def test_parameter_table_of_the_papers_net():
    said = drawn(parameter_table(mlp((784, 500, 500, 10)).count()))
    assert row(said, "1") == ["1", "392,000", "0", "392,000", "100.0%"]
    assert row(said, "all") == ["all", "648,010", "0", "648,010", "100.0%"]


def test_parameter_table_of_a_predicted_layer():
    dictionary = make_dictionary("se", Grid(4, 4), n_alpha=2, n_columns=3, rng=np.random.default_rng(0))
    said = drawn(parameter_table(mlp((16, 6, 2), [dictionary]).count()))
    assert row(said, "1") == ["1", "12", "96", "96", "12.5%"]  # 3 columns of (2, 2); 3 dictionaries (16, 2); 16 x 6


def test_no_weights_are_no_division():
    assert row(drawn(parameter_table({"1": Count(0, 0, 0)})), "all")[-1] == "0.0%"


RECIPE = {"experiment": "figure4-left", "label": "SE-Emp", "proportion": 0.05, "n_columns": 2, "data": "digits"}
RECORD = {
    "recipe": RECIPE | {"seed": 3},
    "summary": "test error 4.40%, all epochs are done, 8 s",
    "counts": {"1": {"dynamic": 12, "static": 96, "total": 96}},
    "dictionaries": [
        {"weights": "Predicted", "kind": "se", "n_alpha": [39, 39], "rank": [38, 39], "condition": [4.0, None]},
        {"weights": "Full"},
    ],
    "history": [{"epoch": 1, "loss": 0.5, "test_error": 0.044}],
}


def shown(path, record):
    """What `pp-ref show` says of a record."""
    RUN.write_json(path, record)
    result = invoke("show", str(path))
    assert result.exit_code == 0, result.output
    return result.output


def test_show_prints_a_run(tmp_path):
    said = shown(tmp_path / "run.json", RECORD)
    assert row(said, "label") == ["label", "SE-Emp"]
    assert row(said, "1") == ["1", "12", "96", "96", "12.5%"]
    assert "38 to 39" in said
    assert "inf" in said  # a singular kernel
    assert said.splitlines()[-2].split() == ["1", "0.5", "4.40%"]


def test_show_prints_what_a_record_has(tmp_path):
    """RICA's has iterations and no test error, Figure 1's no counts."""
    recipe = {
        "experiment": "figure2",
        "label": "SE",
        "proportion": 0.5,
        "features": 36,
        "seed": 0,
        "data": "photographs",
    }
    history = [{"iteration": 7, "loss": 291360.0, "gradient_norm": 3656.0}]
    said = shown(tmp_path / "run.json", {"recipe": recipe, "summary": "loss 20 a patch", "history": history})
    assert row(said, "features") == ["features", "36"]
    assert "parameters" not in said
    assert row(said, "7") == ["7", "2.9136e+05", "3.66e+03"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot be read \(No such file or directory\): expected the record of a run$"),
        ("{", "is not the record of a run"),
        ("[]", "is not the record of a run"),
    ],
)
def test_show_says_what_is_wrong_with_a_file(tmp_path, monkeypatch, content, message):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr("sys.argv", ["pp-ref", "show", str(path)])
    with pytest.raises(SystemExit, match=message):
        main()


def test_show_says_of_another_file_what_it_is(monkeypatch):
    path = ROOT / "benchmarks" / "speed" / "layer.json"
    monkeypatch.setattr("sys.argv", ["pp-ref", "show", str(path)])
    message = "layer.json has the format 'pp_ref.benchmark', expected the record of a run, 'pp_ref.run': choose another"
    with pytest.raises(SystemExit, match=message):
        main()
