"""Faults that such kernels really have, each planted in its place: the comparisons must notice every one."""

from dataclasses import replace

import numpy as np

from pp_ref.kernels.cpu.combine import PooledCache, columns_backward, columns_forward, combine_adjoint, runs
from pp_ref.kernels.cpu.fused import TILE, expand_fused, pool_adjoint_fused, pool_fused, project_fused, tiles
from pp_ref.kernels.cpu.layer import layer_backward, layer_forward
from pp_ref.kernels.cpu.shared_layer import shared_backward, shared_backward_weights, shared_forward
from pp_ref.kernels.cpu.stencil import gather_smooth
from pp_ref.kernels.factors import Shared
from pp_ref.kernels.operands import FactoredOperands
from pp_ref.oracle.faults.fault import Fault


def as_shared(o):
    """A grid's operands as those of a covariance that is no product of axes."""
    kept, positions = np.unique(o.alpha, return_inverse=True)
    alpha = tuple(np.split(positions, o.ends[1:-1]))
    return FactoredOperands(o.dtype, o.U, Shared(o.factors.K()[:, kept], alpha, o.factors.R, 0.0))


KERNELS = {
    "pool": pool_fused,
    "pool_adjoint": pool_adjoint_fused,
    "expand": expand_fused,
    "project": project_fused,
    "layer_forward": layer_forward,
    "layer_backward": layer_backward,
    "columns_forward": columns_forward,
    "columns_backward": columns_backward,
    "shared_forward": lambda v, w, b, o: shared_forward(v, w, b, as_shared(o)),
    "shared_backward": shared_backward,
}


def changed(o, **parts):
    """The operands with some of their computed parts replaced."""
    copy = type(o)(o.dtype, o.U, o.factors)
    vars(copy).update(parts)
    return copy


def last(change):
    """Change a kernel's last argument, its operands."""
    return lambda right: lambda *args: right(*args[:-1], change(args[-1]))


def first(change):
    return lambda right: lambda x, *args: right(change(x), *args)


def one_tap_short(o):
    return changed(o, taps=tuple(axis[: max(axis.size - 1, 1)] for axis in o.taps))


def edge_tap_twice(o):
    return changed(o, taps=tuple(np.append(axis[:-1], axis[-1] * 2) for axis in o.taps))


def middle_tap_twice(o):
    """Count the pixel at distance 0 as a pair."""
    return changed(o, taps=tuple(np.append(axis[:1] * 2, axis[1:]) for axis in o.taps))


def taps_exchanged(o):
    """Take the taps of the height along the width."""
    y, x = o.taps
    y = y * np.linspace(1, 1.5, y.size, dtype=y.dtype)
    return changed(o, taps=(x, y))


def height_for_width(o):
    """Take the height for the width."""
    height, width, channels = o.factors.sizes
    return changed(o, factors=replace(o.factors, sizes=(width, height, channels)))


def channels_as_pixels(o):
    height, width, channels = o.factors.sizes
    return changed(o, factors=replace(o.factors, sizes=(height, width * channels, 1)))


def alpha_one_late(o):
    return changed(o, alpha=(o.alpha + 1) % o.d)


def columns_swapped(o):
    """Gather the first two columns each from the other's alpha."""
    a = list(o.factors.alpha)
    if len(a) > 1 and a[0].size == a[1].size:
        a[0], a[1] = a[1], a[0]
    return changed(o, factors=replace(o.factors, alpha=tuple(a)))


def without_R(o):
    return changed(o, R=None)


def R_of_the_neighbour(o):
    return o if o.R is None else changed(o, R=tuple(o.R[j - 1] for j in range(len(o.R))))


def R_transposed_in_blocks(o):
    """Do not copy the upper triangle of R to the lower one."""
    return o if o.R is None else changed(o, R=tuple(np.triu(R) for R in o.R))


def halo(x):
    """Pad one pixel too little, so that every pixel is one place further."""
    return np.roll(x, 1, axis=-1)


