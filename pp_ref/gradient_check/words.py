"""Numbers with as many digits as are known, a bar that shows the calls of f, and the end of the time."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["OutOfTime", "counted", "digits"]

MOST = 17  # digits that bring a float64 back


class OutOfTime(Exception):
    """The time limit was reached."""


def digits(measured: float, claimed: float, uncertainty: float) -> tuple[str, str]:
    """Both numbers with the digits that the uncertainty leaves: to its second one, and so many that they differ.

    >>> from pp_ref.gradient_check.words import digits
    >>> digits(1.09831234, 1.09829876, 2e-6)
    ('1.0983123', '1.0982988')
    """
    size = max(abs(measured), abs(claimed))
    known = 6
    if all(map(math.isfinite, (size, uncertainty))) and size > 0 and uncertainty > 0:
        known = min(max(math.floor(math.log10(size)) - math.floor(math.log10(uncertainty)) + 2, 2), MOST)
    for count in range(known, MOST + 1):
        texts = f"{measured:.{count}g}", f"{claimed:.{count}g}"
        if texts[0] != texts[1] or measured == claimed:
            break
    return texts


@contextmanager
def counted(shown: bool) -> Iterator[Callable[[], None]]:
    """What is to be called once a call of f; a bar on standard error, if one is to be shown."""
    if not shown:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} calls"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("checking the gradient", total=None)
        yield lambda: bar.advance(task)
