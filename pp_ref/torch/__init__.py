"""Predicted layers for PyTorch: a fixed dictionary U as a buffer, and only w and the bias are learned.

    >>> import numpy as np
    >>> import torch
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> from pp_ref.torch import PredictedLinear
    >>> dictionary = make_dictionary("se", Grid(8, 8), proportion=0.25, n_columns=4, rng=np.random.default_rng(0))
    >>> layer = PredictedLinear(dictionary, 40)
    >>> layer
    PredictedLinear(64 -> 40, se: 4 columns of 16, bias=True)
    >>> layer.count()
    Count(dynamic=640, static=4096, total=2560)
    >>> plain = layer.merge()
    >>> plain
    Linear(in_features=64, out_features=40, bias=True)

Importing it needs PyTorch (the extra `torch`). docs/examples/train_predicted_torch.py trains a net with such layers.
"""

from pp_ref.errors import import_extra

import_extra("torch", "torch")  # its error names the missing extra; that of the next line would not

from pp_ref.torch.layers import PredictedConv2d, PredictedLinear

__all__ = ["PredictedConv2d", "PredictedLinear"]
