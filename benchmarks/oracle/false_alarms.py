"""False alarms of the oracle: correct implementations are put to random cases.

    nice python benchmarks/oracle/false_alarms.py [--seeds 1000] [--jobs 2] [--out FILE]

The candidates are pp_ref's layers with BLAS, dictionary first and weights first; its layers with sums in other orders:
from the last term to the first, in tiles of four, in halves, with products that are added before they are rounded; its
kernels for grids; the worked examples of `docs/examples` in NumPy, PyTorch and JAX. Every operation of a candidate gets
one random case a seed. A failed or suspicious case is a false alarm: exit code 1. FILE.partial keeps the results of a
study that was stopped, which the next call continues.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.candidates import own
from pp_ref.oracle.candidates.processes import InProcess, load
from pp_ref.oracle.operations.cases import random_case
from pp_ref.oracle.operations.nested import leaves
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import truth
from pp_ref.oracle.verdict.findings import Status
from pp_ref.oracle.verdict.judge import judge
from pp_ref.records import STUDY, circumstances

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
# These are no false alarms: PyTorch 2.13 on a CPU rounds dW to float16 after every example, bit for bit.
DEVIATIONS = {("PyTorch", "float16", "conv2d"): "the filters' gradient is added up over the examples in float16"}


def reversed_order(terms: np.ndarray) -> np.ndarray:
    """Return the sum of terms (k, ...), from the last to the first."""
    return in_order(terms[::-1])


def in_order(terms: np.ndarray) -> np.ndarray:
    total = np.zeros(terms.shape[1:], terms.dtype)
    for term in terms:
        total = total + term
    return total


def in_tiles(terms: np.ndarray) -> np.ndarray:
    """Return the sum of the sums of four terms each."""
    parts = [in_order(terms[i : i + 4]) for i in range(0, len(terms), 4)]
    return in_order(np.array(parts, terms.dtype).reshape(len(parts), *terms.shape[1:]))


def in_halves(terms: np.ndarray) -> np.ndarray:
    half = len(terms) // 2
    return in_order(terms) if half == 0 else in_halves(terms[:half]) + in_halves(terms[half:])


def fused(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a @ b; each product (exact in float32, of 64 bits in float64) is added before it is rounded."""
    total = np.zeros((*a.shape[:-1], b.shape[-1]), a.dtype)
    for i in range(a.shape[-1]):
        term = a[..., i, None].astype(np.longdouble) * b[..., i, :][..., None, :]
        total = (total + term).astype(a.dtype)
    return total


