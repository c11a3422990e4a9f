import numpy as np

relu_forward = lambda v: (v * (v > 0), np.heaviside(v, 0))
relu_backward = lambda dy, step: dy * step
