"""A fit on several processes: what is learned travels at each step, what is static does not (paper, sec. 1).

A batch, or a data set, is cut into parts, and the gradients of the parts are added in one tree, which depends on the
number of parts alone. A rank (a process) owns a subtree, so any number of ranks computes the same bits:

           0-7
       0-3     4-7          1 rank owns all eight parts, 2 ranks four each,
     0-1 2-3 4-5 6-7        3 ranks own 0-3, 4-5 and 6-7

Every rank runs the same program. Each makes the static parameters itself, from the seed or the recipe; their digests
are compared at the start. At a step a rank sends one message, the sum of its parts' gradients and losses, up the tree,
and the sum over all parts comes down the tree. Then each rank takes the same step. Rank 0 alone writes files.
"""

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from zlib import crc32

import numpy as np

from pp_ref.arrays import Array, array_namespace, check_integer, to_numpy
from pp_ref.errors import DomainError
from pp_ref.training.checkpoint import Checkpoint, State
from pp_ref.training.fit import Objective, Params, checked
from pp_ref.training.flat import Layout
from pp_ref.training.link import ALONE, Link, Numbers

__all__ = ["Group"]

HEADER = 24  # bytes of a message before its numbers: number and kind of the exchange, checksum of its inputs
KINDS = ("a step", "the comparison of what is static", "a checkpoint", "the counters")
STEP, AGREE, STATE, COUNT = range(len(KINDS))

PartObjective = Callable[[Params, int], tuple[Array, Params]]


