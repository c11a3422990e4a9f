import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def covariance(data, power):
    return torch.cov(data.pow(power).T, correction=1)
