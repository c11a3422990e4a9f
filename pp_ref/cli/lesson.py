"""`pp-ref lesson`: list the lessons, open one, check answers, write pages."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pp_ref.cli.group import App, Group
from pp_ref.errors import EXPECTED, DomainError, import_extra

__all__ = ["lesson"]


class _Lessons(Group):
    """`pp-ref lesson 3` means `pp-ref lesson open 3`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the command, the command, and the other arguments."""
        return super().resolve_command(ctx, ["open", *args] if args[0].isdigit() else args)


lesson = App(
    cls=_Lessons,
    help="Ten lessons with functions to write, and a card that says what is wrong. `pp-ref lesson 3` opens one.",
    no_args_is_help=False,
    invoke_without_command=True,
)


@lesson.callback()
def listed(context: typer.Context) -> None:
    """List the lessons, and how far you are."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from pp_ref.lessons import progress
    from pp_ref.lessons.exercises import LESSONS
    from pp_ref.tables import plain_table

    table = plain_table("lessons", ["", "lesson", "exercises that agree", "others that were tried"], ["lesson"])
    for number, (title, exercises) in enumerate(LESSONS, 1):
        statuses = [progress.record(each.id).get("status") for each in exercises]
        agree, tried = statuses.count("right"), sum(status is not None for status in statuses)
        table.add_row(str(number), title, f"{agree} of {len(exercises)}", str(tried - agree or ""))
    Console().print(table)
    typer.echo(f"Open one with `pp-ref lesson 1`. Answers are kept in {progress.folder()}.")


@lesson.command("open")
def opened(
    number: Annotated[int, typer.Argument(help="1 to 10.", show_default=False)],
    edit: Annotated[bool, typer.Option("--edit", help="With the notebook's own code, in a copy of yours.")] = False,
    port: Annotated[int | None, typer.Option(min=1, help="Of the page.", show_default="a free one")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser; the address is printed.")] = False,
) -> None:
    """Open a lesson in the browser; Ctrl-C ends it."""
    try:
        import_extra("marimo", "lessons")
        path = _notebook(number)
        if edit:
            path = _copied(path)
    except EXPECTED as error:
        _refuse(error)
    command = [sys.executable, "-m", "marimo", "edit" if edit else "run", str(path)]
    command += ["--port", str(port)] if port else []
    command += ["--headless"] if headless else []
    command += ["--no-token"] if edit else []
    raise typer.Exit(subprocess.run(command).returncode)


@lesson.command()
def check(
    file: Annotated[Path, typer.Argument(help="A Python file with answers, as many as you have.", show_default=False)],
    tries: Annotated[int, typer.Option(min=1, help="How many tries have failed: from 3 on the repair is shown.")] = 1,
    as_json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="The cards for a grader; - prints them.")
    ] = None,
) -> None:
    """Judge answers: exit code 0 if every case agrees, else 1; 3 if nothing could be judged."""
    from pp_ref.files import write_atomically
    from pp_ref.lessons.judge import check_file

    try:
        cards = check_file(file)
        text = json.dumps([card.record(tries) for card in cards], indent=1)
        if as_json == "-":
            typer.echo(text)
        else:
            typer.echo("\n\n".join(card.text(tries) for card in cards))
            if as_json:
                write_atomically(Path(as_json), text.encode())
    except EXPECTED as error:
        _refuse(error)
    raise typer.Exit(any(card.status != "right" for card in cards))


@lesson.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder for the pages.", show_default=False)],
    only: Annotated[int | None, typer.Option(help="One lesson.", show_default="all")] = None,
) -> None:
    """Write the lessons as pages that need no network, with their pictures; they can be printed."""
    try:
        import_extra("marimo", "lessons")
        from pp_ref.lessons.export import export_pages

        for path in export_pages(folder, only):
            typer.echo(str(path))
    except EXPECTED as error:
        _refuse(error)


@lesson.command()
def teacher(
    folder: Annotated[Path, typer.Argument(help="JSON of `check --json`, a file a learner.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("teacher.html"),
) -> None:
    """Write a page for teachers: which mistakes, how often, in which exercise, and where nobody was diagnosed."""
    try:
        from pp_ref.lessons.teacher import write_page

        write_page(folder, out)
    except EXPECTED as error:
        _refuse(error)
    typer.echo(str(out))


def _notebook(number: int) -> Path:
    """The file of a lesson.

    raises  DomainError if there is none
    """
    from pp_ref.lessons.exercises import LESSONS

    if not 1 <= number <= len(LESSONS):
        raise DomainError(f"lesson is {number}, expected 1 to {len(LESSONS)}: `pp-ref lesson` lists them")
    return Path(__file__).parent.with_name("lessons") / "notebooks" / f"lesson{number:02}.py"


def _copied(path: Path) -> Path:
    """The learner's own copy of a notebook, which is made if there is none."""
    from pp_ref.lessons import progress

    copy = progress.folder() / path.name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return copy


def _refuse(error: Exception) -> None:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(3)
