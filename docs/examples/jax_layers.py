"""Layers in JAX: forward passes alone, their gradients are jax.vjp's.

pp-ref conform docs/examples/jax_layers.py
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

ARRAYS = "jax"
ARITHMETIC = "float32"
AUTODIFF = True
EXPECTED = {
    "maxout/ties/*": "jnp.max shares the gradient between equal pieces",
    "softmax_cross_entropy/no example/*": "jnp.mean over no example is NaN",
    "autoencoder/no example/*": "jnp.mean over no example is NaN",
    "mlp/no example/*": "jnp.mean over no example is NaN",
    "mlp/decay alone/*": "jnp.mean over no example is NaN",
}


def dense_forward(v, W, b):
    return v @ W + b


def pool_forward(v, U):
    return [v @ U_j for U_j in U]


def pool_adjoint(g, U):
    return sum(jnp.einsum("nk,dk->nd", g_j, U_j) for g_j, U_j in zip(g, U, strict=True))


def combine_forward(pooled, w, b):
    return jnp.hstack([p @ w_j for p, w_j in zip(pooled, w, strict=True)]) + b


def expand_forward(U, w):
    return jnp.hstack([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)])


def predicted_forward(v, U, w, b):
    return combine_forward(pool_forward(v, U), w, b)


def lowrank_forward(v, U, w, b):
    return v @ U @ w + b


def sigmoid_forward(v):
    return jax.nn.sigmoid(v)


def relu_forward(v):
    return jax.nn.relu(v)


def maxout_forward(v, pieces):
    return v.reshape(v.shape[0], v.shape[1] // pieces, pieces).max(axis=2)


def softmax(z):
    return jax.nn.softmax(z, axis=1)


def softmax_cross_entropy_forward(z, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1).mean()


def autoencoder_forward(v, W, b, c):
    h = jax.nn.sigmoid(v @ W + b)
    return ((jax.nn.sigmoid(h @ W.T + c) - v) ** 2).sum(axis=1).mean()


def conv2d_forward(v, W, b, stride, padding):
    pads = [(padding, padding)] * 2
    y = lax.conv_general_dilated(v, W, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + b


def average_pool2d_forward(v, size, stride, ceil):
    total = _windows(v, 0.0, lax.add, size, stride, ceil)
    return total / _windows(jnp.ones_like(v), 0.0, lax.add, size, stride, ceil)


def max_pool2d_forward(v, size, stride, ceil):
    return _windows(v, -jnp.inf, lax.max, size, stride, ceil)


def _windows(v, initial, combine, size, stride, ceil):
    beyond = [-(extent - size) % stride if ceil else 0 for extent in v.shape[1:3]]
    pads = [(0, pixels if pixels < size else 0) for pixels in beyond]  # a window begins inside
    return lax.reduce_window(v, initial, combine, (1, size, size, 1), (1, stride, stride, 1), [(0, 0), *pads, (0, 0)])


def flatten_forward(v):
    return v.reshape(v.shape[0], math.prod(v.shape[1:]))


def unit_columns_forward(W):
    return W / jnp.linalg.norm(W, axis=0)


def smooth_abs_forward(z, eps):
    return jnp.sqrt(z**2 + eps).sum()


def log_cosh_forward(z):
    size = abs(z)  # jnp.logaddexp(z, -z) would lose its gradient's digits where |z| is large
    return (size + jnp.log1p(jnp.exp(-2 * size)) - math.log(2)).sum()


def second_moment_forward(v):
    return v.T @ v


def reconstruction_forward(v, W):
    return ((v @ W @ W.T - v) ** 2).sum()


def weight_decay_forward(W, rate):
    return rate * jnp.vdot(W, W)


def se_kernel(a, b, length_scale):
    return jnp.exp(-0.5 * ((a[:, None] - b) ** 2).sum(axis=2) / length_scale**2)


def covariance(data, power):
    return jnp.atleast_2d(jnp.cov(data**power, rowvar=False))


def ridge_dictionary(K, alpha, ridge, form):
    atoms = K[:, alpha]
    if form == "atom":
        return atoms
    factor = jax.scipy.linalg.cho_factor(atoms[alpha] + ridge * jnp.eye(len(alpha), dtype=K.dtype))
    return jax.scipy.linalg.cho_solve(factor, atoms.T).T


def mlp(x, labels, U, w, b, W, c, decay):
    h = x
    for U_l, w_l, b_l in zip(U, w, b, strict=True):
        h = jax.nn.sigmoid(predicted_forward(h, U_l, w_l, b_l))
    loss = softmax_cross_entropy_forward(h @ W + c, labels)
    return loss + decay * sum(jnp.vdot(weight, weight) for weight in jax.tree.leaves([W, w]))
