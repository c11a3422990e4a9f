"""Functions with their gradients, and with wrong ones, for the gradient check to judge."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    """f, its right gradient g, and where."""

    f: Callable[[Any], Any]
    g: Callable[[Any], Any]
    x: Any


def real_only(problem: Problem) -> Problem:
    """The same, for which no complex step can be taken."""

    def f(x):
        if any(map(np.iscomplexobj, x.values() if isinstance(x, dict) else [x])):
            raise TypeError("x is complex")
        return problem.f(x)

    return problem._replace(f=f)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_layer(rng, dtype, d=4, m=4, n=10, decay=0.0):
    """sum c sigmoid(v W) + decay/2 |W|^2"""
    v, c = (rng.standard_normal(shape).astype(dtype) for shape in ((n, d), (n, m)))
    W, decay = (rng.standard_normal((d, m)) / np.sqrt(d)).astype(dtype), dtype(decay)

    def f(W):
        return (c * sigmoid(v @ W)).sum() + decay / 2 * (W * W).sum()

    def g(W):
        y = sigmoid(v @ W)
        return v.T @ (c * y * (1 - y)) + decay * W

    return Problem(f, g, W)


def softmax_cross_entropy(rng, dtype, d=4, m=4, n=10):
    """mean of -log softmax(v W + b)[label], of a dict"""
    v, labels = rng.standard_normal((n, d)).astype(dtype), rng.integers(0, m, n)
    params = {"W": rng.standard_normal((d, m)).astype(dtype), "b": np.zeros(m, dtype)}

    def softmax(params):
        z = v @ params["W"] + params["b"]
        exps = np.exp(z - z.real.max(axis=1, keepdims=True))
        return exps / exps.sum(axis=1, keepdims=True)

    def f(params):
        return -np.log(softmax(params)[np.arange(n), labels]).mean()

    def g(params):
        dz = (softmax(params) - np.eye(m, dtype=dtype)[labels]) / dtype(n)
        return {"W": v.T @ dz, "b": dz.sum(axis=0)}

    return Problem(f, g, params)


def rica(rng, dtype, d=5, m=3, n=20, eps=1e-2, trade_off=0.1):
    """trade_off sum sqrt(z^2 + eps) + 1/2 sum |z W^T - v|^2, z = v W"""
    v, W = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((d, m)).astype(dtype)
    eps, trade_off, half = dtype(eps), dtype(trade_off), dtype(0.5)

    def f(W):
        z = v @ W
        return trade_off * np.sqrt(z * z + eps).sum() + half * ((z @ W.T - v) ** 2).sum()

    def g(W):
        z = v @ W
        error = z @ W.T - v
        return v.T @ (trade_off * z / np.sqrt(z * z + eps)) + v.T @ (error @ W) + error.T @ z

    return Problem(f, g, W)


def quadratic(rng, dtype, n=12):
    A, b, x = (rng.standard_normal(shape).astype(dtype) for shape in ((n, n), n, n))
    A = A @ A.T
    return Problem(lambda x: dtype(0.5) * (x @ (A @ x)) - b @ x, lambda x: A @ x - b, x)


def linear(rng, dtype, n=12):
    c, x = (rng.standard_normal(n).astype(dtype) for _ in range(2))
    return Problem(lambda x: c @ x + dtype(3), lambda x: c.copy(), x)


def constant(rng, dtype, n=12):
    value, x = dtype(rng.standard_normal()), rng.standard_normal(n).astype(dtype)
    return Problem(lambda x: value, np.zeros_like, x)


RIGHT = {
    "sigmoid layer": sigmoid_layer,
    "softmax cross-entropy": softmax_cross_entropy,
    "RICA": rica,
    "quadratic": quadratic,
    "linear": linear,
    "constant": constant,
}


def _sigmoid_layer_with(change, **sizes):
    """A sigmoid layer whose gradient is put through ``change(gradient, rng)``; the change is the same at every x."""

    def make(rng, dtype):
        problem, seed = sigmoid_layer(rng, dtype, **sizes), rng.integers(2**32)
        return problem._replace(g=lambda W: change(problem.g(W), np.random.default_rng(seed)))

    return make


def _one_entry_off(by):
    def change(gradient, rng):
        gradient = gradient.copy()
        gradient[tuple(rng.integers(gradient.shape))] *= 1 + by
        return gradient

    return change


def _without_the_slope(rng, dtype):
    """sigmoid' left out"""
    v, c = (rng.standard_normal((10, 4)).astype(dtype) for _ in range(2))
    W = rng.standard_normal((4, 4)).astype(dtype)
    return Problem(lambda W: (c * sigmoid(v @ W)).sum(), lambda W: v.T @ c, W)


def _without_decay(rng, dtype):
    """The gradient of the objective without its weight decay"""
    seed = rng.integers(2**32)
    decayed, plain = (sigmoid_layer(np.random.default_rng(seed), dtype, decay=decay) for decay in (1e-2, 0.0))
    return decayed._replace(g=plain.g)


WRONG = {
    "sign": _sigmoid_layer_with(lambda gradient, rng: -gradient),
    "twice too large": _sigmoid_layer_with(lambda gradient, rng: 2 * gradient),
    "transposed": _sigmoid_layer_with(lambda gradient, rng: gradient.T),
    "two entries exchanged": _sigmoid_layer_with(
        lambda gradient, rng: gradient.ravel()[[1, 0, *range(2, gradient.size)]].reshape(gradient.shape)
    ),
    "sigmoid' missing": _without_the_slope,
    "mean for sum": _sigmoid_layer_with(lambda gradient, rng: gradient / 10),
    "weight decay missing": _without_decay,
    "one of 1,000 entries 0.1 % off": _sigmoid_layer_with(_one_entry_off(1e-3), d=40, m=25),
}
LARGE = {"one of 100,000 entries 1 % off": _sigmoid_layer_with(_one_entry_off(1e-2), d=500, m=200, n=4)}
