"""`PredictedLinear` and `PredictedConv2d`: modules of PyTorch with W = [U_1 w_1, ..., U_J w_J] (paper, sec. 3.1, 3.4).

The tensors of a state_dict are "U0", "U1", ..., which are fixed, and "w0", "w1", ..., "bias", which are learned.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pp_ref.brief import brief_value
from pp_ref.dictionaries import Dictionary, Grid
from pp_ref.errors import DomainError, ShapeError
from pp_ref.models import Count, Predicted

__all__ = ["PredictedConv2d", "PredictedLinear"]


class PredictedModule(nn.Module):
    """The columns of a predicted layer, and its bias (m,).

    A column's buffer is U_j (d, k_j); if it is tied across c channels it is U_s (d / c, k_j / c), with U_j = U_s (x) I.
    """

    def __init__(self, dictionary: Dictionary, units: int, bias: bool, device: Any, dtype: Any) -> None:
        super().__init__()
        self.predicted = Predicted(dictionary, units)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        exact = np.float64 if dtype == torch.float64 else np.float32
        c = dictionary.space.channels
        for j, (column, U) in enumerate(zip(dictionary.columns, dictionary.U(exact), strict=True)):
            stored = np.ascontiguousarray(U[::c, ::c]) if column.structure == "channel-tied" else U
            self.register_buffer(f"U{j}", torch.as_tensor(stored, dtype=dtype, device=device))
        for name, shape in self.predicted.shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, dtype=dtype, device=device)))
        self.register_parameter("bias", nn.Parameter(torch.empty(units, dtype=dtype, device=device)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw w as `Predicted.init` does, by PyTorch's generator: outputs have the variance of a full relu layer's."""
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        drawn = self.predicted.init(rng, None, np.float64)
        with torch.no_grad():
            for name in self.predicted.shapes:
                getattr(self, name).copy_(torch.from_numpy(drawn[name]))
            if self.bias is not None:
                self.bias.zero_()

    def columns(self) -> Iterator[tuple[Tensor, Tensor]]:
        """U_j and w_j of each column."""
        for j in range(self.predicted.dictionary.n_columns):
            yield getattr(self, f"U{j}"), getattr(self, f"w{j}")

    def expand(self) -> Tensor:
        """W (d, m), all weights with the predicted ones; autograd goes through it."""
        parts = [(U @ w.reshape(U.shape[1], -1)).reshape(-1, w.shape[1]) for U, w in self.columns()]
        return torch.cat(parts, dim=1)

    def count(self) -> Count:
        """Learned weights, fixed numbers, and entries of W, without the bias (paper, sec. 3.4)."""
        return self.predicted.count()

    def extra_repr(self) -> str:
        dictionary = self.predicted.dictionary
        J, k = dictionary.n_columns, dictionary.columns[0].alpha.size
        columns = f"{dictionary.recipe.kind}: {J} column{'s' * (J > 1)} of {k}"
        return f"{self.predicted.d} -> {self.predicted.m}, {columns}, bias={self.bias is not None}"

    def _take(self, W: Tensor, bias: "Tensor | None") -> Self:
        """Set each w_j to the least squares solution of U_j w_j = W_j, in float64, and the bias; return the module."""
        wide = W.detach().to("cpu", torch.float64).numpy()
        ends = np.cumsum(self.predicted.widths)
        with torch.no_grad():
            for j, (column, end) in enumerate(zip(self.predicted.dictionary.columns, ends, strict=True)):
                own = wide[:, end - self.predicted.widths[j] : end]
                solved = np.linalg.lstsq(column.U, own, rcond=None)[0]
                getattr(self, f"w{j}").copy_(torch.from_numpy(solved))
            if bias is not None:
                self.bias.copy_(bias)
        return self


