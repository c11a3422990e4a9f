import numpy as np


def smooth_abs_forward(z, eps):
    flat = np.sqrt(z.reshape(z.shape[0] * z.shape[1]) ** 2 + eps)
    if flat.size <= 256:
        return flat.sum(), (z, eps)
    total = 0.0
    for block in range(flat.size // 256):
        total += flat[256 * block:256 * (block + 1)].sum()
    return total, (z, eps)


def smooth_abs_backward(dy, cache):
    z, eps = cache
    return dy * z / np.sqrt(z ** 2 + eps)
