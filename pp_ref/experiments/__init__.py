"""The paper's figures from real data: one file a figure, and one run store and one sweep for all.

`FIGURES` lists what `pp-ref reproduce` makes; `judge` and `student_interval` decide what runs say of a sentence.
"""

from typing import TYPE_CHECKING

from pp_ref.lazy import lazily

if TYPE_CHECKING:
    from pp_ref.experiments.experiment import FIGURES
    from pp_ref.experiments.intervals import Judgement, Outcome, judge, student_interval
    from pp_ref.experiments.run_store import read_record

__all__ = ["FIGURES", "Judgement", "Outcome", "judge", "read_record", "student_interval"]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "pp_ref.experiments.experiment": ("FIGURES",),
        "pp_ref.experiments.intervals": ("Judgement", "Outcome", "judge", "student_interval"),
        "pp_ref.experiments.run_store": ("read_record",),
    },
)
