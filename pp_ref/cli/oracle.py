"""`pp-ref conform` and `pp-ref vectors`: the commands of the oracle."""

import os
import secrets
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pp_ref.cli.group import App
from pp_ref.errors import EXPECTED, DataError, DomainError
from pp_ref.files import reason, write_atomically

if TYPE_CHECKING:
    from pp_ref.oracle.verdict.findings import Report

__all__ = ["conform", "vectors", "vectors_export"]

vectors = App(help="Cases of the oracle as files, for implementations in any language.")

SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")]
OnlyOption = Annotated[list[str] | None, typer.Option(help="An operation; may be given again.", show_default="all")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Only the regimes that find most mistakes.")]

# Options that the export has already decided, or that files do not have.
OF_FUNCTIONS = (
    "arithmetic",
    "arrays",
    "autodiff",
    "device",
    "seed",
    "quick",
    "thorough",
    "large",
    "repeat",
    "limit",
    "import_limit",
    "show_output",
)


def conform(
    context: typer.Context,
    candidate: Annotated[
        str | None,
        typer.Argument(
            metavar="CANDIDATE",
            help="A Python file or a module, with functions of the documented names.",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="In place of CANDIDATE: exported vectors, with answers.", show_default="none"),
    ] = None,
    arithmetic: Annotated[
        str | None,
        typer.Option(help="float64, float32, tf32, bfloat16 or float16.", show_default="what it declares, or float64"),
    ] = None,
    arrays: Annotated[
        str | None, typer.Option(help="numpy, torch, jax or cupy.", show_default="what it declares, or numpy")
    ] = None,
    autodiff: Annotated[bool, typer.Option("--autodiff", help="Gradients are those of torch or jax.")] = False,
    only: OnlyOption = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of all shapes and numbers.", show_default="drawn, and printed")
    ] = None,
    quick: QuickOption = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="Also large cases that take minutes.")] = False,
    large: Annotated[
        bool, typer.Option("--large", help="Also arrays beyond 2^31 bytes: 10 GiB of memory and more, minutes a case.")
    ] = False,
    replay: Annotated[str | None, typer.Option(help="Run one case alone, by its id.")] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda or cuda:1, say.", show_default="what it declares, or none"),
    ] = None,
    repeat: Annotated[
        int,
        typer.Option(min=0, help="Further calls in every case. N of them see a race in 1 of k: 1 - (1 - 1/k)^N."),
    ] = 0,
    limit: Annotated[float, typer.Option(min=0.1, help="Seconds a case may take.")] = 20.0,
    import_limit: Annotated[float, typer.Option(min=0.1, help="Seconds that its import may take.")] = 60.0,
    show_output: Annotated[bool, typer.Option("--show-output", help="What it prints, case by case.")] = False,
    out: Annotated[list[Path] | None, typer.Option(help="A report: .json, .xml or .html; may be given again.")] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Show the operations, their regimes and planted faults; judge nothing.")
    ] = False,
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The most telling case that fails, as a program of its own.")
    ] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", metavar="-", help="The verdict as one object on standard output, and nothing else."),
    ] = None,
) -> None:
    """Judge an implementation against exact values and derived bounds, and say what is wrong with it.

    Exit code: 0 right, 1 wrong, 2 suspicious or incomplete, 3 not judged.
    """
    from pp_ref.oracle.candidates.declared import races
    from pp_ref.oracle.reports import check_name, failure, verdict_object, write_report
    from pp_ref.oracle.reports.script import script as program
    from pp_ref.oracle.run import conform as judged
    from pp_ref.oracle.verdict.findings import Status

    _open_standard_files()
    if listed:
        from pp_ref.oracle.reports.listing import listing

        typer.echo(listing())
        raise typer.Exit
    outputs: dict[str, str] = {}
    settings: dict[str, Any] = {"arithmetic": arithmetic, "arrays": arrays, "autodiff": autodiff or None}
    settings |= {"device": device, "repeat": repeat}
    try:
        for path in out or ():
            check_name(path)
        if json not in (None, "-"):
            raise DomainError(f"json is {json!r}, expected '-', standard output: --out FILE.json writes a whole report")
        if script is not None and files is not None:
            raise DomainError("--script is given beside --files, whose candidate cannot be called: leave one out")
        library = "numpy"
        if (candidate is None) == (files is None):
            raise DomainError("expected a CANDIDATE, or --files with a folder of vectors and answers, and not both")
        if files is not None:
            from pp_ref.oracle.candidates.answers import Answers

            _refuse_beside_files(context)
            answers = Answers(files)
            report = judged(answers, only=only or (), seed=answers.seed, replay=replay, among=answers.ids)
            report = replace(report, folder=str(files))
        elif candidate is not None:
            from pp_ref.oracle.candidates.processes import InWorker

            if quick and thorough:
                raise DomainError("expected --quick or --thorough, and not both")
            known = {name: value for name, value in settings.items() if value is not None}
            worker = InWorker(candidate, limit, import_limit, **known)
            try:
                drawn = secrets.randbits(64) if seed is None else seed  # which no candidate can know
                report = judged(worker, arithmetic, only or (), drawn, quick, replay, thorough=thorough, far=large)
            finally:
                worker.close()
            library = worker.arrays
            outputs = worker.outputs
        for path in out or ():
            write_report(report, path)
        if script is not None:
            write_atomically(script, program(report, library).encode())
        if json is None:
            _print(report, outputs, show_output, [*(out or []), *([script] if script else [])])
        if json is None and repeat:
            typer.echo(races(repeat))
        if report.findings and report.counts[Status.not_provided] == len(report.findings):
            names = " or ".join(dict.fromkeys(finding.operation for finding in report.findings))
            raise DataError(f"nothing could be judged: {report.candidate} has no function for {names}")
        if json is not None:
            typer.echo(verdict_object(report))
    except EXPECTED as error:
        if json is not None:
            typer.echo(failure(str(error)))
        typer.echo(f"pp-ref: {error}", err=True)
        raise typer.Exit(3) from None
    raise typer.Exit(report.exit_code)


