"""`pp-ref conform` and `pp-ref vectors`: the commands of the oracle."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from pp_ref.errors import EXPECTED, DomainError

__all__ = ["conform", "vectors", "vectors_export"]

vectors = typer.Typer(help="Cases of the oracle as files, for implementations in any language.", no_args_is_help=True)

SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")]
OnlyOption = Annotated[list[str] | None, typer.Option(help="An operation; may be given again.", show_default="all")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Only the regimes that find most mistakes.")]


def conform(
    context: typer.Context,
    candidate: Annotated[
        str | None,
        typer.Argument(help="A Python file or a module, with functions of the documented names.", show_default=False),
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
    seed: SeedOption = 0,
    quick: QuickOption = False,
    replay: Annotated[str | None, typer.Option(help="Run one case alone, by its id.")] = None,
    limit: Annotated[float, typer.Option(min=0.1, help="Seconds a case may take.")] = 20.0,
    out: Annotated[list[Path] | None, typer.Option(help="A report: .json, .xml or .html; may be given again.")] = None,
) -> None:
    """Judge an implementation against exact values and derived bounds, and say what is wrong with it.

    Exit code 0: it conforms. 1: a case failed. 2: within all bounds, but suspicious. 3: it could not be judged.
    """
    from pp_ref.oracle.reports import print_report, write_report
    from pp_ref.oracle.run import conform as judged

    declared = {"arithmetic": arithmetic, "arrays": arrays, "autodiff": autodiff or None}
    try:
        if (candidate is None) == (files is None):
            raise DomainError("expected a CANDIDATE, or --files with a folder of vectors and answers, and not both")
        if files is not None:
            from pp_ref.oracle.candidates.answers import Answers

            _refuse_beside_files(context, "arithmetic", "arrays", "autodiff", "seed", "quick", "limit")
            answers = Answers(files)
            report = judged(answers, only=only or (), seed=answers.seed, replay=replay, among=answers.ids)
            report = replace(report, folder=str(files))
        elif candidate is not None:
            from pp_ref.oracle.candidates.processes import InWorker

            known = {name: value for name, value in declared.items() if value is not None}
            worker = InWorker(candidate, limit, **known)
            try:
                report = judged(worker, arithmetic, only or (), seed, quick, replay)
            finally:
                worker.close()
        print_report(report)
        for path in out or ():
            write_report(report, path)
            typer.echo(path)
    except EXPECTED as error:
        typer.echo(f"pp-ref: {error}", err=True)
        raise typer.Exit(3) from None
    raise typer.Exit(report.exit_code)


def _refuse_beside_files(context: typer.Context, *names: str) -> None:
    """Refuse options that the export has already decided, or that files do not have."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise DomainError(f"--{name} is given beside --files, whose folder has what was exported: leave it out")


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
