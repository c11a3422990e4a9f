"""The exercises of all lessons, a file a lesson."""

from pp_ref.lessons.exercise import Exercise
from pp_ref.lessons.exercises import (
    cluster,
    dictionaries,
    filters,
    kernels,
    layer,
    pooling,
    redundancy,
    rica,
    ridge,
    rounding,
)
from pp_ref.oracle.operations.case import Case

__all__ = ["EXERCISES", "LESSONS", "OPERATIONS", "case_of"]

LESSONS = (
    ("Why W = U V, and why fix U", redundancy.EXERCISES),
    ("Predicting a feature from a few weights", ridge.EXERCISES),
    ("The predicted layer, forward and backward", layer.EXERCISES),
    ("Columns and pooling", pooling.EXERCISES),
    ("Dictionaries from data", dictionaries.EXERCISES),
    ("Predicted filters in a convnet", filters.EXERCISES),
    ("RICA: eight answers to one exercise", rica.EXERCISES),
    ("How wrong may a right program be", rounding.EXERCISES),
    ("From loops to a fast kernel", kernels.EXERCISES),
    ("What travels in a cluster", cluster.EXERCISES),
)
EXERCISES: tuple[Exercise, ...] = tuple(each for _, exercises in LESSONS for each in exercises)
# What the process of an answer is told: see `pp_ref.oracle.candidates.processes.InWorker`.
OPERATIONS = tuple(each.operation for each in EXERCISES)
BY_OPERATION = {each.operation.name: each for each in EXERCISES}


def case_of(identity: str) -> Case:
    """The case that an id names, "product/case 3/float64/0"; the process of an answer asks."""
    operation, regime, *_ = identity.split("/")
    return BY_OPERATION[operation].case(int(regime.rpartition(" ")[2]))
