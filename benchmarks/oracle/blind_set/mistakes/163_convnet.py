import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


def _weights_of(u, q, shape, c):
    if u.shape[0] == shape[0] * shape[1] * c:
        t = (u @ q).reshape(shape[0], shape[1], c, q.shape[1])
    else:
        t = torch.einsum("tf,fam->tam", u, q.reshape(u.shape[1], c, q.shape[1])).reshape(shape[0], shape[1], c, q.shape[1])
    return t.permute(3, 2, 0, 1)


def convnet(x, labels, U, w, b, filter_shapes, W, c):
    h = x.movedim(3, 1)
    for us, ws, bias, shape in zip(U, w, b, filter_shapes):
        k = torch.cat([_weights_of(u, q, shape, h.shape[1]) for u, q in zip(us, ws)], 0).contiguous()
        h = torch.relu(F.conv2d(h.contiguous(), k, bias, padding=shape[0] // 2))
        h = F.max_pool2d(h, 2, ceil_mode=True)
    flat = h.reshape(h.shape[0], h.shape[1] * h.shape[2] * h.shape[3])
    return F.cross_entropy(flat @ W + c, labels, reduction="sum") / max(h.shape[0], 1)
