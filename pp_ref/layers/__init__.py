"""The dynamic half: one operation per file, its forward pass beside its backward pass; arrays in, arrays out.

Every pair keeps one contract. `<op>_forward(...) -> (y, cache)`; `<op>_backward(dy, cache)` returns the gradients in
the order of forward's arguments, without fixed arguments (U, labels, rates). The output has the dtype of the input:
float32, float64 or longdouble. The analytic operations also take complex128, so that a complex step differentiates
them. Any other argument for an array, such as a list, integers or a masked array, is a DomainError. No operation writes
to its inputs. Batches of length zero work. Letters: v (n, d) input, W (d, m) weights, U (d, k) dictionary, w (k, m)
dynamic weights, b (m,) bias; `docs/derivations.md` derives each backward pass.
"""

from pp_ref.layers.autoencoder import autoencoder_backward, autoencoder_forward
from pp_ref.layers.conv2d import conv2d_backward, conv2d_forward
from pp_ref.layers.dense import dense_backward, dense_forward
from pp_ref.layers.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward
from pp_ref.layers.dropout import dropout_backward, dropout_forward
from pp_ref.layers.flatten import flatten_backward, flatten_forward
from pp_ref.layers.fourier_conv2d import fourier_conv2d_backward, fourier_conv2d_forward
from pp_ref.layers.local_response import local_response_backward, local_response_forward
from pp_ref.layers.lowrank import lowrank_backward, lowrank_forward
from pp_ref.layers.maxout import maxout_backward, maxout_forward
from pp_ref.layers.pooling import (
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from pp_ref.layers.predicted import (
    combine_backward,
    combine_forward,
    expand_backward,
    expand_forward,
    pool_backward,
    pool_forward,
    predicted_backward,
    predicted_forward,
)
from pp_ref.layers.predicted_conv2d import (
    dictionary_conv2d_backward,
    dictionary_conv2d_forward,
    expand_filters_backward,
    expand_filters_forward,
    predicted_conv2d_backward,
    predicted_conv2d_forward,
)
from pp_ref.layers.reconstruction import (
    moment_reconstruction_backward,
    moment_reconstruction_forward,
    reconstruction_backward,
    reconstruction_forward,
    second_moment_backward,
    second_moment_forward,
)
from pp_ref.layers.regularisers import limit_column_norms, weight_decay_backward, weight_decay_forward
from pp_ref.layers.relu import relu_backward, relu_forward
from pp_ref.layers.sigmoid import sigmoid_backward, sigmoid_forward
from pp_ref.layers.softmax import softmax, softmax_cross_entropy_backward, softmax_cross_entropy_forward
from pp_ref.layers.sparsity import log_cosh_backward, log_cosh_forward, smooth_abs_backward, smooth_abs_forward
from pp_ref.layers.unit_columns import unit_columns_backward, unit_columns_forward
from pp_ref.layers.windows import count_windows

__all__ = [
    "autoencoder_backward",
    "autoencoder_forward",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "combine_backward",
    "combine_forward",
    "conv2d_backward",
    "conv2d_forward",
    "count_windows",
    "dense_backward",
    "dense_forward",
    "depthwise_conv2d_backward",
    "depthwise_conv2d_forward",
    "dictionary_conv2d_backward",
    "dictionary_conv2d_forward",
    "dropout_backward",
    "dropout_forward",
    "expand_backward",
    "expand_filters_backward",
    "expand_filters_forward",
    "expand_forward",
    "flatten_backward",
    "flatten_forward",
    "fourier_conv2d_backward",
    "fourier_conv2d_forward",
    "limit_column_norms",
    "local_response_backward",
    "local_response_forward",
    "log_cosh_backward",
    "log_cosh_forward",
    "lowrank_backward",
    "lowrank_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "maxout_backward",
    "maxout_forward",
    "moment_reconstruction_backward",
    "moment_reconstruction_forward",
    "pool_backward",
    "pool_forward",
    "predicted_backward",
    "predicted_conv2d_backward",
    "predicted_conv2d_forward",
    "predicted_forward",
    "reconstruction_backward",
    "reconstruction_forward",
    "relu_backward",
    "relu_forward",
    "second_moment_backward",
    "second_moment_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "smooth_abs_backward",
    "smooth_abs_forward",
    "softmax",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "unit_columns_backward",
    "unit_columns_forward",
    "weight_decay_backward",
    "weight_decay_forward",
]