def _print(report: "Report", outputs: dict[str, str], show: bool, written: list[Path]) -> None:
    """The report, what its calls go through, what it printed, and where reports were written.

    raises  DataError if standard output cannot be written to
    """
    from rich.console import Console

    from pp_ref.oracle.reports import print_report

    if sys.stdout is None:
        raise DataError("standard output is closed, and so the report cannot be written: write one with --out FILE")
    lines = [""]
    if calls := report.environment.get("calls"):
        lines.append(f"calls go through {', '.join(calls)}")
    for name, word in (report.environment.get("algorithms") or {}).items():
        lines.append(f"{name} is held to the bounds of {word}, as it declares")
    if outputs and not show:
        lines.append("it printed something: --show-output shows it")
    for name, text in outputs.items() if show else ():
        lines += ["", f"printed at {name}:", *(f"  {line}" for line in text.splitlines())]
    console = Console()
    try:
        with console.capture() as captured:
            print_report(report, console)
        text = captured.get().rstrip("\n") + "\n".join([*lines, *map(str, written), ""])
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes what is left in its buffer once more
        raise DataError(f"the report cannot be written to standard output: {reason(error)}") from error


def _open_standard_files() -> None:
    """Give the numbers 0, 1 and 2 to no pipe if the shell closed them: a candidate's process has its own there."""
    with suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) < 3:
            pass
        os.close(number)


def _refuse_beside_files(context: typer.Context) -> None:
    """Refuse what is not for files."""
    for name in OF_FUNCTIONS:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            option = name.replace("_", "-")
            raise DomainError(f"--{option} is given beside --files, whose folder has what was exported: leave it out")


@vectors.command("export")
def vectors_export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, an empty one, or one of vectors, which are replaced.")
    ],
    arithmetic: Annotated[str, typer.Option(help="float64, float32, tf32, bfloat16 or float16.")] = "float64",
    only: OnlyOption = None,
    seed: SeedOption = 0,
    quick: QuickOption = False,
) -> None:
    """Write the arguments of every case. Answers go beside them; `pp-ref conform --files` judges them."""
    from pp_ref.oracle.candidates.vectors import export

    manifest = export(folder, arithmetic, only or (), seed, quick)
    typer.echo(f"{len(manifest['cases'])} cases of {len(manifest['files'])} operations in {folder}")
