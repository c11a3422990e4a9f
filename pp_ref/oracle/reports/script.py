"""A case that fails as a program of its own: the inputs, the one call, and what is expected."""

from pathlib import Path
from typing import Any

import numpy as np

from pp_ref.errors import DomainError
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.nested import leaves
from pp_ref.oracle.operations.truth import cotangents_of, truth
from pp_ref.oracle.reports.telling import telling
from pp_ref.oracle.reports.words import operations, printable, replay, said
from pp_ref.oracle.verdict.findings import Finding, Report, Status

__all__ = ["script"]

TEXT = '''"""{title}

{words}
Written by `{command} --script FILE`. It needs NumPy{more} and the candidate, and nothing else.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np

CANDIDATE = {candidate!r}
NAN, INF = float("nan"), float("inf")


def loaded(name):
    if not name.endswith(".py"):
        return importlib.import_module(name)
    sys.path.insert(0, str(Path(name).resolve().parent))
    spec = importlib.util.spec_from_file_location("candidate", name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


{array}

# Inputs.
{inputs}

# The call.
candidate = loaded(sys.argv[1] if len(sys.argv) > 1 else CANDIDATE)
{call}

# What is expected: exact values, and how far a right function may be off.
expected = {expected}

wrong = False
for name, (exact, bound) in expected.items():
    computed, exact, bound = (np.asarray(x, float) for x in (plain(found(name)), exact, bound))
    if computed.shape != exact.shape:
        wrong = True
        print(f"{{name}} has shape {{computed.shape}}, expected {{exact.shape}}")
        continue
    with np.errstate(all="ignore"):
        bad = ~((computed == exact) | (abs(computed - exact) <= bound) | (np.isnan(computed) & np.isnan(exact)))
    wrong |= bool(bad.any())
    print(f"{{name}}: {{bad.sum()}} of {{bad.size}} entries are wrong")
    for at in np.argwhere(bad)[:3]:
        at = tuple(int(i) for i in at)
        found_, due = float(computed[at]), float(exact[at])
        print(f"  {{name}}{{list(at)}} is {{found_!r}}, expected {{due!r}} ± {{bound[at]:.3g}}")
sys.exit(wrong)
'''
ARRAYS = {
    "numpy": """
def array(numbers, dtype, order):
    x = np.array(numbers, dtype)
    if order == "F":
        return np.asfortranarray(x)
    if order == "strided":
        wide = np.zeros([2 * n for n in x.shape], x.dtype)
        wide[(slice(None, None, 2),) * x.ndim] = x
        return wide[(slice(None, None, 2),) * x.ndim]
    if order == "reversed":
        turned = (slice(None, None, -1),) * x.ndim
        return x[turned].copy()[turned]
    return x


def plain(x):
    return x
""",
    "torch": """
import torch


def array(numbers, dtype, order):
    x = torch.tensor(np.array(numbers, float)).to(getattr(torch, dtype))
    return x.mT.contiguous().mT if order == "F" and x.ndim > 1 else x


def plain(x):
    return x.detach().cpu().double().numpy() if isinstance(x, torch.Tensor) else x
""",
    "jax": """
import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def array(numbers, dtype, order):
    return jnp.asarray(np.array(numbers, float), dtype)


def plain(x):
    return np.asarray(x, float)
""",
}


