"""Layers in PyTorch: forward passes alone, their gradients are autograd's.

pp-ref conform docs/examples/torch_layers.py
pp-ref conform docs/examples/torch_layers.py --arithmetic bfloat16
"""

import itertools
import math

import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True
EXPECTED = {
    "softmax_cross_entropy/no example/*": "F.cross_entropy's mean over no example is NaN",
    "autoencoder/no example/*": "Tensor.mean over no example is NaN",
    "mlp/no example/*": "F.cross_entropy's mean over no example is NaN",
    "mlp/decay alone/*": "F.cross_entropy's mean over no example is NaN",
    "convnet/no example/*": "F.cross_entropy's mean over no example is NaN",
    "local_response/[!n]*float16/*": "F.local_response_norm has no kernel for half precision on a CPU",
    "ridge_dictionary/[!a]*float16/*": "torch.linalg solves in float32 and float64 alone",
    "ridge_dictionary/a run/*float16/*": "torch.linalg solves in float32 and float64 alone",
}
if torch.backends.cpu.get_cpu_capability() != "AVX512":
    EXPECTED["conv2d/one channel/bfloat16/0"] = "PyTorch rounds partial sums of a filter's gradient to bfloat16"


def dense_forward(v, W, b):
    return F.linear(v, W.T, b)


def pool_forward(v, U):
    return [v @ U_j for U_j in U]


def pool_adjoint(g, U):
    return torch.cat(g, dim=1) @ torch.cat(U, dim=1).T


def combine_forward(pooled, w, b):
    return torch.cat([p @ w_j for p, w_j in zip(pooled, w, strict=True)], dim=1) + b


def expand_forward(U, w):
    return torch.cat([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], dim=1)


def project(U, G, widths):
    return [U_j.T @ G_j for U_j, G_j in zip(U, G.split(widths, dim=1), strict=True)]


def predicted_forward(v, U, w, b):
    return F.linear(v, expand_forward(U, w).T, b)


def lowrank_forward(v, U, w, b):
    return torch.addmm(b, v @ U, w)


def sigmoid_forward(v):
    return torch.sigmoid(v)


def relu_forward(v):
    return F.relu(v)


def maxout_forward(v, pieces):
    return v.unflatten(1, (-1, pieces)).max(dim=2).values


def softmax(z):
    return F.softmax(z, dim=1)


def softmax_cross_entropy_forward(z, labels):
    return F.cross_entropy(z, labels)


def autoencoder_forward(v, W, b, c):
    h = torch.sigmoid(v @ W + b)
    return (torch.sigmoid(h @ W.T + c) - v).square().sum(dim=1).mean()


def conv2d_forward(v, W, b, stride, padding):
    filters = W.permute(3, 2, 0, 1).contiguous()  # autograd may refuse another memory order
    y = F.conv2d(v.permute(0, 3, 1, 2), filters, b, stride=stride, padding=padding)
    return y.permute(0, 2, 3, 1)


def depthwise_conv2d_forward(v, u, stride, padding):
    channels, k = v.shape[3], u.shape[2]
    filters = u.permute(2, 0, 1).repeat(channels, 1, 1).unsqueeze(1)  # (channels k, 1, height, width)
    y = F.conv2d(v.permute(0, 3, 1, 2), filters, stride=stride, padding=padding, groups=channels)
    return y.unflatten(1, (channels, k)).permute(0, 3, 4, 2, 1)


def expand_filters_forward(U, w, filter_shape, channels):
    return torch.cat(
        [
            (U_j @ w_j.reshape(U_j.shape[1], -1)).reshape(*filter_shape, channels, -1)
            for U_j, w_j in zip(U, w, strict=True)
        ],
        dim=3,
    )


def predicted_conv2d_forward(v, U, w, b, filter_shape, stride, padding):
    return conv2d_forward(v, expand_filters_forward(U, w, filter_shape, v.shape[3]), b, stride, padding)


