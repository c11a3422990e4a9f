"""Ten lessons: the paper's ideas, a function to write in each, and a card that says what is wrong with yours.

`pp-ref lesson 3` opens one in the browser, `pp-ref lesson check FILE` judges answers in a terminal.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pp_ref.lessons.card import Card
    from pp_ref.lessons.judge import check, check_file

__all__ = ["Card", "check", "check_file"]


def __getattr__(name: str) -> Any:
    """Imported on first use."""
    if name == "Card":
        from pp_ref.lessons.card import Card

        return Card
    if name in __all__:
        from pp_ref.lessons import judge

        return getattr(judge, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
