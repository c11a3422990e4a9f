"""The operations on images. A case's seed chooses its geometry from a table; planted faults meet entries 1 to 7."""

import numpy as np

from pp_ref import layers
from pp_ref.kernels.cpu.conv2d import conv2d_loops
from tests.properties.operations import BY_NAME, Arguments, Case, Draw, Operation, laid_out

# (fh, fw, stride, padding, h, w): square and not; strides that overlap, meet, leave pixels out, or do not come out
# even; padding that makes up for images smaller than the filters.
CONVOLUTIONS = (
    (1, 1, 1, 0, 3, 2),
    (2, 2, 1, 0, 3, 3),
    (2, 3, 1, 1, 3, 4),
    (3, 3, 2, 1, 5, 5),
    (3, 2, 2, 2, 4, 3),
    (2, 1, 3, 0, 5, 4),
    (3, 3, 1, 2, 2, 2),
    (3, 2, 3, 1, 5, 6),
    (2, 2, 3, 0, 3, 5),
    (1, 3, 2, 0, 2, 5),
)
# (size, stride, ceil, h, w): windows that overlap, meet, leave pixels out, or reach over one edge or both.
POOLINGS = (
    (1, 3, True, 5, 3),
    (2, 2, True, 3, 3),
    (3, 2, True, 4, 5),
    (2, 1, True, 3, 4),
    (3, 2, False, 4, 6),
    (1, 2, True, 3, 2),
    (2, 2, True, 5, 5),
    (4, 2, True, 5, 5),
    (2, 3, True, 4, 6),
    (2, 2, False, 5, 4),
)


def _convolution(case: Case) -> tuple[int, ...]:
    return CONVOLUTIONS[case.seed % len(CONVOLUTIONS)]


def _conv2d(case: Case, draw: Draw) -> Arguments:
    fh, fw, stride, padding, h, w = _convolution(case)
    return {
        "v": draw(case.n, h, w, case.d),
        "W": draw(fh, fw, case.d, case.m),
        "b": draw(case.m),
        "stride": stride,
        "padding": padding,
    }


def _depthwise(case: Case, draw: Draw) -> Arguments:
    fh, fw, stride, padding, h, w = _convolution(case)
    return {"v": draw(case.n, h, w, case.d), "u": draw(fh, fw, case.m), "stride": stride, "padding": padding}


