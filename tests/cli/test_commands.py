"""The command: what it prints, and which exit code it has."""

import sys

import pytest
from typer.main import get_command

import pp_ref
from pp_ref import cli
from pp_ref.cli import tables
from pp_ref.errors import EXPECTED
from tests.cli.runner import invoke
from tests.processes import python


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], ["info", "reproduce", "Denil et al., 2013"]),
        (["reproduce", "--help"], ["figure4-left", "real data"]),
        (["reproduce", "figure4-left", "--help"], ["demo", "standard", "authors", "--jobs", "--out"]),
        (["conform", "--help"], ["CANDIDATE", "--files", "with answers", "--replay"]),
        (["vectors", "export", "--help"], ["DIR", "--arithmetic", "--only", "--seed", "--quick"]),
    ],
    ids=["pp-ref", "reproduce", "figure4-left", "conform", "vectors"],
)
def test_help(arguments, said):
    result = invoke(*arguments)
    assert result.exit_code == 0
    for words in said:
        assert words in result.output


def commands(group, *names):
    """Every group and command below ``group``, as arguments."""
    yield [*names]
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *names, name)


@pytest.mark.parametrize("arguments", list(commands(get_command(cli.app))), ids=" ".join)
def test_help_shows_no_type_of_a_flag(arguments):
    result = invoke(*arguments, "-h")
    assert result.exit_code == 0
    assert "<bool>" not in result.output


@pytest.mark.parametrize("group", ["bench", "vectors", "reproduce"])
def test_every_group_names_the_command_that_was_meant(group):
    name = next(iter(get_command(cli.app).commands[group].commands))
    assert f"did you mean '{name}'?" in invoke(group, name[:-1]).output


@pytest.mark.parametrize("arguments", [["-h"], ["bench", "-h"], ["reproduce", "figure5", "-h"]])
def test_help_in_short(arguments):
    assert "Usage:" in invoke(*arguments).output


def test_the_version_and_the_module():
    said = python("-m", "pp_ref", "--version").stdout
    assert said == invoke("--version").output == f"{pp_ref.__version__}\n"


def test_completion_is_offered():
    assert "--install-completion" in invoke("--help").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["conforms"], "no command is called 'conforms': did you mean 'conform'?"),
        (["reproduce", "figure4"], "no command is called 'figure4': did you mean 'figure4-left'?"),
        (["reproduce", "table1"], "no command is called 'table1'"),
    ],
)
def test_a_command_that_does_not_exist(arguments, said):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_info():
    result = invoke("info")
    assert result.exit_code == 0
    for words in ("numpy", "BLAS threads", "numba", "mnist"):
        assert words in result.output


@pytest.fixture
def info_raises(monkeypatch):
    """A call that runs `pp-ref info`, which raises an error."""

    def run(error):
        def fail():
            raise error

        monkeypatch.setattr(tables, "print_info", fail)
        monkeypatch.setattr(sys, "argv", ["pp-ref", "info"])
        cli.main()

    return run


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_error_is_one_line(info_raises, kind):
    with pytest.raises(SystemExit) as ended:
        info_raises(kind("pairs has 'SE-SE', expected another: choose one"))
    assert ended.value.code == "pp-ref: pairs has 'SE-SE', expected another: choose one"  # on stderr, with exit code 1


def test_ctrl_c_outside_of_a_sweep(info_raises):
    with pytest.raises(SystemExit) as ended:
        info_raises(KeyboardInterrupt())
    assert ended.value.code == 130


def test_a_bug_is_not_hidden(info_raises):
    with pytest.raises(ZeroDivisionError):
        info_raises(ZeroDivisionError())


def test_help_imports_nothing_heavy():
    code = "import sys; from pp_ref.cli import app; app(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    loaded = python("-c", code).stdout.splitlines()[-1]
    for heavy in ("numpy", "scipy", "matplotlib", "numba"):
        assert f"'{heavy}'" not in loaded