class Group:
    """The parts into which a fit is cut, and the ranks that share them.

    parts   int >= 1. 1, the default: nothing is cut
    link    the ranks, as `world` returns them; None: this process alone
    raises  DomainError for more ranks than parts

    The bits of a fit depend on the number of parts, never on the number of ranks.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import SGD, Group, fit_sgd
    >>> x = np.arange(8.0)
    >>> def objective(params, rows, rng):
    ...     error = params["mean"] - x[rows]
    ...     return (error**2).mean() / 2, {"mean": error.mean(keepdims=True)}
    >>> group = Group(parts=4)
    >>> fit = fit_sgd(group.divide(objective), {"mean": np.zeros(1)}, 8, SGD(1, 0.5, batch=8), np.random.default_rng(0))
    >>> fit.params  # half the way from 0 to 3.5
    {'mean': array([1.75])}
    >>> group.cost()["steps"]
    1
    """

    def __init__(self, parts: int = 1, link: Link | None = None) -> None:
        check_integer(1, parts=parts)
        link = link or ALONE
        if link.size > parts:
            raise DomainError(
                f"there are {link.size} ranks for {parts} parts of a batch, expected at most {parts}: start fewer ranks"
            )
        self.parts, self.link = parts, link
        self._exchanges = 0
        self._steps, self._sent, self._sent_in_steps = 0, 0, 0  # of this rank; bytes
        self._computing, self._stepping = 0.0, 0.0  # seconds
        self._static = 0  # bytes

    @property
    def own(self) -> range:
        """The parts of this rank."""
        parts, ranks = range(self.parts), range(self.link.size)
        while len(ranks) > 1:
            parts, ranks = next(
                half for half in zip(_halves(parts), _halves(ranks), strict=True) if self.link.rank in half[1]
            )
        return parts

    def cuts(self, n: int) -> list[slice]:
        """Return the rows of each part of n rows; the first parts have one row more than the last ones."""
        ends = np.cumsum([n // self.parts + (part < n % self.parts) for part in range(self.parts)])
        return [slice(int(start), int(end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def divide(self, objective: Objective, *, summed: bool = False) -> Objective:
        """Return the objective of `fit_sgd`, computed part by part.

        objective  (params, rows, rng) -> (loss, gradient), a mean over the examples in rows; rng differs from part to
                   part
        summed     True: it is a sum over them
        returns    the same function; with one part, the objective itself. Its first call raises DomainError for fewer
                   rows than parts. The last batch of an epoch may have fewer
        """
        if self.parts == 1:
            return objective

        def divided(params: Params, rows: Numbers, rng: np.random.Generator) -> tuple[Array, Params]:
            n, seeds, cuts = len(rows), rng.integers(0, 2**63, self.parts), self.cuts(len(rows))
            if not self._steps and n < self.parts:
                raise DomainError(
                    f"a batch has {n} examples, expected at least {self.parts}, one for each part: take more"
                )

            def part(number: int) -> tuple[Array, Params, float]:
                share = rows[cuts[number]]
                returned = objective(params, share, np.random.default_rng(seeds[number]))
                return *checked(returned, params), 1.0 if summed else len(share) / n

            return self._sum(params, [k for k in self.own if cuts[k].start < cuts[k].stop], part, rows, seeds)

        return divided

    def total(self, objective: PartObjective) -> Callable[[Params], tuple[Array, Params]]:
        """Return the objective of `fit_lbfgs`: the sum of objective(params, part) over all parts.

        objective  called with the numbers of this rank's parts alone, `own`
        """
        if self.parts == 1:
            return lambda params: objective(params, 0)
        return lambda params: self._sum(params, list(self.own), lambda k: (*checked(objective(params, k), params), 1.0))

    def agree(self, of: Callable[[], dict[str, Any]]) -> None:
        """Compare values with those of the other ranks.

        of      () -> by name, arrays, or dicts of arrays, or what JSON can hold; called if there are several parts.
                `cost` counts those that are called "static parameters"
        raises  DomainError that names the rank and what differs, on one of the ranks
        """
        if self.parts == 1:
            return
        named = of()
        self._static += sum(array.nbytes for array in named.get("static parameters", {}).values())
        if self.link.size == 1:
            return
        names, own = list(named), np.concatenate([_digest(value) for value in named.values()])

        def compare(mine: Numbers, theirs: Numbers, source: int) -> Numbers:
            if theirs.shape != mine.shape:
                raise DomainError(f"rank {source} compares other things than rank {self.link.rank}, {', '.join(names)}")
            rows = (theirs != mine).reshape(len(names), -1).any(axis=1)
            if rows.any():
                differing = " and ".join(name for name, differs in zip(names, rows, strict=True) if differs)
                raise DomainError(
                    f"rank {source} has other {differing} than rank {self.link.rank}: expected the same files, "
                    "versions and settings on all machines"
                )
            return mine

        self._exchange(AGREE, 0, lambda _: own, compare)

    def checkpoint(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """Return the checkpoint for a fit on all ranks: rank 0 reads and writes its file, the others get its state."""
        if checkpoint is None or self.link.size == 1:
            return checkpoint
        return _Shared(checkpoint.path, checkpoint.recipe, self)

    def shared(self, value: Any) -> Any:
        """Return rank 0's value, whatever it is on the others."""
        if self.link.size == 1:
            return value
        pickled = np.frombuffer(pickle.dumps(value if self.link.rank == 0 else None), np.uint8)
        return pickle.loads(self._exchange(STATE, 0, lambda _: pickled, lambda mine, theirs, source: mine).tobytes())

    def cost(self) -> dict[str, Any]:
        """Return what the fit has cost, for its record; all ranks have to call it.

        returns  parts, ranks and steps; message_bytes, of one gradient; bytes_a_step, that all ranks together send at a
                 step; other_bytes, that they send before and between the steps; static_bytes, which each rank makes and
                 nobody sends; computation_s and communication_s, means over ranks: communication includes waiting
        """
        steps, ranks = max(self._steps, 1), self.link.size
        own = np.array([self._sent_in_steps, self._sent, self._computing, self._stepping])
        in_steps, sent, computing, stepping = self._exchange(
            COUNT, 0, lambda part: own * (part == self.own[0]), lambda mine, theirs, source: mine + theirs
        ).tolist()
        return {
            "parts": self.parts,
            "ranks": ranks,
            "steps": self._steps,
            "bytes_a_step": round(in_steps / steps),
            "other_bytes": round(sent - in_steps),
            "static_bytes": self._static,
            "computation_s": computing / ranks,
            "communication_s": (stepping - computing) / ranks,
        }

    def _sum(
        self, params: Params, parts: list[int], objective: Callable[[int], tuple[Array, Params, float]], *also: Numbers
    ) -> tuple[Array, Params]:
        """Return the sum over all parts of weight * (loss, gradient); ``parts`` are those of this rank that have any.

        also  arrays that decide the result beside params: their checksums are compared with those of the other ranks
        """
        layout = Layout({name: tuple(array.shape) for name, array in params.items()})
        xp, dtype = array_namespace(*params.values()), np.result_type(*(to_numpy(p[:0]) for p in params.values()))
        began, sent = time.perf_counter(), self._sent

        def numbers(part: int) -> Numbers:
            start = time.perf_counter()
            vector = np.zeros(layout.size + 1, dtype)
            if part in parts:
                loss, gradient, weight = objective(part)
                vector[:-1], vector[-1] = to_numpy(layout.vector(gradient)), to_numpy(loss)
                vector *= weight
            self._computing += time.perf_counter() - start
            return vector

        check = 0
        for array in (*params.values(), *also) if self.link.size > 1 else ():
            check = crc32(np.ascontiguousarray(to_numpy(array)).data, check)
        vector = self._exchange(STEP, check, numbers, lambda mine, theirs, source: mine + theirs)
        self._stepping += time.perf_counter() - began
        self._sent_in_steps += self._sent - sent
        self._steps += 1
        return xp.asarray(vector[-1]), layout.views(xp.asarray(vector[:-1]))

    def _exchange(
        self,
        kind: int,
        check: int,
        leaf: Callable[[int], Numbers],
        combine: Callable[[Numbers, Numbers, int], Numbers],
    ) -> Numbers:
        """Return leaf(part) of all parts, combined in the tree, on every rank.

        check    checksum of what has to be the same on all ranks
        combine  (what the left half gave, what the right half gave, the rank that gave the latter)
        """
        header = np.array([self._exchanges, kind, check], np.int64)
        self._exchanges += 1

        def send(numbers: Numbers, to: int) -> None:
            message = np.concatenate([header.view(np.uint8), np.ascontiguousarray(numbers).view(np.uint8)])
            self._sent += message.size
            self.link.send(message, to)

        def receive(source: int, dtype: np.dtype[Any]) -> Numbers:
            message = self.link.receive(source)
            self._compare(header, message[:HEADER].view(np.int64), source)
            return message[HEADER:].view(dtype)

        def up(parts: range, ranks: range) -> Numbers:
            if len(parts) == 1:
                return leaf(parts[0])
            (left, right), (first, second) = _halves(parts), _halves(ranks)
            if len(ranks) == 1:
                return combine(up(left, ranks), up(right, ranks), ranks[0])
            if self.link.rank in second:
                numbers = up(right, second)
                if self.link.rank == second[0]:
                    send(numbers, first[0])
                return numbers
            numbers = up(left, first)
            if self.link.rank == first[0]:
                return combine(numbers, receive(second[0], numbers.dtype), second[0])
            return numbers

        def down(ranks: range, numbers: Numbers) -> Numbers:
            first, second = _halves(ranks)
            if not first:
                return numbers
            if self.link.rank == first[0]:
                send(numbers, second[0])
            elif self.link.rank == second[0]:
                numbers = receive(first[0], numbers.dtype)
            return down(first if self.link.rank in first else second, numbers)

        ranks = range(self.link.size)
        return down(ranks, up(range(self.parts), ranks))

    def _compare(self, own: Numbers, theirs: Numbers, source: int) -> None:
        """raises DomainError if a message is of another exchange, or of one with other inputs"""
        if (own == theirs).all():
            return
        if (own[:2] == theirs[:2]).all():
            raise DomainError(
                f"rank {source} is at {KINDS[own[1]]} with other parameters or examples than rank {self.link.rank}: "
                "its machine computes other bits; expected the same versions and the same kind of processor on all"
            )
        at = [f"exchange {header[0]}, {KINDS[header[1]]}" for header in (theirs, own)]
        raise DomainError(
            f"rank {source} is at {at[0]}, but rank {self.link.rank} at {at[1]}: expected one program on all "
            "ranks, with no branch that depends on the rank"
        )


@dataclass(frozen=True)
class _Shared(Checkpoint):
    """A checkpoint of rank 0, for all ranks."""

    group: Group = field(default_factory=Group, compare=False)

    def save(self, state: State) -> None:
        if self.group.link.rank == 0:
            super().save(state)

    def load(self) -> State | None:
        state: State | None = self.group.shared(super().load() if self.group.link.rank == 0 else None)
        return state


def _halves(whole: range) -> tuple[range, range]:
    """A range in two; the second half is the longer one."""
    return whole[: len(whole) // 2], whole[len(whole) // 2 :]


def _digest(value: Any) -> Numbers:
    """The SHA-256 of a value with its arrays' names, dtypes and shapes."""
    digest = sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for name in sorted(value):
                add(name)
                add(value[name])
        elif isinstance(value, list | tuple):
            for each in value:
                add(each)
        elif hasattr(value, "dtype"):
            array = np.ascontiguousarray(to_numpy(value))
            add(f"{array.dtype} {array.shape}")
            digest.update(array.data if array.size else b"")
        else:
            digest.update(f"{value!r};".encode())

    add(value)
    return np.frombuffer(digest.digest(), np.uint8)