def _dictionary(case: Case, draw: Draw, *wanted: str, **more: object) -> Arguments:
    """All columns dense, all tied across channels, or in turn; of the arguments, those that are wanted."""
    fh, fw, stride, padding, h, w = _convolution(case)
    tied = [(case.seed if case.seed % 3 < 2 else j) % 3 == 1 for j in range(len(case.columns))]
    sizes = [(k, m_j, case.d if is_tied else 1) for (k, m_j), is_tied in zip(case.columns, tied, strict=True)]
    every = {
        "v": lambda: draw(case.n, h, w, case.d),
        "U": lambda: [draw(fh * fw * case.d // copies, k) for k, _, copies in sizes],
        "w": lambda: [draw(k * copies, m_j) for k, m_j, copies in sizes],
        "b": lambda: draw(case.m),
        "filter_shape": lambda: (fh, fw),
        "stride": lambda: stride,
        "padding": lambda: padding,
    }
    return {name: every[name]() for name in wanted} | more


def _clear_maxima(case: Case, draw: Draw) -> Arguments:
    """Distinct pixels, further apart than two of the largest steps."""
    size, stride, ceil, h, w = POOLINGS[case.seed % len(POOLINGS)]
    shape = (case.n, h, w, case.m)
    grid = draw.rng.permutation(np.prod(shape)).reshape(shape) - np.prod(shape) // 2
    v = laid_out((grid * 2.0**-5 * case.scale).astype(case.dtype), case.layout)
    return {"v": v, "size": size, "stride": stride, "ceil": ceil}


def _images(case: Case, draw: Draw) -> Arguments:
    size, stride, ceil, h, w = POOLINGS[case.seed % len(POOLINGS)]
    return {"v": draw(case.n, h, w, case.m), "size": size, "stride": stride, "ceil": ceil}


# Definitions: by loops over windows and einsum.


def _depthwise_definition(v, u, stride, padding):
    channels = [conv2d_loops(v[..., [c]], u[:, :, None], u[0, 0] * 0, stride, padding) for c in range(v.shape[3])]
    return np.stack(channels, axis=4)


def _pooled(v, U_j, filter_shape, stride, padding):
    filters, k = U_j.reshape(*filter_shape, -1, U_j.shape[1]), U_j.shape[1]
    if filters.shape[2] == v.shape[3]:
        return conv2d_loops(v, filters, np.zeros(k, U_j.dtype), stride, padding)
    y = _depthwise_definition(v, filters[:, :, 0], stride, padding)
    return y.reshape(*y.shape[:3], k * v.shape[3])


def _filters(U, w, filter_shape, channels):
    columns = []
    for U_j, w_j in zip(U, w, strict=True):
        u = U_j.reshape(*filter_shape, -1, U_j.shape[1])
        if u.shape[2] == channels:
            columns.append(np.einsum("pqck,km->pqcm", u, w_j))
        else:
            each = w_j.reshape(U_j.shape[1], channels, -1)
            columns.append(np.einsum("pqs,scm->pqcm", u[:, :, 0], each))
    return np.concatenate(columns, axis=3)


def _predicted_definition(v, U, w, b, filter_shape, stride, padding, order):
    return conv2d_loops(v, _filters(U, w, filter_shape, v.shape[3]), b, stride, padding)


def _pool(reduce):
    def definition(v, size, stride, ceil):
        h, w = v.shape[1:3]
        # A window that reaches over the edge is one that begins inside, after one that did not come to the edge.
        starts = [
            [i for i in range(0, extent, stride) if i + size <= extent or (ceil and i - stride + size < extent)]
            for extent in (h, w)
        ]
        rows = [[reduce(v[:, i : i + size, j : j + size], axis=(1, 2)) for j in starts[1]] for i in starts[0]]
        return np.stack([np.stack(row, axis=1) for row in rows], axis=1)

    return definition


def _local_response(v, size, alpha, beta, k):
    y = np.empty_like(v)
    for c in range(v.shape[3]):
        near = v[..., max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        y[..., c] = v[..., c] / (k + np.longdouble(alpha) / size * np.sum(near**2, axis=3)) ** np.longdouble(beta)
    return y


def _ties():
    """Rows and columns of a 2 x 2 window tie, alone and together; the last window sees one column."""
    v = np.array([[1.0, 0, 0, 2, 3], [1, 0, 2, 0, 3], [0, 5, 0, 0, -1], [5, 5, 0, 0, -1]])
    gradient = np.array([[1.0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 1], [0, 0, 0, 0, 0]])
    return {"v": v[None, :, :, None], "size": 2, "stride": 2, "ceil": True}, gradient[None, :, :, None]


def _predicted(order: str, twin: str) -> Operation:
    return Operation(
        f"predicted_conv2d, {order} first",
        layers.predicted_conv2d_forward,
        layers.predicted_conv2d_backward,
        lambda case, draw: _dictionary(
            case, draw, "v", "U", "w", "b", "filter_shape", "stride", "padding", order=order
        ),
        _predicted_definition,
        learned=("v", "w", "b"),
        linear=("v", "w", "b"),
        units={"b": 0},
        y_units=3,
        twin=f"predicted_conv2d, {twin} first",
    )


IMAGES = (
    Operation(
        "conv2d",
        layers.conv2d_forward,
        layers.conv2d_backward,
        _conv2d,
        conv2d_loops,
        learned=("v", "W", "b"),
        linear=("v", "W", "b"),
        units={"W": 3, "b": 0},
        y_units=3,
    ),
    Operation(
        "fourier_conv2d",
        layers.fourier_conv2d_forward,
        layers.fourier_conv2d_backward,
        _conv2d,
        conv2d_loops,
        learned=("v", "W", "b"),
        linear=("v", "W", "b"),
        units={"W": 3, "b": 0},
        y_units=3,
        twin="conv2d",
        mixes=True,
    ),
    Operation(
        "depthwise_conv2d",
        layers.depthwise_conv2d_forward,
        layers.depthwise_conv2d_backward,
        _depthwise,
        _depthwise_definition,
        learned=("v",),
        linear=("v",),
        units={"u": 2},
        y_units=3,
    ),
    Operation(
        "dictionary_conv2d",
        layers.dictionary_conv2d_forward,
        layers.dictionary_conv2d_backward,
        lambda case, draw: _dictionary(case, draw, "v", "U", "filter_shape", "stride", "padding"),
        lambda v, U, *geometry: [_pooled(v, U_j, *geometry) for U_j in U],
        learned=("v",),
        linear=("v",),
        y_units=3,
    ),
    Operation(
        "expand_filters",
        layers.expand_filters_forward,
        layers.expand_filters_backward,
        lambda case, draw: _dictionary(case, draw, "U", "w", "filter_shape", channels=case.d),
        _filters,
        learned=("w",),
        linear=("w",),
        batch=(),
        y_units=3,
    ),
    _predicted("dictionary", "weights"),
    _predicted("weights", "dictionary"),
    Operation(
        "max_pool2d",
        layers.max_pool2d_forward,
        layers.max_pool2d_backward,
        _clear_maxima,
        _pool(np.max),
        learned=("v",),
        units={"v": 3},
        y_units=3,
        analytic=False,
        ties=_ties,
    ),
    Operation(
        "average_pool2d",
        layers.average_pool2d_forward,
        layers.average_pool2d_backward,
        _images,
        _pool(np.mean),
        learned=("v",),
        linear=("v",),
        units={"v": 3},
        y_units=3,
    ),
    Operation(
        "flatten",
        layers.flatten_forward,
        layers.flatten_backward,
        lambda case, draw: {"v": draw(case.n, 2, 3, case.d)},
        lambda v: np.stack([v[:, i, j, c] for i, j, c in np.ndindex(v.shape[1:])], axis=1),
        learned=("v",),
        linear=("v",),
    ),
    Operation(
        "local_response",
        layers.local_response_forward,
        layers.local_response_backward,
        lambda case, draw: {
            "v": draw(case.n, 1, 2, case.m),
            "size": 1 + case.seed % 5,
            "alpha": 0.75,
            "beta": 0.625,
            "k": 1.5,
        },
        _local_response,
        learned=("v",),
    ),
)
BY_NAME.update({operation.name: operation for operation in IMAGES})  # where a twin is looked up