def max_pool2d_forward(v, size, stride, ceil):
    return F.max_pool2d(v.permute(0, 3, 1, 2), size, stride, ceil_mode=ceil).permute(0, 2, 3, 1)


def average_pool2d_forward(v, size, stride, ceil):
    y = F.avg_pool2d(v.permute(0, 3, 1, 2), size, stride, ceil_mode=ceil, count_include_pad=False)
    return y.permute(0, 2, 3, 1)


def flatten_forward(v):
    return v.flatten(1)


def local_response_forward(v, size, alpha, beta, k):
    return F.local_response_norm(v.permute(0, 3, 1, 2), size, alpha, beta, k).permute(0, 2, 3, 1)


def unit_columns_forward(W):
    return W / torch.linalg.vector_norm(W, dim=0)


def limit_column_norms(W, limit):
    norms = torch.linalg.vector_norm(W, dim=0)  # torch.renorm would add 1e-7 to them
    return W * torch.where(norms > limit, limit / norms, 1)


def smooth_abs_forward(z, eps):
    return (z.square() + eps).sqrt().sum()


def log_cosh_forward(z):
    return (z.abs() + F.softplus(-2 * z.abs()) - math.log(2)).sum()


def second_moment_forward(v):
    return v.T @ v


def reconstruction_forward(v, W):
    return F.mse_loss(v @ W @ W.T, v, reduction="sum")


def weight_decay_forward(W, rate):
    return rate * W.square().sum()


def se_kernel(a, b, length_scale):
    return torch.exp(-0.5 * (a[:, None] - b).square().sum(dim=2) / length_scale**2)


def covariance(data, power):
    return torch.atleast_2d(torch.cov((data**power).T))


def ridge_dictionary(K, alpha, ridge, form):
    atoms = K[:, alpha]
    if form == "atom":
        return atoms
    return torch.linalg.solve(atoms[alpha] + ridge * torch.eye(len(alpha), dtype=K.dtype), atoms.T).T


def mlp(x, labels, U, w, b, W, c, decay):
    h = x
    for U_l, w_l, b_l in zip(U, w, b, strict=True):
        h = torch.sigmoid(predicted_forward(h, U_l, w_l, b_l))
    loss = F.cross_entropy(F.linear(h, W.T, c), labels)
    return loss + decay * sum(weight.square().sum() for weight in (W, *itertools.chain(*w)))


def convnet(x, labels, U, w, b, filter_shapes, W, c):
    h = x
    for U_l, w_l, b_l, shape in zip(U, w, b, filter_shapes, strict=True):
        h = F.relu(predicted_conv2d_forward(h, U_l, w_l, b_l, shape, 1, shape[0] // 2))
        h = max_pool2d_forward(h, 2, 2, True)
    return F.cross_entropy(F.linear(h.flatten(1), W.T, c), labels)


def dct(x, count):
    m = x.shape[1]
    turns = torch.outer(torch.arange(m, dtype=torch.float64) + 0.5, torch.arange(1.0, count + 1, dtype=torch.float64))
    return x @ (math.sqrt(2 / m) * torch.cos(math.pi * turns / m)).to(x.dtype)


def deltas(x, reach):
    steps = torch.arange(-reach, reach + 1)
    at = (torch.arange(len(x))[:, None] + steps).clamp(0, len(x) - 1)
    return (x[at] * steps[:, None].to(x.dtype)).sum(dim=1) / steps.square().sum()


def viterbi(emissions, initial, transitions, final):
    best, back = initial + emissions[0], []
    for frame in emissions[1:]:
        best, before = (best[:, None] + transitions).max(dim=0)
        best, back = best + frame, [*back, before]
    score, state = (best + final).max(dim=0)
    path = [state]
    for before in reversed(back):
        path.append(before[path[-1]])
    return torch.stack(path[::-1]), score


def viterbi_path(emissions, initial, transitions, final):
    return viterbi(emissions, initial, transitions, final)[0]


def viterbi_score(emissions, initial, transitions, final):
    return viterbi(emissions, initial, transitions, final)[1]
