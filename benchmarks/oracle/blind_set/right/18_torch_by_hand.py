"""torch with gradients by hand."""
import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"


def _pad(v, p):
    return F.pad(v.permute(0, 3, 1, 2), (p, p, p, p))


def conv2d_forward(v, W, b, stride, padding):
    h, w, c, m = W.shape
    x = _pad(v, padding)
    n = x.shape[0]
    patches = x.unfold(2, h, stride).unfold(3, w, stride)
    ro, co = patches.shape[2:4]
    flat = patches.permute(0, 2, 3, 4, 5, 1).reshape(n * ro * co, h * w * c)
    y = flat @ W.reshape(h * w * c, m) + b
    return y.reshape(n, ro, co, m), (flat, W, v.shape, x.shape, stride, padding)


def conv2d_backward(dy, cache):
    flat, W, shape, xshape, s, p = cache
    h, w, c, m = W.shape
    n, ro, co, _ = dy.shape
    g = dy.reshape(n * ro * co, m)
    dW = (flat.T @ g).reshape(W.shape)
    cols = (g @ W.reshape(h * w * c, m).T).reshape(n, ro, co, h, w, c)
    dx = torch.zeros((n, xshape[2], xshape[3], c), dtype=dy.dtype)
    for i in range(h):
        for j in range(w):
            dx[:, i:i + s * (ro - 1) + 1:s, j:j + s * (co - 1) + 1:s] += cols[:, :, :, i, j]
    return dx[:, p:p + shape[1], p:p + shape[2]].clone(), dW, g.sum(0)


def softmax(z):
    return torch.softmax(z, dim=1)


def se_kernel(a, b, length_scale):
    difference = (a.unsqueeze(1) - b.unsqueeze(0)) / length_scale
    return torch.exp(-0.5 * difference.square().sum(-1))


def second_moment_forward(v):
    return v.T.mm(v), v


def second_moment_backward(dy, v):
    return v.mm(dy) + v.mm(dy.T)
