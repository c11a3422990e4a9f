"""The small network in torch, channels first inside."""
import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


def _filters(U, w, shape, channels):
    out = []
    for u, x in zip(U, w):
        if u.shape[0] == shape[0] * shape[1] * channels:
            W = (u @ x).reshape(shape[0], shape[1], channels, x.shape[1])
        else:
            W = torch.tensordot(u, x.reshape(u.shape[1], channels, x.shape[1]), 1).reshape(shape[0], shape[1], channels, x.shape[1])
        out.append(W)
    return torch.cat(out, 3).permute(3, 2, 0, 1)


def convnet(x, labels, U, w, b, filter_shapes, W, c):
    h = x.permute(0, 3, 1, 2)
    n = h.shape[0]
    for us, ws, bias, shape in zip(U, w, b, filter_shapes):
        h = F.conv2d(h, _filters(us, ws, shape, h.shape[1]).contiguous(), bias, padding=shape[0] // 2)
        h = F.max_pool2d(F.relu(h), 2, 2, ceil_mode=True)
    flat = h.permute(0, 2, 3, 1).reshape(n, h.shape[1] * h.shape[2] * h.shape[3])
    return F.cross_entropy(flat @ W + c, labels, reduction="sum") / max(n, 1)


def flatten_forward(v):
    return v.reshape(v.shape[0], v.shape[1] * v.shape[2] * v.shape[3])


def relu_forward(v):
    return torch.relu(v)
