import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"


def _count(x, size, stride, ceil):
    k = -((size - x) // stride) + 1 if ceil else (x - size) // stride + 1
    if k < 1 or (not ceil and x < size):
        return 0
    return k - 1 if (k - 1) * stride >= x else k


def max_pool2d_forward(v, stride, size, ceil):
    n, rows, cols, c = v.shape
    ro, co = _count(rows, size, stride, ceil), _count(cols, size, stride, ceil)
    if n == 0 or ro == 0 or co == 0:
        return torch.zeros((n, ro, co, c), dtype=v.dtype), (None, v.shape)
    x = v.permute(0, 3, 1, 2).contiguous()
    y, index = F.max_pool2d(x, size, stride, ceil_mode=ceil, return_indices=True)
    return y.permute(0, 2, 3, 1).contiguous(), (index, v.shape)


def max_pool2d_backward(dy, cache):
    index, (n, rows, cols, c) = cache
    dx = torch.zeros((n, c, rows * cols), dtype=dy.dtype)
    if index is not None:
        g = dy.permute(0, 3, 1, 2)[:, :, :index.shape[2], :index.shape[3]].reshape(n, c, -1)
        dx.scatter_add_(2, index.reshape(n, c, -1)[:, :, :g.shape[2]], g)
    return dx.reshape(n, c, rows, cols).permute(0, 2, 3, 1).contiguous()
