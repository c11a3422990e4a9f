"""Reports as an oracle makes them: every status, and the words of a candidate that means harm."""

import math
from dataclasses import replace

import numpy as np

from pp_ref.oracle.verdict.findings import Finding, Report, Status, TensorVerdict

HOSTILE = "<script>alert('1')</script> ]]> & \"'\0\x1b[31m\ud800 --> [bold]"


def good(name="y", shape=(7, 5), ratio=0.03):
    return TensorVerdict(name, shape, ratio, 0.4, (0,) * len(shape), 0.25, 0.25, 3e-7, judged=0.75)


def bad(name, shape, wrong, exact=0.5):
    """A tensor with errors of 1e5 times the bound at the entries `wrong`, and every size of error below the bound."""
    rng = np.random.default_rng(len(shape))
    errors = 10.0 ** rng.uniform(-4, -0.1, shape)
    for number, at in enumerate(wrong):
        errors[at] = 10.0 ** (5 - number % 5)
    bound = 2.0**-21
    worst = float(errors[wrong[0]])
    return TensorVerdict(
        name,
        shape,
        worst,
        worst * 9,
        tuple(wrong[0]),
        exact + worst * bound,
        exact,
        bound,
        len(wrong),
        tuple(errors.ravel().tolist()),
    )


def not_a_number(name, shape):
    errors = np.full(shape, 0.01)
    errors[-1] = np.inf
    at = (shape[0] - 1,) + (0,) * (len(shape) - 1)
    return TensorVerdict(
        name,
        shape,
        math.inf,
        math.inf,
        at,
        math.nan,
        -0.0,
        1e-7,
        int(np.isinf(errors).sum()),
        tuple(errors.ravel().tolist()),
    )


def case(operation, regime, status, *tensors, seed=0, **more):
    return Finding(
        f"{operation}/{regime}/float32/{seed}", operation, regime, status, tensors=tensors, seconds=0.25, **more
    )


TAILS = {
    "bug": "rows past the last full tile are skipped",
    "effect": "their results are whatever was in memory before",
}


def sample():
    tails = [(y, x) for y in (6,) for x in range(15)]
    return Report(
        candidate="mylib.layers:torch_layers",
        arithmetic="float32",
        seed=0,
        findings=(
            case("dense", "plain", Status.passed, good(), good("dv", ratio=0.07), good("dw"), good("db", (5,))),
            case("dense", "empty", Status.passed, TensorVerdict("y", (0, 5), 0.0, 0.0)),
            case("predicted", "plain", Status.passed, good(ratio=0.41)),
            case(
                "predicted",
                "tails",
                Status.failed,
                good(),
                bad("dv", (7, 15), tails),
                bad("dw[1]", (8, 15), [(7, 3)]),
                diagnosis="dv: the last row is 0, as a kernel leaves a batch that is no multiple of its tile",
                **TAILS,
            ),
            case("predicted", "tails", Status.failed, bad("dv", (9, 15), [(8, 0)]), seed=1, **TAILS),
            case("predicted", "powers", Status.failed, bad("y", (9,), [(8,), (2,)]), **TAILS),
            case(
                "predicted_conv2d",
                "strides",
                Status.failed,
                bad("y", (2, 3, 4, 70), [(1, 2, 3, 69), (0, 0, 0, 0), (0, 0, 1, 1), (1, 0, 0, 33)]),
                bug="the stride is taken from the wrong axis",
                effect="results of a neighbouring place",
            ),
            case("softmax_cross_entropy", "large", Status.failed, not_a_number("dz", (6, 10))),
            case(
                "softmax_cross_entropy", "plain", Status.suspicious, TensorVerdict("y", (), 0.8, 1.7, (), 1.0, 1.1, 0.2)
            ),
            case("maxout", "ties", Status.suspicious, TensorVerdict("y", (3, 2), 0.6, 1.2, (1, 1), 1.0, 1.1, 0.2)),
            case(
                "maxout", "ties", Status.suspicious, TensorVerdict("y", (3, 2), 0.6, 1.1, (1, 1), 1.0, 1.1, 0.2), seed=1
            ),
            case(
                "lowrank", "plain", Status.failed, messages=("raised ValueError: shapes (7, 3) and (4, 5) not aligned",)
            ),
            case("rica", "plain", Status.not_provided, reason="no function of this name"),
            case(
                "mlp",
                "plain",
                Status.not_judged,
                replace(good(), judged=0.0),
                arguments={"x": [5, 7], "decay": 0.0},
                calls=12,
            ),
            case("mlp", "large", Status.left_out, reason="40 s a case"),
            case(
                "local_response",
                "plain",
                Status.expected,
                bad("dv", (4, 3), [(0, 0)]),
                reason="divides alpha by nothing",
            ),
            case("unit_columns", "tiny", Status.unexpected_pass, good("W"), reason="flushes subnormals to zero"),
        ),
        diagnoses={"predicted": "dv: rows past the last full tile of 8 are 0"},
        environment={
            "versions": {"pp_ref": "0.1.0", "python": "3.11.7", "numpy": "2.4.6"},
            "machine": {"processor": "AMD EPYC", "cores": 2, "system": "Linux x86_64"},
        },
        seconds=4.2,
    )


def hostile():
    """Every word that anybody chooses is hostile, and the numbers are NaN and infinities."""
    tensor = TensorVerdict(
        HOSTILE, (2,), math.nan, math.nan, (1,), -math.inf, math.nan, 0.0, 2, errors=(math.nan, math.inf)
    )
    words = dict.fromkeys(("operation", "regime", "diagnosis", "bug", "effect", "reason"), HOSTILE)
    return Report(
        candidate=HOSTILE,
        arithmetic="float32",
        seed=0,
        findings=tuple(
            Finding(f"{HOSTILE}/{status}", status=status, tensors=(tensor,), messages=(HOSTILE, "two\nlines"), **words)
            for status in Status
        ),
        diagnoses={HOSTILE: HOSTILE},
        environment={HOSTILE: [HOSTILE]},
    )


EMPTY = Report("empty", "float64", 7, ())
REPORTS = {"sample": sample(), "hostile": hostile(), "empty": EMPTY}
