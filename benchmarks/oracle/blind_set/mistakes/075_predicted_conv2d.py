import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


@torch.no_grad()
def _tied(u, x, shape, c):
    per_channel = x.reshape(u.shape[1], c, x.shape[1])
    return torch.einsum("tf,fam->tam", u, per_channel).reshape(*shape, c, x.shape[1])


def filters(u, x, shape, c):
    if u.shape[0] == shape[0] * shape[1] * c:
        return (u @ x).reshape(*shape, c, x.shape[1])
    return _tied(u, x, shape, c)


def predicted_conv2d_forward(v, U, w, b, filter_shape, stride, padding):
    W = torch.cat([filters(u, x, filter_shape, v.shape[3]) for u, x in zip(U, w)], 3)
    x = F.pad(v.permute(0, 3, 1, 2), (padding,) * 4).contiguous()
    y = F.conv2d(x, W.permute(3, 2, 0, 1).contiguous(), b, stride=stride)
    return y.permute(0, 2, 3, 1)
