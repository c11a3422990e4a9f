"""How far a rung may be from the definition. `pp-ref bench` checks this before it times, and so do the tests.

Every rung computes products of K, R_j and its arguments, in some order. If every term of a product meets at most
`length` roundings, casts included, the computed value is off by at most

    g * (the product of magnitudes),    g = length u / (1 - length u)      (Higham, sec. 3.1 and 3.5)

Two differences of given arrays are added, computed and not estimated: the part of K that the cut taps leave out, and
U minus K[:, alpha] R. Magnitudes are products with |K| |R_j|, which also bound those with U_j = K[:, alpha_j] R_j.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.operands import FactoredOperands, FilterOperands, SeparableOperands
from pp_ref.layers.conv2d import conv2d_backward_input, conv2d_backward_weights, conv2d_forward

__all__ = ["Bounds", "ConvBounds", "largest_share"]

Real = NDArray[Any]


class LayerBounds(NamedTuple):
    y: Real
    dv: Real
    dw: list[Real]
    db: Real


class Bounds:
    """Bounds for every rung of a dictionary's operations.

    passes  True: v K is summed in two passes; False: in two passes or as one product, with the bound of the longer
    """

    def __init__(self, o: FactoredOperands, passes: bool = False) -> None:
        K, cut = o.factors.K(), o.factors.K(o.dtype)
        self.o = o
        self.longest = max(alpha.size for alpha in o.factors.alpha)
        # A cast, a product, a sum of a pair, and T sums an axis.
        taps = sum(2 * axis.size for axis in o.taps) if isinstance(o, SeparableOperands) else 0
        self.length = taps if passes else max(taps, o.d + 1)
        self.magnitudes, self.differences = [], []
        for j, alpha in enumerate(o.factors.alpha):
            R = np.eye(alpha.size) if o.factors.R is None else o.factors.R[j]
            U = o.U[j].astype(np.float64)
            self.magnitudes.append(abs(K[:, alpha]) @ abs(R))
            self.differences.append(abs(K - cut)[:, alpha] @ abs(R) + abs(K[:, alpha] @ R - U))

    def _bound(self, length: int, magnitude: Real, difference: Real) -> Real:
        limits = np.finfo(self.o.dtype)
        lu = length * float(limits.eps) / 2 * (1 + 2.0**-10)  # the bound is itself rounded, and R is flushed
        bound: Real = lu / (1 - lu) * (magnitude + difference) + difference + length * float(limits.tiny)
        return bound

    def pool(self, v: Real) -> Real:
        """The bound of v U, (n, k_1 + ... + k_J)."""
        v, A, D = abs(v.astype(np.float64)), np.hstack(self.magnitudes), np.hstack(self.differences)
        return self._bound(self.length + self.longest + 1, v @ A, v @ D)

    def pool_adjoint(self, g: Real) -> Real:
        """The bound of sum_j g_j U_j^T, (n, d)."""
        g, A, D = abs(g.astype(np.float64)), np.hstack(self.magnitudes), np.hstack(self.differences)
        return self._bound(self.length + self.longest + 1 + len(self.o.U), g @ A.T, g @ D.T)

    def expand(self, w: Sequence[Real]) -> Real:
        """The bound of [U_1 w_1, ..., U_J w_J], (d, m)."""
        A, D = (
            np.hstack([part @ abs(w_j.astype(np.float64)) for part, w_j in zip(parts, w, strict=True)])
            for parts in (self.magnitudes, self.differences)
        )
        return self._bound(self.length + self.longest + 1, A, D)

    def project(self, G: Real, widths: Sequence[int]) -> list[Real]:
        """The bounds of U_j^T G_j, J of (k_j, m_j)."""
        blocks = np.split(abs(G.astype(np.float64)), np.cumsum(widths)[:-1], axis=1)
        return [
            self._bound(self.length + self.longest + 1, A.T @ block, D.T @ block)
            for A, D, block in zip(self.magnitudes, self.differences, blocks, strict=True)
        ]

    def layer(self, v: Real, w: Sequence[Real], b: Real, dy: Real) -> LayerBounds:
        """The bounds of y = v [U_1 w_1, ...] + b, and of dv, dw and db."""
        v, b, dy = (abs(array.astype(np.float64)) for array in (v, b, dy))
        w, widths = [abs(w_j.astype(np.float64)) for w_j in w], [w_j.shape[1] for w_j in w]
        A, D = (
            np.hstack([part @ w_j for part, w_j in zip(parts, w, strict=True)])
            for parts in (self.magnitudes, self.differences)
        )
        blocks = np.split(dy, np.cumsum(widths)[:-1], axis=1)
        folded = self.length + 2 * self.longest + 2  # v K, R w, their product, b
        return LayerBounds(
            self._bound(folded, v @ A + b, v @ D),
            self._bound(folded + max(widths) + len(w), dy @ A.T, dy @ D.T),
            [
                self._bound(folded + len(v), (v @ A_j).T @ block, (v @ D_j).T @ block)
                for A_j, D_j, block in zip(self.magnitudes, self.differences, blocks, strict=True)
            ],
            self._bound(len(dy), dy.sum(axis=0), np.zeros(b.size)),
        )


class ConvBounds(Bounds):
    """Bounds for a dictionary of filters. They are those of products with patches, computed here as convolutions."""

    def __init__(self, f: FilterOperands, stride: int = 1, padding: int = 0, passes: bool = False) -> None:
        super().__init__(f.o, passes)
        self.f, self.geometry = f, (stride, padding)

    def _convolved(self, v: Real, W: Real, b: Real) -> Any:
        """|v| * W + b and its cache, for W (fh fw c, m)."""
        return conv2d_forward(abs(v.astype(np.float64)), W.reshape(*self.f.shape, -1), b, *self.geometry)

    def conv_pool(self, v: Real) -> Real:
        """The bound of v * U, (n, h', w', k_1 + ... + k_J)."""
        A, D = (self._convolved(v, np.hstack(parts), np.zeros(self.o.ends[-1]))[0] for parts in self._pairs())
        return self._bound(self.length + self.longest + 1, A, D)

    def conv_layer(self, v: Real, w: Sequence[Real], b: Real, dy: Real) -> LayerBounds:
        """The bounds of y = v * [U_1 w_1, ...] + b, and of dv, dw and db."""
        b, dy = abs(b.astype(np.float64)), abs(dy.astype(np.float64))
        w, widths = [abs(w_j.astype(np.float64)) for w_j in w], [w_j.shape[1] for w_j in w]
        W = [np.hstack([part @ w_j for part, w_j in zip(parts, w, strict=True)]) for parts in self._pairs()]
        (y, cache), (D, cache_D) = self._convolved(v, W[0], b), self._convolved(v, W[1], np.zeros_like(b))
        dW = conv2d_backward_weights(dy, cache)[0].reshape(self.o.d, b.size)
        blocks = np.split(dW, np.cumsum(widths)[:-1], axis=1)
        pixels, folded = dy.size // max(b.size, 1), self.length + 2 * self.longest + 2  # v K, R w, their product, b
        overlaps = self.f.across.size + self.f.down.size  # sums in which the maps' filters meet
        return LayerBounds(
            self._bound(folded, y, D),
            self._bound(
                folded + max(widths) + len(w) + overlaps,
                conv2d_backward_input(dy, cache),
                conv2d_backward_input(dy, cache_D),
            ),
            [
                self._bound(folded + pixels, A_j.T @ block, D_j.T @ block)
                for A_j, D_j, block in zip(self.magnitudes, self.differences, blocks, strict=True)
            ],
            self._bound(pixels, dy.sum(axis=(0, 1, 2)), np.zeros(b.size)),
        )

    def _pairs(self) -> tuple[list[Real], list[Real]]:
        return self.magnitudes, self.differences


def largest_share(got: Real, want: Real, bound: Real) -> float:
    """max |got - want| / bound: 0 for empty arrays; NaN, which fails every comparison, if an entry is NaN."""
    return float(np.max(abs(got - want) / bound, initial=0.0))