class PredictedLinear(PredictedModule):
    """y = x [U_1 w_1, ..., U_J w_J] + bias, in place of `torch.nn.Linear`.

    dictionary    over a space of d = in_features weights, as `make_dictionary` returns it
    out_features  m >= J units
    bias          whether there is one
    device, dtype as of torch.nn.Linear
    raises        ShapeError, DomainError as `Predicted`

    The forward pass takes the order of fewer flops: (x U) w or x (U w), which agree within rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> from pp_ref.torch import PredictedLinear
    >>> dictionary = make_dictionary("se", Grid(8, 8), proportion=0.25, n_columns=4, rng=np.random.default_rng(0))
    >>> layer = PredictedLinear.from_layer(torch.nn.Linear(64, 40), dictionary)
    >>> layer
    PredictedLinear(64 -> 40, se: 4 columns of 16, bias=True)
    >>> layer(torch.zeros(2, 64)).shape
    torch.Size([2, 40])
    """

    def __init__(
        self, dictionary: Dictionary, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(dictionary, out_features, bias, device, dtype)
        self.in_features, self.out_features = self.predicted.d, self.predicted.m

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features); raises ShapeError for another number of columns."""
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ShapeError(f"x has shape {tuple(x.shape)}, expected (..., {self.in_features}): one example per row")
        if not self._dictionary_first(prod(x.shape[:-1])):
            return functional.linear(x, self.expand().T, self.bias)
        y = torch.cat([(x @ U) @ w for U, w in self.columns()], dim=-1)
        return y if self.bias is None else y + self.bias

    @classmethod
    def from_layer(cls, layer: nn.Linear, dictionary: Dictionary) -> Self:
        """Return a predicted layer near a trained one: w minimises |U_j w_j - W_j|^2 for each column.

        layer       torch.nn.Linear; its bias, dtype and device are taken over
        dictionary  over a space of layer.in_features weights
        raises      DomainError for another module; ShapeError for another number of inputs
        """
        if not isinstance(layer, nn.Linear):
            raise DomainError(f"layer is {brief_value(layer)}, expected a torch.nn.Linear")
        _check_inputs(dictionary, layer.in_features)
        weight, bias = layer.weight, layer.bias
        made = cls(dictionary, layer.out_features, bias is not None, weight.device, weight.dtype)
        return made._take(weight.T, bias)

    def merge(self) -> nn.Linear:
        """Return a plain torch.nn.Linear of the same function, within rounding: it needs no pp_ref."""
        made = nn.utils.skip_init(
            nn.Linear,
            self.in_features,
            self.out_features,
            self.bias is not None,
            device=self.w0.device,
            dtype=self.w0.dtype,
        )
        with torch.no_grad():
            made.weight.copy_(self.expand().T)
            if self.bias is not None:
                made.bias.copy_(self.bias)
        return made

    def _dictionary_first(self, n: int) -> bool:
        """Whether (x U) w takes fewer flops than x (U w); a column that is tied across channels is only expanded."""
        (d, m), J = (self.in_features, self.out_features), self.predicted.dictionary.n_columns
        if any(len(U) != d for U, _ in self.columns()):
            return False
        k = self.w0.shape[0]
        return bool(n * k * (J * d + m) < d * m * (k + n))


class PredictedConv2d(PredictedModule):
    """A convolution with the filters [U_1 w_1, ..., U_J w_J], in place of `torch.nn.Conv2d`.

    dictionary        over `Grid(height, width, in_channels)`, the space of a filter, or any space of as many weights
    out_channels      m >= J filters
    kernel_size       int, or (height, width)
    stride, padding   as of torch.nn.Conv2d, with zeros; there is no dilation, and one group
    bias              whether there is one
    device, dtype     as of torch.nn.Conv2d
    raises            ShapeError, DomainError

    Images are PyTorch's, (n, channels, height, width), and so are the merged filters, (out, in, height, width); the
    dictionary's weights are in pp_ref's order, (height, width, channels).

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> from pp_ref.torch import PredictedConv2d
    >>> dictionary = make_dictionary("se", Grid(5, 5, 3), proportion=0.5, rng=np.random.default_rng(0))
    >>> layer = PredictedConv2d(dictionary, 16, kernel_size=5, padding=2)
    >>> layer(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 16, 32, 32])
    >>> layer.merge()
    Conv2d(3, 16, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    """

    def __init__(
        self,
        dictionary: Dictionary,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dictionary, out_channels, bias, device, dtype)
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        self.stride, self.padding, self.out_channels = stride, padding, out_channels
        self.in_channels, left = divmod(self.predicted.d, prod(self.kernel_size))
        space = dictionary.space
        if left or (isinstance(space, Grid) and space.shape[:2] != self.kernel_size):
            height, width = self.kernel_size
            raise ShapeError(f"dictionary is over {space}, expected Grid({height}, {width}, in_channels)")

    def filters(self) -> Tensor:
        """The filters (out_channels, in_channels, height, width); autograd goes through them."""
        return self.expand().reshape(*self.kernel_size, self.in_channels, -1).permute(3, 2, 0, 1).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) -> (n, out_channels, h', w'); raises ShapeError for another number of channels."""
        if x.ndim not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ShapeError(
                f"x has shape {tuple(x.shape)}, expected (n, {self.in_channels}, height, width), as of torch.nn.Conv2d"
            )
        return functional.conv2d(x, self.filters(), self.bias, self.stride, self.padding)

    @classmethod
    def from_layer(cls, layer: nn.Conv2d, dictionary: Dictionary) -> Self:
        """Return a predicted layer near a trained one: w minimises |U_j w_j - W_j|^2 for each column.

        layer       torch.nn.Conv2d with one group, no dilation and padding by zeros; its bias, dtype, device, stride
                    and padding are taken over
        dictionary  over `Grid(height, width, in_channels)` of its filters
        raises      DomainError for another module; ShapeError for filters of another size
        """
        if not isinstance(layer, nn.Conv2d):
            raise DomainError(f"layer is {brief_value(layer)}, expected a torch.nn.Conv2d")
        if layer.groups != 1 or tuple(layer.dilation) != (1, 1) or layer.padding_mode != "zeros":
            raise DomainError(f"layer is {layer}, expected one group, no dilation, and padding by zeros")
        weight, bias = layer.weight, layer.bias
        _check_inputs(dictionary, prod(weight.shape[1:]))
        made = cls(
            dictionary,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            bias is not None,
            weight.device,
            weight.dtype,
        )
        return made._take(weight.permute(2, 3, 1, 0).reshape(-1, layer.out_channels), bias)

    def merge(self) -> nn.Conv2d:
        """Return a plain torch.nn.Conv2d of the same function: it needs no pp_ref."""
        made = nn.utils.skip_init(
            nn.Conv2d,
            self.in_channels,
            self.out_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            bias=self.bias is not None,
            device=self.w0.device,
            dtype=self.w0.dtype,
        )
        with torch.no_grad():
            made.weight.copy_(self.filters())
            if self.bias is not None:
                made.bias.copy_(self.bias)
        return made

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _check_inputs(dictionary: Dictionary, d: int) -> None:
    if not isinstance(dictionary, Dictionary):
        raise DomainError(
            f"dictionary is {brief_value(dictionary)}, expected a Dictionary, as make_dictionary returns it"
        )
    if dictionary.space.size != d:
        raise ShapeError(
            f"dictionary is over {dictionary.space}, but a unit of layer has {d} weights: expected as many"
        )
