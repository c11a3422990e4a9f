"""Every operation that the oracle judges: its equation, how its arguments are drawn, and what is known about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pp_ref.oracle.algebras import tape
from pp_ref.oracle.operations import definitions, draws
from pp_ref.oracle.operations.draws import Arguments, Draw

__all__ = ["BY_NAME", "OPERATIONS", "Operation"]


@dataclass(frozen=True, repr=False)
class Operation:
    """One operation, as its users know it.

    name        functions of a candidate are `<name>_forward` and `<name>_backward` of a layer, `<name>` of a function,
                or `<name>_loss_and_gradient` of a model
    equation    with the paper's section
    definition  of Quantities, in the order of `arguments`
    arguments   drawn, in the order in which functions take them
    learned     the arguments that have a gradient, in the order in which backward returns them
    linear      those of them in which the value is affine
    batch       the arguments that have one row an example; empty where examples are not apart
    per_example whether the value has one row an example as well
    kind        "layer", "function" or "model"
    regimes     of this operation alone: regime name -> (bug, effect, arguments from a Draw)
    geometries  how many geometries of images there are to go through
    view        whether a result may share memory with an argument
    """

    name: str
    equation: str
    definition: Callable[..., Any]
    arguments: Callable[[Draw], Arguments]
    learned: tuple[str, ...] = ()
    linear: tuple[str, ...] = ()
    batch: tuple[str, ...] = ("v",)
    per_example: bool = True
    kind: Literal["layer", "function", "model"] = "layer"
    regimes: dict[str, tuple[str, str, Callable[[Draw], Arguments]]] = field(default_factory=dict)
    geometries: int = 1
    view: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def functions(self) -> tuple[str, ...]:
        """The names under which a candidate provides it."""
        if self.kind == "layer":
            return (f"{self.name}_forward", f"{self.name}_backward")
        return (self.name,) if self.kind == "function" else (f"{self.name}_loss_and_gradient",)


OPERATIONS = (
    Operation(
        "dense",
        "y = v W + b (sec. 2)",
        definitions.dense,
        lambda draw: {
            "v": draw(draw.sizes.n, draw.sizes.d),
            "W": draw(draw.sizes.d, draw.sizes.m),
            "b": draw(draw.sizes.m),
        },
        learned=("v", "W", "b"),
        linear=("v", "W", "b"),
    ),
    Operation(
        "pool",
        "v_alpha = v U_alpha of every column (sec. 3.3)",
        definitions.pool,
        draws.only("v", "U"),
        learned=("v",),
        linear=("v",),
    ),
    Operation(
        "pool_adjoint",
        "sum_j g_j U_j^T",
        definitions.pool_adjoint,
        lambda draw: {
            "g": draw.columns(lambda k, m: (draw.sizes.n, k)),
            "U": draw.columns(lambda k, m: (draw.sizes.d, k)),
        },
        batch=("g",),
        kind="function",
    ),
    Operation(
        "combine",
        "y = [pooled_j w_j] + b (sec. 3.4)",
        definitions.combine,
        draws.combine,
        learned=("pooled", "w", "b"),
        linear=("pooled", "w", "b"),
        batch=("pooled",),
    ),
    Operation(
        "expand",
        "W = [U_j w_j] (sec. 3.1 and 3.4)",
        definitions.expand,
        draws.only("U", "w"),
        learned=("w",),
        linear=("w",),
        batch=(),
    ),
    Operation(
        "project",
        "dw_j = U_j^T G_j",
        definitions.project,
        lambda draw: {
            "U": draw.columns(lambda k, m: (draw.sizes.d, k)),
            "G": draw(draw.sizes.d, draw.sizes.m),
            "widths": tuple(m for _, m in draw.sizes.columns),
        },
        batch=(),
        kind="function",
    ),
    Operation(
        "predicted",
        "y = v [U_1 w_1, ..., U_J w_J] + b (sec. 2, 3.4)",
        definitions.predicted,
        draws.predicted,
        learned=("v", "w", "b"),
        linear=("v", "w", "b"),
    ),
    Operation(
        "lowrank",
        "y = v U w + b, both learned (sec. 2)",
        definitions.lowrank,
        lambda draw: {
            "v": draw(draw.sizes.n, draw.sizes.d),
            "U": draw(draw.sizes.d, draw.sizes.k),
            "w": draw(draw.sizes.k, draw.sizes.m),
            "b": draw(draw.sizes.m),
        },
        learned=("v", "U", "w", "b"),
        linear=("v", "U", "w", "b"),
    ),
    Operation(
        "sigmoid",
        "y = 1 / (1 + exp(-v)), to full relative accuracy",
        tape.sigmoid,
        draws.rows("v"),
        learned=("v",),
        regimes={"saturation": (*draws.OVERFLOW, draws.saturated("v"))},
    ),
    Operation(
        "relu",
        "y = max(v, 0); its gradient in a tie is 0",
        definitions.relu,
        draws.away_from_zero,
        learned=("v",),
        regimes={"ties": (*draws.TIES, draws.zeros)},
    ),
    Operation(
        "maxout",
        "y_j = max over its pieces; of equal ones the first",
        definitions.maxout,
        draws.pieces,
        learned=("v",),
        regimes={"ties": (*draws.TIES, draws.tied_pieces)},
    ),
    Operation(
        "softmax",
        "p_j = exp z_j / sum_i exp z_i",
        definitions.softmax,
        draws.rows("z"),
        batch=("z",),
        kind="function",
        regimes={"saturation": (*draws.OVERFLOW, draws.saturated("z"))},
    ),
    Operation(
        "softmax_cross_entropy",
        "loss = 1/n sum_n (log sum_j exp z_nj - z_n,label) (sec. 4.1)",
        definitions.softmax_cross_entropy,
        draws.cross_entropy,
        learned=("z",),
        batch=("z", "labels"),
        per_example=False,
        regimes={
            "large logits": (*draws.OVERFLOW, draws.large_logits),
            "one class": ("every label is the last class", "an index that stops one short", draws.one_class),
        },
    ),
    Operation(
        "autoencoder",
        "loss = 1/n sum |s(s(v W + b) W^T + c) - v|^2 (sec. 3.5)",
        definitions.autoencoder,
        draws.autoencoder,
        learned=("v", "W", "b", "c"),
        per_example=False,
    ),
    Operation(
        "conv2d",
        "y = v * W + b, a correlation (sec. 3.4)",
        definitions.conv2d,
        draws.conv2d,
        learned=("v", "W", "b"),
        linear=("v", "W", "b"),
        regimes={"one channel": (*draws.GREY, draws.one_channel(draws.conv2d))},
        geometries=len(draws.CONVOLUTIONS),
    ),
    Operation(
        "depthwise_conv2d",
        "y = v * u, every filter on every channel (sec. 3.2)",
        definitions.depthwise_conv2d,
        draws.depthwise,
        learned=("v",),
        linear=("v",),
        regimes={"one channel": (*draws.GREY, draws.one_channel(draws.depthwise))},
        geometries=len(draws.CONVOLUTIONS),
    ),
    Operation(
        "dictionary_conv2d",
        "v * U_j of every column (sec. 3.4)",
        definitions.dictionary_conv2d,
        draws.dictionary_conv2d,
        learned=("v",),
        linear=("v",),
        regimes={"one channel": (*draws.GREY, draws.one_channel(draws.dictionary_conv2d))},
        geometries=len(draws.CONVOLUTIONS),
    ),
    Operation(
        "expand_filters",
        "W = [U_j w_j] as filters; U_j (x) I where it is tied across channels (sec. 3.2)",
        definitions.expand_filters,
        lambda draw: draws.predicted_filters(draw, "U", "w", "filter_shape", channels=draw.sizes.d),
        learned=("w",),
        linear=("w",),
        batch=(),
        geometries=len(draws.CONVOLUTIONS),
    ),
    Operation(
        "predicted_conv2d",
        "y = v * [U_j w_j] + b (sec. 3.4)",
        definitions.predicted_conv2d,
        draws.predicted_conv2d,
        learned=("v", "w", "b"),
        linear=("v", "w", "b"),
        regimes={"one channel": (*draws.GREY, draws.one_channel(draws.predicted_conv2d))},
        geometries=len(draws.CONVOLUTIONS),
    ),
    Operation(
        "max_pool2d",
        "the largest pixel of each window; of equal ones the first",
        definitions.max_pool2d,
        draws.distinct_pixels,
        learned=("v",),
        regimes={"ties": (*draws.TIES, draws.tied_pixels)},
        geometries=len(draws.POOLINGS),
    ),
    Operation(
        "average_pool2d",
        "the mean of the pixels that a window has",
        definitions.average_pool2d,
        draws.pixels,
        learned=("v",),
        linear=("v",),
        geometries=len(draws.POOLINGS),
    ),
    Operation(
        "flatten",
        "(n, height, width, channels) to (n, rest), channels fastest",
        definitions.flatten,
        lambda draw: {"v": draw(draw.sizes.n, 2, 3, draw.sizes.d)},
        learned=("v",),
        linear=("v",),
        view=True,
    ),
    Operation(
        "local_response",
        "y_c = v_c (k + alpha / size sum of v^2 nearby)^-beta",
        definitions.local_response,
        draws.channels,
        learned=("v",),
        geometries=5,
    ),
    Operation(
        "unit_columns",
        "columns of W scaled to length 1 (sec. 4.3)",
        definitions.unit_columns,
        draws.filters,
        learned=("W",),
        batch=(),
        regimes={
            "short columns": (
                "a norm is kept above 1e-12, or has an epsilon added",
                "columns shorter than 1",
                draws.short,
            )
        },
    ),
    Operation(
        "limit_column_norms",
        "columns of W longer than the limit scaled down to it",
        definitions.limit_column_norms,
        lambda draw: {
            "W": draw(draw.sizes.d, draw.sizes.m),
            "limit": float(draw.stored(1.5 * draw.sizes.scale)),
        },
        batch=(),
        kind="function",
    ),
    Operation(
        "smooth_abs",
        "loss = sum sqrt(z^2 + eps) (sec. 4.3)",
        definitions.smooth_abs,
        draws.rows("z", eps=0.25),
        learned=("z",),
        batch=("z",),
        per_example=False,
        regimes={"saturation": (*draws.OVERFLOW, draws.saturated("z", eps=0.25))},
    ),
    Operation(
        "log_cosh",
        "loss = sum log cosh z (sec. 4.3)",
        definitions.log_cosh,
        draws.rows("z"),
        learned=("z",),
        batch=("z",),
        per_example=False,
        regimes={"saturation": (*draws.OVERFLOW, draws.saturated("z"))},
    ),
    Operation(
        "second_moment",
        "S = v^T v",
        definitions.second_moment,
        lambda draw: {"v": draw(draw.sizes.n, draw.sizes.d)},
        learned=("v",),
        per_example=False,
    ),
    Operation(
        "moment_reconstruction",
        "loss = tr(A^T S A), A = W W^T - I",
        definitions.moment_reconstruction,
        draws.moment,
        learned=("S", "W"),
        linear=("S",),
        batch=(),
        per_example=False,
    ),
    Operation(
        "reconstruction",
        "loss = sum |v W W^T - v|^2 (sec. 4.3)",
        definitions.reconstruction,
        lambda draw: {"v": draw(draw.sizes.n, draw.sizes.d), "W": draw(draw.sizes.d, draw.sizes.m)},
        learned=("v", "W"),
        per_example=False,
    ),
    Operation(
        "weight_decay",
        "loss = rate sum W^2",
        definitions.weight_decay,
        lambda draw: {"W": draw(draw.sizes.d, draw.sizes.m), "rate": 0.25},
        learned=("W",),
        batch=(),
        per_example=False,
    ),
    Operation(
        "se_kernel",
        "k(i, j) = exp(-|i - j|^2 / (2 sigma^2)) (sec. 3.2)",
        definitions.se_kernel,
        draws.points,
        batch=("a",),
        kind="function",
        regimes={
            "grid": ("the exponent's factor, or an axis, is wrong", "a kernel of another width", draws.grid_points())
        },
    ),
    Operation(
        "matern_kernel",
        "of smoothness nu = 1/2, 3/2, 5/2 (Rasmussen and Williams, eq. 4.17)",
        definitions.matern_kernel,
        lambda draw: draws.points(draw, nu=(0.5, 1.5, 2.5)[draw.sizes.geometry % 3]),
        batch=("a",),
        kind="function",
        geometries=3,
        regimes={"grid": ("points that coincide: r = 0", "NaN on the diagonal", draws.grid_points(nu=1.5))},
    ),
    Operation(
        "covariance",
        "K = cov(V^power), divided by n - 1 (sec. 3.5)",
        definitions.covariance,
        lambda draw: {
            "data": draw(max(draw.sizes.n, 2), draw.sizes.d),
            "power": 1 + draw.sizes.geometry % 2,
        },
        batch=(),
        kind="function",
        geometries=2,
        regimes={
            "large mean": (
                "sums of squares less the square of the sum",
                "digits of the covariance cancel",
                lambda draw: {"data": draw.stored(draw(20, 3) + 64.0), "power": 1},
            )
        },
    ),
    Operation(
        "ridge_dictionary",
        "U = k_alpha^T (K_alpha + lambda I)^-1 (sec. 3.1)",
        definitions.ridge_dictionary,
        draws.ridge(5, 1.0, 1e-3),
        batch=(),
        kind="function",
        regimes={
            "unsorted": ("kept indices are sorted", "columns of U exchanged", draws.unsorted),
            "uneven diagonal": (
                "the ridge is relative to K's diagonal, or that is taken to be 1",
                "weights shrunk by another amount",
                draws.uneven,
            ),
            "atoms": ("a solve where none is due", "another dictionary", draws.ridge(4, 1.0, 1e-3, "atom")),
            "ill-conditioned": (
                "the ridge is added to K and not to K_alpha, squared, or lost beside the solve's own errors",
                "weights that explode",
                draws.ridge(6, 2.0, 1e-5),
            ),
        },
    ),
    Operation(
        "grid_pool",
        "v (K_y (x) K_x)[:, alpha_j] R_j",
        definitions.grid_pool,
        lambda draw: draws.grid(draw, "v"),
        kind="function",
    ),
    Operation(
        "grid_pool_adjoint",
        "sum_j g_j R_j^T (K_y (x) K_x)[:, alpha_j]^T",
        definitions.grid_pool_adjoint,
        lambda draw: draws.grid(draw, "g"),
        batch=("g",),
        kind="function",
    ),
    Operation(
        "grid_expand",
        "[(K_y (x) K_x)[:, alpha_j] R_j w_j]",
        definitions.grid_expand,
        lambda draw: draws.grid(draw, "w"),
        batch=(),
        kind="function",
    ),
    Operation(
        "grid_project",
        "R_j^T (K_y (x) K_x)[:, alpha_j]^T G_j",
        definitions.grid_project,
        lambda draw: draws.grid(draw, "G", "widths"),
        batch=(),
        kind="function",
    ),
    Operation(
        "mlp",
        "predicted sigmoid layers, softmax on top (sec. 4.1)",
        definitions.mlp,
        draws.mlp,
        learned=("w", "b", "W", "c"),
        batch=("x", "labels"),
        per_example=False,
        kind="model",
        regimes={
            "weight decay": (
                "decay of the biases, decay divided by n, or decay in the loss or the gradient alone",
                "another minimum",
                lambda draw: draws.mlp(draw, 0.25),
            ),
            "three layers": (
                "two layers are written out, or gradients come in an order that two cannot show",
                "a layer learns from another's gradient",
                lambda draw: draws.mlp(draw, layers=3),
            ),
        },
    ),
    Operation(
        "convnet",
        "two predicted convolutions with ReLU and max-pooling, softmax on top (sec. 4.2)",
        definitions.convnet,
        draws.convnet,
        learned=("w", "b", "W", "c"),
        batch=("x", "labels"),
        per_example=False,
        kind="model",
    ),
    Operation(
        "predicted_autoencoder",
        "the autoencoder with W = [U_j w_j], tied through the dictionary (sec. 3.5)",
        definitions.predicted_autoencoder,
        draws.predicted_autoencoder,
        learned=("w", "b", "c"),
        batch=("x",),
        per_example=False,
        kind="model",
    ),
    *(
        Operation(
            f"rica_{objective}",
            "RICA on predicted filters (sec. 4.3)",
            definitions.rica,
            draws.rica(objective),
            learned=("w",),
            batch=("x",),
            per_example=False,
            kind="model",
        )
        for objective in ("ufldl", "le2011")
    ),
)


BY_NAME = {operation.name: operation for operation in OPERATIONS}
