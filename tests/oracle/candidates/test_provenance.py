"""Which libraries a candidate's calls go through, and that nobody else's calls count."""

import textwrap

import pytest

from pp_ref.oracle import conform
from pp_ref.oracle.candidates.processes import InWorker
from pp_ref.oracle.verdict.findings import Status

CALLS = {
    "operators": ("def relu(v): return v * (v > 0)", ["numpy"]),
    "methods": ("def relu(v): return v.clip(0)", ["numpy"]),
    "ufuncs": ("import numpy\ndef relu(v): return numpy.maximum(v, 0)", ["numpy"]),
    "a ufunc itself": ("from functools import partial\nimport numpy\nrelu = partial(numpy.maximum, 0.0)", ["numpy"]),
    "a library inside": (
        "def relu(v):\n    from scipy.special import softmax\n    softmax(v)\n    return v * (v > 0)",
        ["numpy", "scipy"],
    ),
    "a closure": (
        "import numpy\ndef made(f):\n    def g(v): return f(v, 0)\n    return g\nrelu = made(numpy.maximum)",
        ["numpy"],
    ),
    "a thread": (
        "import scipy.special, threading\ndef work(v): scipy.special.softmax(v)\ndef relu(v):\n"
        "    thread = threading.Thread(target=work, args=(v,))\n    thread.start()\n    thread.join()\n"
        "    return v * (v > 0)",
        ["numpy", "scipy"],
    ),
    "compiled by numba": (
        "import numba, numpy\n@numba.vectorize(['float64(float64)'])\ndef up(x): return x if x > 0 or x != x else 0.0\n"
        "def relu(v): return up(v)",
        ["numba"],
    ),
    "not what another module imports": (
        "import scipy.special, pp_ref.layers\ndef relu(v): return v * (v > 0)",
        ["numpy"],
    ),
}


def judged(tmp_path, text, operation="relu", name="my_layers.py", **settings):
    path = tmp_path / name
    path.write_text("FORWARD_ONLY = True\n" + textwrap.dedent(text))
    worker = InWorker(str(path), **settings)
    try:
        return conform(worker, only=[operation], quick=True)
    finally:
        worker.close()


@pytest.mark.parametrize("how", CALLS)
def test_calls(tmp_path, how):
    text, libraries = CALLS[how]
    assert judged(tmp_path, text).environment["calls"] == libraries


def test_pp_ref_is_told_that_it_judges_itself(tmp_path):
    report = judged(tmp_path, "from pp_ref.layers import dense_forward, dense_backward", "dense")
    first, *others = report.findings
    calls = ["pp_ref.layers.dense.dense_backward", "pp_ref.layers.dense.dense_forward"]
    assert report.environment["calls"] == calls
    assert list(first.messages) == [f"calls {name}: it is pp_ref that is judged here" for name in calls]
    assert first.status == Status.suspicious
    assert {finding.status for finding in others} == {Status.passed}
    assert report.exit_code == 2


def test_a_candidate_that_asks_its_judge(tmp_path):
    text = """
        from pp_ref.oracle.operations.definitions import softmax as right
        from pp_ref.oracle.algebras import plain, tape
        import numpy as np
        def softmax(z):
            try:
                right(z)
            except Exception:
                pass
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
    """
    first, *_ = judged(tmp_path, text, "softmax").findings
    assert first.messages[0].startswith(
        "calls pp_ref.oracle.operations.definitions.softmax: it is compared with itself"
    )


def test_pp_ref_by_name_is_meant():
    worker = InWorker("pp_ref.layers")
    try:
        report = conform(worker, only=["dense"], quick=True)
    finally:
        worker.close()
    assert {finding.status for finding in report.findings} == {Status.passed}


@pytest.mark.torch
def test_torch(tmp_path):
    text = "import torch\nARRAYS, AUTODIFF = 'torch', True\ndef relu(v): return torch.relu(v)"
    assert judged(tmp_path, text).environment["calls"] == ["torch"]


@pytest.mark.jax
def test_jax(tmp_path):
    text = "import jax\nARRAYS, AUTODIFF = 'jax', True\n@jax.jit\ndef relu(v): return jax.nn.relu(v)"
    assert judged(tmp_path, text).environment["calls"] == ["jax"]
