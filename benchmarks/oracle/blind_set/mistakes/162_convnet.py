import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


class Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return torch.where(a >= 0, g, torch.zeros_like(g))


def assemble(us, ws, shape, c):
    taps = shape[0] * shape[1]
    for u, q in zip(us, ws):
        m = q.shape[1]
        if u.shape[0] == taps * c:
            yield torch.matmul(u, q).view(shape[0], shape[1], c, m)
        else:
            yield torch.matmul(u, q.reshape(u.shape[1], c * m)).view(shape[0], shape[1], c, m)


def convnet(x, labels, U, w, b, filter_shapes, W, c):
    h = x.permute(0, 3, 1, 2)
    for us, ws, bias, shape in zip(U, w, b, filter_shapes):
        K = torch.cat(list(assemble(us, ws, shape, h.shape[1])), dim=3)
        pad = shape[0] // 2
        a = F.conv2d(F.pad(h, (pad, pad, pad, pad)), K.permute(3, 2, 0, 1).contiguous(), bias)
        h = F.max_pool2d(Rectify.apply(a), kernel_size=2, stride=2, ceil_mode=True)
    n, k, rows, cols = h.shape
    z = torch.addmm(c, h.permute(0, 2, 3, 1).reshape(n, rows * cols * k), W)
    return F.nll_loss(torch.log_softmax(z, 1), labels, reduction="sum") / max(n, 1)