def terms_first(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return all products of a (..., n, k) and b (..., k, m) as (k, ..., n, m)."""
    return np.moveaxis(a[..., :, :, None] * b[..., None, :, :], -2, 0)


Order = Callable[[np.ndarray], np.ndarray]
# How terms are added up; in_order: products are fused.
ORDERS = {"reversed": reversed_order, "tiles of four": in_tiles, "halves": in_halves, "fused": in_order}


class Ordered(np.ndarray):
    """An array whose products and sums follow `order`."""

    order: Callable[[np.ndarray], np.ndarray]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **settings: Any) -> Any:
        plain = [_plain(x) for x in inputs]
        if out is not None:
            settings["out"] = tuple(map(_plain, out))
        floats = all(np.asarray(x).dtype.kind == "f" for x in plain)
        if (ufunc, method, floats) == (np.matmul, "__call__", True):
            result = _multiplied(*plain, self.order)
        elif (ufunc, method, floats) == (np.add, "reduce", True):
            result = _added(plain[0], self.order, settings.get("axis", 0), settings.get("keepdims", False))
        else:
            result = getattr(ufunc, method)(*plain, **settings)
            return result.view(type(self)) if isinstance(result, np.ndarray) and out is None else result
        if out is not None:
            _plain(out[0])[...] = result
            return out[0]
        return result.view(type(self)) if result.ndim else result[()]


def _plain(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, Ordered) else x


def _multiplied(a: np.ndarray, b: np.ndarray, order: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    left, right = a if a.ndim > 1 else a[None], b if b.ndim > 1 else b[:, None]
    found = fused(left, right) if order is in_order else order(terms_first(left, right))
    found = found if b.ndim > 1 else found[..., 0]
    return found if a.ndim > 1 else found[..., 0, :] if b.ndim > 1 else found[..., 0]


def _added(x: np.ndarray, order: Order, axis: Any, keepdims: bool) -> np.ndarray:
    axes = tuple(range(x.ndim)) if axis is None else tuple(i % x.ndim for i in np.atleast_1d(axis))
    moved = np.moveaxis(x, axes, range(len(axes)))
    length = int(np.prod(moved.shape[: len(axes)]))
    total = np.asarray(order(moved.reshape(length, *moved.shape[len(axes) :])))
    return np.expand_dims(total, axes) if keepdims else total


def ordered(name: str) -> dict[str, Callable[..., Any]]:
    """Return pp_ref's functions, which compute in the order of that name."""
    kind = type("Ordered", (Ordered,), {"order": staticmethod(ORDERS[name])})

    def given(x: Any) -> Any:
        if isinstance(x, list):
            return [given(each) for each in x]
        return x.view(kind) if type(x) is np.ndarray and x.dtype.kind == "f" else x

    def returned(x: Any) -> Any:
        return type(x)(map(returned, x)) if type(x) in (list, tuple) else _plain(x)

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: returned(function(*map(given, arguments)))

    return {name: wrapped(function) for name, function in own.functions().items()}


def candidates(arithmetic: str) -> dict[str, InProcess]:
    """Return the candidates of an arithmetic by name."""
    found = {}
    if arithmetic in ("float64", "float32"):
        found = {f"pp_ref, {order}": InProcess(ordered(order), arithmetic=arithmetic) for order in ORDERS}
        found |= {
            f"pp_ref, {first} first": InProcess(own.functions(i), arithmetic=arithmetic)
            for i, first in enumerate(("dictionary", "weights"))
        }
        found["pp_ref, separable"] = InProcess(own.kernels(), arithmetic=arithmetic)
        found["NumPy"] = load(str(EXAMPLES / "numpy_layers.py"), arithmetic=arithmetic)
        found["JAX"] = load(str(EXAMPLES / "jax_layers.py"), arithmetic=arithmetic)
    return found | {"PyTorch": load(str(EXAMPLES / "torch_layers.py"), arithmetic=arithmetic)}


def study(task: tuple[str, str, int]) -> tuple[tuple[str, str, int], list[dict[str, Any]]]:
    """Return the task (arithmetic, operation, seeds) and its rows, one a candidate."""
    name, operation_name, seeds = task
    operation = next(each for each in OPERATIONS if each.name == operation_name)
    rows = {
        candidate: {"candidate": candidate, "arithmetic": name, "operation": operation.name}
        | {"cases": 0, "announced": 0, "failed": [], "suspicious": [], "largest": 0.0, "likely": 0.0}
        for candidate in candidates(name)
    }
    judges = candidates(name)
    for seed in range(seeds):
        case = random_case(operation, arithmetic(name), seed)
        empty = any(leaf.size == 0 for value in case.arguments.values() for leaf in leaves(value) if np.ndim(leaf))
        # A candidate's announcement of this operation holds for a random case as well.
        alike = replace(case, regime="no example" if empty else "plain")
        expected = truth(case)
        for candidate, judged in list(judges.items()):
            row = rows[candidate]
            seen = judged.observe(case)
            if judged.expects(alike, seen):
                row["announced"] += 1
                continue
            finding = judge(case, expected, seen)
            if finding.status == Status.not_provided:
                del judges[candidate], rows[candidate]
                continue
            row["cases"] += 1
            if finding.status in (Status.failed, Status.suspicious):
                tensor = finding.worst
                said = "; ".join(finding.messages) or f"{tensor.name} {tensor.ratio:.3g} {tensor.likely:.3g}"
                row[finding.status].append(f"{case.id}: {said}")
            row["largest"] = max(row["largest"], *(tensor.ratio for tensor in finding.tensors), 0.0)
            row["likely"] = max(row["likely"], *(tensor.likely for tensor in finding.tensors), 0.0)
    return task, [row for row in rows.values() if row["cases"] or row["announced"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[operation.name for operation in OPERATIONS])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"  # before the workers start
    partial = arguments.out.with_name(arguments.out.name + ".partial")
    began, kept = time.perf_counter(), {"seeds": arguments.seeds, "seconds": 0.0, "done": [], "rows": []}
    if partial.exists():
        kept = STUDY.read_json(partial, "move it away to begin anew")
        if kept["seeds"] != arguments.seeds:
            parser.error(
                f"--seeds is {arguments.seeds}, but {partial} was begun with {kept['seeds']}: use that, or move it away"
            )
    tasks = [
        (*task, arguments.seeds)
        for task in product(("float64", "float32", "bfloat16", "float16"), arguments.only)
        if list(task) not in kept["done"]
    ]
    earlier, rows = kept["seconds"], kept["rows"]
    # Every task gets a new process, because JAX compiles for the shapes of one operation only.
    with multiprocessing.get_context("spawn").Pool(arguments.jobs, maxtasksperchild=1) as pool:
        for task, found in pool.imap_unordered(study, tasks):
            rows += found
            kept["done"].append(task[:2])
            kept["seconds"] = earlier + time.perf_counter() - began
            STUDY.write_json(partial, kept, indent=None)
            for row in found:
                print("{arithmetic:9} {operation:22} {candidate:26} {cases:5} largest {largest:.3f}".format(**row))
                for status in ("failed", "suspicious"):
                    print(*(f"  {status} {each}\n" for each in row[status]), sep="", end="")
                sys.stdout.flush()
    rows.sort(key=lambda row: (row["arithmetic"], row["operation"], row["candidate"]))
    deviations = dict.fromkeys(DEVIATIONS, 0)
    alarms = []
    for row in rows:
        key = (row["candidate"], row["arithmetic"], row["operation"])
        if key in DEVIATIONS:
            deviations[key] += len(row["failed"] + row["suspicious"])
        else:
            alarms += row["failed"] + row["suspicious"]
    record = {
        "seeds": arguments.seeds,
        "seconds": kept["seconds"],
        "cases": sum(row["cases"] for row in rows),
        "alarms": alarms,
        "deviations": [
            {"candidate": key[0], "arithmetic": key[1], "operation": key[2], "cases": number, "why": DEVIATIONS[key]}
            for key, number in deviations.items()
        ],
        "rows": rows,
    }
    STUDY.write_json(arguments.out, record | circumstances())
    partial.unlink(missing_ok=True)
    print(f"{record['cases']:,} cases, {len(alarms)} false alarms, {record['seconds']:.0f} s")
    sys.exit(bool(alarms))


if __name__ == "__main__":
    main()
