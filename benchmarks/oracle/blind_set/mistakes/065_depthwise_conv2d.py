import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"


def depthwise_conv2d_forward(v, u, stride, padding):
    n, rows, cols, c = v.shape
    h, w, f = u.shape
    k = u.permute(2, 0, 1).reshape(f, 1, h, w)
    x = F.pad(v.permute(0, 3, 1, 2).reshape(n * c, 1, rows, cols), (padding,) * 4)
    y = F.conv2d(x, k.contiguous(), stride=stride)
    ro, co = y.shape[2:]
    return y.reshape(n, c, f, ro, co).permute(0, 3, 4, 2, 1).contiguous(), (v.shape, x.shape, k, stride, padding)


def depthwise_conv2d_backward(dy, cache):
    (n, rows, cols, c), xs, k, stride, padding = cache
    ro, co, f = dy.shape[1:4]
    g = dy.permute(0, 4, 3, 1, 2).reshape(n * c, f, ro, co)
    dx = F.conv_transpose2d(g.contiguous(), k.contiguous(), stride=stride)
    dx = F.pad(dx, (xs[3] - dx.shape[3], 0, xs[2] - dx.shape[2], 0))
    dx = dx[:, :, padding:padding + rows, padding:padding + cols]
    return dx.reshape(n, c, rows, cols).permute(0, 2, 3, 1).contiguous()
