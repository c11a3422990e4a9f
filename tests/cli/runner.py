"""The commands run in this process."""

from typer.testing import CliRunner

from pp_ref import cli


def invoke(*arguments):
    return CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