def edge_repeated(o):
    """Repeat the outermost pixel beyond the edges in place of zeros, in v K itself."""

    def pad(size, taps):
        matrix = np.zeros((size, size))
        for i in range(size):
            for t in range(1 - taps.size, taps.size):
                matrix[min(max(i + t, 0), size - 1), i] += taps[abs(t)]
        return matrix

    height, width, channels = o.factors.sizes
    return np.kron(np.kron(pad(height, o.taps[0]), pad(width, o.taps[1])), np.eye(channels)).astype(o.dtype)


def pool_from(K):
    """`pool` with another matrix in place of K."""

    def pool(v, o):
        smoothed = v @ K(o)
        R = o.R or [np.eye(a.size, dtype=o.dtype) for a in o.factors.alpha]
        return np.hstack([smoothed[:, a] @ R_j for a, R_j in zip(o.factors.alpha, R, strict=True)])

    return pool


def wrapped(o):
    """Leave out the padding between rows, so that they run into one another."""
    _, width, channels = o.factors.sizes
    flat, row = np.arange(o.d), width * channels
    along = np.zeros((o.d, o.d))
    for t in range(1 - o.taps[1].size, o.taps[1].size):
        inside = (flat + t * channels >= 0) & (flat + t * channels < o.d)
        along[(flat + t * channels)[inside], flat[inside]] = o.taps[1][abs(t)]
    down = np.zeros((o.d, o.d))
    for t in range(1 - o.taps[0].size, o.taps[0].size):
        inside = (flat + t * row >= 0) & (flat + t * row < o.d)
        down[(flat + t * row)[inside], flat[inside]] = o.taps[0][abs(t)]
    return (along @ down).astype(o.dtype)


def tail_stale(right):
    """Leave the numbers of the tile before in the last tile if that is not full."""

    def wrong(x, *args):
        out = right(x, *args)
        tail = len(out) % TILE
        if len(out) > TILE and tail:
            out[-tail:] = out[TILE - tail : TILE]
        return out

    return wrong


def buffer_stale(right):
    """Do not clear a buffer, so that an image gets some of the one before."""

    def wrong(x, *args):
        out = right(x, *args)
        out[1:] += 1e-3 * out[:-1].copy()
        return out

    return wrong


def last_lane(right):
    """Leave the last image of a tile to a next tile that does not exist."""

    def wrong(x, *args):
        out = right(x, *args)
        out[-1:] = 0
        return out

    return wrong


def half_precision(x):
    return x.astype(np.float16).astype(x.dtype)


def nan_as_zero(x):
    return np.where(np.isnan(x), 0, x).astype(x.dtype)


def stencil_of_nan(v, o):
    """Take examples that are not finite through the passes, where NaN spreads no further than the taps."""
    if np.isfinite(v).all() or o.R is not None:
        return pool_fused(v, o)
    out = np.empty((len(v), o.ends[-1]), o.dtype)
    gather_smooth(v, o.alpha, out, o)
    return out


def not_transposed(g, o):
    """Gather in place of scattering: K is symmetric, S is not."""
    if o.R is not None or o.ends[-1] > o.d:
        return pool_adjoint_fused(g, o)
    padded = np.zeros((len(g), o.d), o.dtype)
    padded[:, : o.ends[-1]] = g
    out = padded.copy()
    out[:, : o.ends[-1]] = pool_fused(padded, o)
    return out


def last_wins(g, o):
    """Assign in place of adding if columns keep the same pixel."""
    _, later = np.unique(o.alpha[::-1], return_index=True)
    kept = np.zeros(o.alpha.size, bool)
    kept[o.alpha.size - 1 - later] = True
    return (
        pool_adjoint_fused(np.where(kept, g, 0).astype(g.dtype), changed(o, R=None))
        if o.R is None
        else (pool_adjoint_fused(g, o))
    )


def first_column_only(g, o):
    g = g.copy()
    g[:, o.ends[1] :] = 0
    return pool_adjoint_fused(g, o)


