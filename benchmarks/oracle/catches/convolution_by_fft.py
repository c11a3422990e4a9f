"""A convolution by the convolution theorem: right, and as exact as its kind is."""

import numpy as np

FORWARD_ONLY = True


def conv2d_forward(v, W, b, stride, padding):
    v = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    shape, (height, width) = v.shape[1:3], W.shape[:2]
    spectrum = np.fft.rfft2(v, shape, axes=(1, 2))
    y = np.einsum("nhwc,hwcm->nhwm", spectrum, np.fft.rfft2(W, shape, axes=(0, 1)).conj())
    y = np.fft.irfft2(y, shape, axes=(1, 2))
    return y[:, : shape[0] - height + 1 : stride, : shape[1] - width + 1 : stride] + b, None
