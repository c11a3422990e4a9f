"""Every small change of a function's text: mistakes that nobody has written down.

The rules are those of mutation testing (DeMillo, Lipton and Sayward, *Hints on test data selection*, 1978), and three
of linear algebra. Nothing is chosen: a change is every place at which a rule applies.
"""

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Any

__all__ = ["Change", "altered", "called", "changes"]

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_ONE_SIDED = (ast.Sub, ast.Div, ast.MatMult, ast.Pow)
_COMPARISONS: dict[type[ast.cmpop], tuple[ast.cmpop, ...]] = {
    ast.Gt: (ast.GtE(), ast.Lt()),
    ast.GtE: (ast.Gt(), ast.Lt()),
    ast.Lt: (ast.LtE(), ast.Gt()),
    ast.Eq: (ast.NotEq(),),
}
_OF_ARRAYS = ("T", "shape", "dtype", "ndim", "size")
_FUNCTIONS = {
    "sum": "mean",
    "mean": "sum",
    "max": "min",
    "maximum": "minimum",
    "minimum": "maximum",
    "argmax": "argmin",
    "exp": "expm1",
    "log1p": "log",
    "sqrt": "square",
    "tanh": "sin",
}


@dataclass(frozen=True)
class Change:
    """One expression or statement, `before` and `after`, as texts, and the rule by which it changes."""

    rule: str
    before: str
    after: str


def changes(function: ast.FunctionDef) -> Iterator[Change]:
    """Every change of a function's body, made in place: each is there until the next one is asked for."""
    variables = _variables(function)
    for parent, node, put in list(_places(function)):
        if isinstance(parent, ast.Attribute) and ast.unparse(parent) in variables:
            continue
        # A name or a number alone says little.
        shown = parent if isinstance(parent, ast.expr) and isinstance(node, ast.Name | ast.Constant) else None
        for rule, other in _others(node, variables):
            before = ast.unparse(shown or node)
            put(ast.copy_location(other, node))
            ast.fix_missing_locations(function)
            yield Change(rule, before, ast.unparse(shown or other))
            put(node)


def altered(function: Callable[..., Any]) -> Iterator[tuple[Change, Callable[..., Any]]]:
    """A function of a module, with every change of its own text and of those functions of the module that it calls."""
    module = sys.modules[function.__module__]
    parts = [ast.parse(inspect.getsource(each)).body[0] for each in called(function)]
    tree = ast.Module(parts, [])
    for part in parts:
        for change in changes(part) if isinstance(part, ast.FunctionDef) else ():
            names = dict(vars(module))
            exec(compile(tree, module.__name__, "exec"), names)
            yield change, names[function.__name__]


def called(function: Callable[..., Any]) -> list[FunctionType]:
    """A function, and those of its module that it calls."""
    module = sys.modules[function.__module__]
    found: list[FunctionType] = []
    left: list[Any] = [function]
    while left:
        each = left.pop()
        if each not in found and isinstance(each, FunctionType) and each.__module__ == module.__name__:
            found.append(each)
            left += [vars(module).get(name) for name in each.__code__.co_names]
    return found


def _variables(function: ast.FunctionDef) -> list[str]:
    """Arguments, what is assigned, and the fields of both that are read."""
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names = (stored | {argument.arg for argument in function.args.args}) - {"_"}
    called = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    fields = {
        ast.unparse(node)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr not in _OF_ARRAYS and node not in called
        if isinstance(node.value, ast.Name) and node.value.id in names
    }
    return sorted(names | fields)


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, Callable[[ast.AST], None]]]:
    """Every node below its parent, with how to put another in its place; types and the words of errors aside."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") or isinstance(node, ast.Raise):
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                put = partial(value.__setitem__, i) if isinstance(value, list) else partial(setattr, node, name)
                yield node, child, put
                yield from _places(child)


def _others(node: ast.AST, variables: list[str]) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.BinOp(left, op, right):
            for kind in _ARITHMETIC:
                if isinstance(op, _ARITHMETIC) and not isinstance(op, kind):
                    yield "another operator", ast.BinOp(left, kind(), right)
            if isinstance(op, _ONE_SIDED):
                yield "operands exchanged", ast.BinOp(right, op, left)
            yield "an operand left out", left
            yield "an operand left out", right
            yield "a sign", ast.UnaryOp(ast.USub(), node)
        case ast.UnaryOp(ast.USub(), operand):
            yield "a sign", operand
        case ast.Attribute(value, "T"):
            yield "a transpose left out", value
        case ast.Constant(bool(value)):
            yield "a constant", ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield "a constant", ast.Constant(value + 1)
            yield "a constant", ast.Constant(value - 1)
        case ast.Name() | ast.Attribute() if ast.unparse(node) in variables and isinstance(node.ctx, ast.Load):
            for other in variables:
                if other != ast.unparse(node):
                    yield "another variable", ast.parse(other, mode="eval").body
        case ast.Compare(left, [op], [right]):
            for comparison in _COMPARISONS.get(type(op), ()):
                yield "a comparison", ast.Compare(left, [comparison], [right])
        case ast.Attribute(value, name, context) if name in _FUNCTIONS:
            yield "another function", ast.Attribute(value, _FUNCTIONS[name], context)
        case ast.Name(name, context) if name in _FUNCTIONS:
            yield "another function", ast.Name(_FUNCTIONS[name], context)
        case ast.AugAssign() | ast.Expr(ast.Call()):
            yield "a statement left out", ast.Pass()