def units_shifted(w, o):
    return np.roll(expand_fused(w, o), 1, axis=1)


def kept_weights_only(w, o):
    """Return the kept weights, and predict none."""
    W = np.zeros_like(expand_fused(w, o))
    start = 0
    for alpha, w_j in zip(o.factors.alpha, w, strict=True):
        W[alpha, start : start + w_j.shape[1]] = w_j
        start += w_j.shape[1]
    return W


def equal_widths(G, o, widths):
    """Cut G at equal widths; the last column takes the rest."""
    equal = [G.shape[1] // len(widths)] * len(widths)
    equal[-1] = G.shape[1] - sum(equal[:-1])
    parts = project_fused(G, o, equal)
    return (
        parts
        if equal == list(widths)
        else [np.resize(part, (part.shape[0], width)) for part, width in zip(parts, widths, strict=True)]
    )


def forward_with(change):
    return lambda v, w, b, o: layer_forward(v, w, b, change(o))


def without_bias(v, w, b, o):
    return layer_forward(v, w, np.zeros_like(b), o)


def only_first_tile(v, w, b, o):
    y, cache = layer_forward(v, w, b, o)
    y[TILE:] = b
    return y, cache


KEPT: dict[tuple, np.ndarray] = {}


def scratch_shared(v, w, b, o):
    """Keep the gathered v K of all steps in one buffer."""
    y, cache = layer_forward(v, w, b, o)
    if isinstance(cache, PooledCache) or cache.gathered is None:
        return y, cache
    buffer = KEPT.setdefault((cache.gathered.shape, o.dtype, id(o)), np.empty_like(cache.gathered))
    buffer[:] = cache.gathered
    return y, cache._replace(gathered=buffer)


def not_folded_back(dy, cache):
    """Return dw of the folded weights in place of dw of w."""
    dv, dw, db = layer_backward(dy, cache)
    unfolded = isinstance(cache, PooledCache)
    return dv, (dw if unfolded else layer_backward(dy, cache._replace(o=without_R(cache.o)))[1]), db


def part_of(cache, rows):
    """The cache of some examples."""
    if isinstance(cache, PooledCache):
        return cache._replace(pooled=cache.pooled[rows])
    return cache._replace(v=cache.v[rows], gathered=None if cache.gathered is None else cache.gathered[rows])


def tail_without_gradient(dy, cache):
    whole = len(dy) // TILE * TILE if len(dy) > TILE else len(dy)
    _, dw, _ = layer_backward(dy[:whole], part_of(cache, slice(whole)))
    dv, _, db = layer_backward(dy, cache)
    return dv, dw, db


def dv_through_w(dy, cache):
    """Compute dv through w in place of the folded w."""
    dv, dw, db = layer_backward(dy, cache)
    unfolded = isinstance(cache, PooledCache)
    return (dv if unfolded else layer_backward(dy, cache._replace(folded=cache.w))[0]), dw, db


def tiles_assigned(dy, cache):
    """Return dw of the last tile in place of the sum over tiles."""
    rows = tiles(len(dy))[-1] if len(dy) else slice(0, 0)
    _, dw, _ = layer_backward(dy[rows], part_of(cache, rows))
    dv, _, db = layer_backward(dy, cache)
    return dv, dw, db


def units_of_the_first_run(v, w, b, o):
    """Write the units of every run over those of the first."""
    y, cache = columns_forward(v, w, b, o)
    first = runs(w)[0].units.stop
    y[:, first:] = b[first:]
    return y, cache


def stack_reversed(v, w, b, o):
    """Take the columns of a run in reverse."""
    y, cache = columns_forward(v, w, b, o)
    for run in runs(w):
        y[:, run.units] = (y - b)[:, run.units].reshape(len(v), run.J, -1)[:, ::-1].reshape(len(v), -1) + b[run.units]
    return y, cache


def dw_of_the_neighbour(dy, cache):
    """Return dw of the next column in the run."""
    dv, dw, db = columns_backward(dy, cache)
    for run in runs(cache.w):
        dw[run.columns] = dw[run.columns][::-1]
    return dv, dw, db


def dv_of_the_first_run(dy, cache):
    """Return dv of the first run in place of the sum over runs."""
    masked = dy.copy()
    masked[:, runs(cache.w)[0].units.stop :] = 0
    return columns_backward(masked, cache)[0], *columns_backward(dy, cache)[1:]


def dw_of_ones(dy, cache):
    """Compute dw with another step's pooled input."""
    other = cache._replace(pooled=np.ones_like(cache.pooled))
    return columns_backward(dy, cache)[0], *columns_backward(dy, other)[1:]


def shared_with(change):
    return lambda v, w, b, o: shared_forward(v, w, b, change(as_shared(o)))


def gathers_one_late(o):
    return changed(o, alpha=(o.alpha + 1) % o.K.shape[1])


def last_column_wins(dy, cache):
    """Assign in place of adding if columns keep the same weight."""
    dv, dw, db = shared_backward(dy, cache)
    if isinstance(cache, PooledCache):
        return dv, dw, db
    o, dgathered = cache.o, np.empty_like(cache.gathered)
    combine_adjoint(dy, cache.folded, dgathered.T)
    dsmoothed = np.zeros((o.K.shape[1], len(dy)), o.dtype)
    for alpha, part in zip(o.factors.alpha, o.parts, strict=True):
        dsmoothed[alpha] = dgathered[part]
    return dsmoothed.T @ o.K.T, dw, db


def shared_not_folded_back(dy, cache):
    """Return dw of the folded weights in place of dw of w."""
    dv, dw, db = shared_backward(dy, cache)
    if not isinstance(cache, PooledCache):
        dw, db = shared_backward_weights(dy, cache._replace(o=without_R(cache.o)))
    return dv, dw, db


def shared_dv_through_w(dy, cache):
    """Compute dv through w in place of the folded w."""
    dv, dw, db = shared_backward(dy, cache)
    unfolded = isinstance(cache, PooledCache)
    return (dv if unfolded else shared_backward(dy, cache._replace(folded=cache.w))[0]), dw, db


def plant(operation, name, sentence, wrong):
    return Fault(name, operation, sentence, wrong)


POOL, ADJOINT = KERNELS["pool"], KERNELS["pool_adjoint"]
FAULTS = (
    plant("pool", "one tap short", "stops one tap early", last(one_tap_short)(POOL)),
    plant("pool", "edge tap twice", "counts the last pair of taps twice", last(edge_tap_twice)(POOL)),
    plant("pool", "middle tap twice", "adds the middle tap as a pair", last(middle_tap_twice)(POOL)),
    plant("pool", "axes exchanged", "takes the taps of the height along the width", last(taps_exchanged)(POOL)),
    plant("pool", "wrong stride", "steps by the height from row to row", last(height_for_width)(POOL)),
    plant("pool", "channels mixed", "smooths from channel to channel", last(channels_as_pixels)(POOL)),
    plant("pool", "alpha one late", "gathers one pixel late", last(alpha_one_late)(POOL)),
    plant(
        "pool",
        "columns swapped",
        "gives two columns each other's pixels",
        (lambda v, o: pool_fused(v, columns_swapped(o))),
    ),
    plant("pool", "ridge forgotten", "leaves out R", last(without_R)(POOL)),
    plant("pool", "neighbour's R", "applies the R of the column before", last(R_of_the_neighbour)(POOL)),
    plant("pool", "half of R", "reads one triangle of R", last(R_transposed_in_blocks)(POOL)),
    plant("pool", "halo", "pads one pixel too little", first(halo)(POOL)),
    plant("pool", "edge repeated", "repeats the outermost pixels", pool_from(edge_repeated)),
    plant("pool", "rows run on", "has no padding between rows", pool_from(wrapped)),
    plant("pool", "tail stale", "leaves a last tile that is not full", tail_stale(POOL)),
    plant("pool", "buffer stale", "does not clear a buffer between images", buffer_stale(POOL)),
    plant("pool", "last image", "leaves out the last image", last_lane(POOL)),
    plant("pool", "half precision", "rounds what it reads to 11 bits", first(half_precision)(POOL)),
    plant("pool", "NaN as zero", "takes NaN for zero", first(nan_as_zero)(POOL)),
    plant("pool", "NaN stays near", "lets NaN go no further than its taps", stencil_of_nan),
    plant("pool_adjoint", "not transposed", "gathers where it has to scatter", not_transposed),
    plant("pool_adjoint", "last wins", "assigns where columns have to add", last_wins),
    plant("pool_adjoint", "first column only", "leaves out the other columns", first_column_only),
    plant("pool_adjoint", "buffer stale", "does not clear the image between examples", buffer_stale(ADJOINT)),
    plant("pool_adjoint", "tail stale", "leaves a last tile that is not full", tail_stale(ADJOINT)),
    plant("pool_adjoint", "ridge forgotten", "leaves out R", last(without_R)(ADJOINT)),
    plant("pool_adjoint", "NaN as zero", "takes NaN for zero", first(nan_as_zero)(ADJOINT)),
    plant("expand", "units shifted", "puts each unit into the next one's column", units_shifted),
    plant("expand", "kept weights only", "predicts nothing", kept_weights_only),
    plant("expand", "neighbour's R", "folds the R of the column before", last(R_of_the_neighbour)(expand_fused)),
    plant("project", "equal widths", "cuts unequal columns at equal widths", equal_widths),
    plant(
        "project",
        "ridge forgotten",
        "leaves out R",
        lambda G, o, widths: project_fused(G, without_R(o), widths),
    ),
    plant("layer_forward", "bias omitted", "leaves out the bias", without_bias),
    plant("layer_forward", "first tile only", "computes the first tile alone", only_first_tile),
    plant("layer_forward", "one tap short", "stops one tap early", forward_with(one_tap_short)),
    plant("layer_forward", "neighbour's R", "folds the R of the column before", forward_with(R_of_the_neighbour)),
    plant("layer_forward", "one buffer", "keeps every step's tile in one buffer", scratch_shared),
    plant("layer_backward", "not folded back", "returns dw of R w", not_folded_back),
    plant("layer_backward", "tail without gradient", "leaves out the last tile", tail_without_gradient),
    plant("layer_backward", "dv through w", "pulls dv back through w in place of R w", dv_through_w),
    plant("layer_backward", "tiles assigned", "assigns where tiles have to add", tiles_assigned),
    plant(
        "columns_forward",
        "bias omitted",
        "leaves out the bias",
        lambda v, w, b, o: columns_forward(v, w, np.zeros_like(b), o),
    ),
    plant("columns_forward", "first run only", "leaves out the units behind the first run", units_of_the_first_run),
    plant("columns_forward", "stack reversed", "gives a run's columns each other's units", stack_reversed),
    plant("columns_backward", "neighbour's dw", "gives a run's columns each other's dw", dw_of_the_neighbour),
    plant("columns_backward", "dv of the first run", "leaves out dv of the other runs", dv_of_the_first_run),
    plant("columns_backward", "another step's input", "takes dw from another pooled input", dw_of_ones),
    plant(
        "shared_forward",
        "bias omitted",
        "leaves out the bias",
        lambda v, w, b, o: shared_forward(v, w, np.zeros_like(b), as_shared(o)),
    ),
    plant("shared_forward", "alpha one late", "gathers one weight late", shared_with(gathers_one_late)),
    plant("shared_forward", "ridge forgotten", "leaves out R", shared_with(without_R)),
    plant("shared_forward", "neighbour's R", "folds the R of the column before", shared_with(R_of_the_neighbour)),
    plant("shared_backward", "last wins", "assigns where columns have to add", last_column_wins),
    plant("shared_backward", "not folded back", "returns dw of R w", shared_not_folded_back),
    plant("shared_backward", "dv through w", "pulls dv back through w in place of R w", shared_dv_through_w),
)
