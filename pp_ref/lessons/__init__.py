"""Ten lessons: the paper's ideas, a function to write in each, and a card that says what is wrong with yours.

`pp-ref lesson 3` opens one in the browser, `pp-ref lesson check FILE` judges answers in a terminal.
"""

from typing import TYPE_CHECKING

from pp_ref.lazy import lazily

if TYPE_CHECKING:
    from pp_ref.lessons.card import Card
    from pp_ref.lessons.judge import check, check_file

__all__ = ["Card", "check", "check_file"]

__getattr__, __dir__ = lazily(
    __name__, {"pp_ref.lessons.card": ("Card",), "pp_ref.lessons.judge": ("check", "check_file")}
)