def script(report: Report, arrays: str) -> str:
    """Of the most telling case that fails; of a replay that one.

    arrays   the candidate's library: "numpy", "torch" or "jax"
    raises   DomainError if no case fails, or for another library
    """
    failed = [finding for finding in report.findings if finding.status == Status.failed]
    if not failed:
        raise DomainError("script is asked for, but no case fails: there is nothing to show")
    if arrays not in ARRAYS:
        raise DomainError(f"script is asked for with arrays of {arrays!r}, expected {', '.join(ARRAYS)}")
    finding = telling(failed)
    case = case_of(finding.id)
    names = [part.diagnosis or "" for part in operations(report) if part.name == finding.operation]
    return TEXT.format(
        title=_quoted(f"{report.candidate} is wrong in {finding.id}."),
        words=_quoted("\n".join(said(finding) or names)),
        command=_quoted(replay(report, finding)),
        more="" if arrays == "numpy" else f", {arrays}",
        candidate=str(Path(report.candidate).resolve()) if report.candidate.endswith(".py") else report.candidate,
        array=ARRAYS[arrays].strip("\n"),
        inputs="\n".join(_inputs(case)),
        call=_call(case, finding),
        expected=_expected(case, finding),
    )


def _quoted(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"""', "'''")


def _inputs(case: Case) -> list[str]:
    lines = [f"{name} = {_source(value, case)}" for name, value in case.arguments.items()]
    if case.operation.learned and case.operation.kind == "layer":
        dy = [_source(x, case, "C") for x in cotangents_of(case)]
        several = isinstance(_value(case), list)
        lines.append(f"dy = [{', '.join(dy)}]" if several else f"dy = {dy[0]}")
    return lines


def _value(case: Case) -> Any:
    with np.errstate(all="ignore"):
        names = [each.name for each in truth(case) if each.kind == "value"]
    return None if names == ["y"] else names


def _source(value: Any, case: Case, layout: str | None = None) -> str:
    if isinstance(value, np.ndarray):
        dtype = case.arithmetic.dtype if value.dtype.kind == "f" else "int64"
        return f"array({_list(value.tolist())}, {dtype!r}, {(layout or case.layout)!r})"
    if isinstance(value, list | tuple) and any(isinstance(leaf, np.ndarray) for leaf in leaves(value)):
        inner = ", ".join(_source(each, case, layout) for each in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)"
    return repr(value)


def _list(value: Any) -> str:
    return repr(value).replace("nan", "NAN").replace("inf", "INF")


def _call(case: Case, finding: Finding) -> str:
    operation, arguments = case.operation, ", ".join(case.arguments)
    learned = [f"d{name}" for name in operation.learned]
    if operation.kind == "function":
        lines = [f"y = candidate.{operation.functions[0]}({arguments})"]
        given = {"y": "y"}
    elif operation.kind == "model":
        lines = [f"y, gradients = candidate.{operation.functions[0]}({arguments})"]
        given = {"y": "y"} | {name: f"gradients[{i}]" for i, name in enumerate(learned)}
    else:
        forward, backward = operation.functions
        lines = [f"y, cache = candidate.{forward}({arguments})", f"gradients = candidate.{backward}(dy, cache)"]
        if not any(tensor.name.startswith("d") for tensor in finding.tensors):
            lines = [f"y = candidate.{forward}({arguments})", "y = y[0] if isinstance(y, tuple) else y"]
            learned = []
        elif len(learned) == 1:
            lines.append("gradients = gradients if isinstance(gradients, tuple) else (gradients,)")
        given = {"y": "y"} | {name: f"gradients[{i}]" for i, name in enumerate(learned)}
    table = ", ".join(f"{name!r}: {source}" for name, source in given.items())
    places = (
        "\n\ndef found(name):\n"
        '    """A result by its name: "dw[0]" is the first of dw."""\n'
        f"    value, _, places = ({{{table}}})[name.partition('[')[0]], *name.partition('[')[1:]\n"
        "    for place in places.rstrip(']').split('][') if places else ():\n"
        "        value = value[int(place)]\n"
        "    return value\n"
    )
    return "\n".join(lines) + places


def _expected(case: Case, finding: Finding) -> str:
    shown = {tensor.name for tensor in finding.tensors}
    lines = [
        f"    {each.name!r}: ({_list(each.exact.tolist())}, {_list(each.bound.tolist())}),"
        for each in truth(case)
        if each.name in shown or not shown
    ]
    return "{\n" + "\n".join(lines) + "\n}"
