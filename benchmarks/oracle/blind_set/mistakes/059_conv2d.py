import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"


def conv2d_forward(v, W, b, stride, padding):
    n, rows, cols, c = v.shape
    x = v.reshape(n, c, rows, cols)
    k = W.permute(3, 2, 0, 1).contiguous()
    y = F.conv2d(F.pad(x, (padding,) * 4), k, b.contiguous(), stride=stride)
    return y.permute(0, 2, 3, 1).contiguous(), (x, k, stride, padding, v.shape)


def conv2d_backward(dy, cache):
    x, k, stride, padding, shape = cache
    g = dy.permute(0, 3, 1, 2).contiguous()
    dx = torch.nn.grad.conv2d_input(x.shape, k, g, stride=stride, padding=padding)
    dk = torch.nn.grad.conv2d_weight(x, k.shape, g, stride=stride, padding=padding)
    return dx.reshape(shape), dk.permute(2, 3, 1, 0).contiguous(), g.sum((0, 2, 3))
