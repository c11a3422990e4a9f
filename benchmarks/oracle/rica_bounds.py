"""How much of the bounds of RICA's gradient correct implementations use, with sums in random orders.

    nice python benchmarks/oracle/rica_bounds.py [--seeds 12] [--out FILE]

Each run computes the gradients of a case by the definition, on arrays that round after every step, with the terms of
every sum in an order of its own and the products of three matrices associated either way. *judged if* is the share that
would be judged if all bounds of the arithmetic were narrower by the largest share that any entry uses of its bound.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.truth import Expected, cotangents_of, evaluated, truth
from pp_ref.oracle.verdict.judged import inputs_of, judged
from pp_ref.records import STUDY, circumstances
from tests.oracle.algebras.emulated import Machine, algebra

REGIMES = ("plain", "square", "columns of one shape", "one example", "small numbers")
NAMES = ("tf32", "bfloat16", "float16")
ORDERS = ("forward", "reversed", "fused")  # "reversed" associates products otherwise; terms are shuffled in each


class Permuted(Machine):
    """One that adds up in another random order every time."""

    def summed(self, terms, start=0.0):  # type: ignore[no-untyped-def]
        terms = [*terms]
        return super().summed(np.asarray([terms[i] for i in self.rng.permutation(len(terms))]), start)


def used(identity: str) -> list[tuple[Expected, list[np.ndarray], np.ndarray]]:
    """Return every gradient with the inputs of its case, and the largest share of its bound that each entry uses."""
    case = case_of(identity)
    expected = [each for each in truth(case) if each.kind == "gradient"]
    inputs, most = inputs_of(case, expected), {each.name: np.zeros(each.exact.shape) for each in expected}
    for i, order in enumerate(ORDERS):
        with np.errstate(all="ignore"):
            found = evaluated(case, algebra(Permuted(case.arithmetic, order, i)), cotangents_of(case)).results
        for each in expected:
            share = abs(np.asarray(found[each.name].value, float) - each.exact) / each.bound
            most[each.name] = np.maximum(most[each.name], share)
    return [(each, inputs, most[each.name]) for each in expected]


def study(name: str, seeds: int) -> list[dict[str, object]]:
    """Return a row for each regime."""
    found = {
        regime: [each for seed in range(seeds) for each in used(f"rica_ufldl/{regime}/{name}/{seed}")]
        for regime in REGIMES
    }
    largest = max(float(share.max()) for rows in found.values() for *_, share in rows)
    rows: list[dict[str, object]] = []
    for regime, gradients in found.items():
        told = [judged(each, inputs).ravel() for each, inputs, _ in gradients]
        least = [judged(replace(each, bound=largest * each.bound), inputs).ravel() for each, inputs, _ in gradients]
        shares = np.concatenate([share.ravel() for *_, share in gradients])
        rows.append(
            {"arithmetic": name, "regime": regime, "entries": int(shares.size)}
            | {"median_share": float(np.median(shares)), "largest_share": float(shares.max())}
            | {"judged": float(np.mean(np.concatenate(told))), "judged_if": float(np.mean(np.concatenate(least)))}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    rows = [row for name in NAMES for row in study(name, arguments.seeds)]
    STUDY.write_json(arguments.out, {"seeds": arguments.seeds, "rows": rows} | circumstances())
    for row in rows:
        print(
            "{arithmetic:9} {regime:21} {entries:4} share {median_share:.4f} to {largest_share:.3f} "
            "judged {judged:.0%}, if {judged_if:.0%}".format(**row)
        )


if __name__ == "__main__":
    main()
