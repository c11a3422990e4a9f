"""Train a net with two predicted layers on 4,000 digits in PyTorch, and merge it into plain layers."""

import numpy as np
import torch
from torch import nn

from pp_ref.data import load_digits
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.torch import PredictedConv2d, PredictedLinear


class ChannelsLast(nn.Module):
    """Images as rows in the order of `Grid(height, width, channels)`."""

    def forward(self, maps):
        return maps.permute(0, 2, 3, 1).flatten(1)


torch.manual_seed(0)
digits, rng = load_digits(), np.random.default_rng(0)
x, x_test = (torch.tensor(part.x).reshape(-1, 1, 28, 28) for part in (digits.train, digits.test))
y, y_test = torch.tensor(digits.train.y), torch.tensor(digits.test.y)
filters = make_dictionary("se", Grid(5, 5), proportion=0.5, n_columns=2, rng=rng)
inputs = make_dictionary("se", Grid(12, 12, 16), proportion=0.1, n_columns=5, rng=rng)
convolution, dense = PredictedConv2d(filters, 16, 5), PredictedLinear(inputs, 50)
net = nn.Sequential(convolution, nn.ReLU(), nn.MaxPool2d(2), ChannelsLast(), dense, nn.ReLU(), nn.Linear(50, 10))

optimiser = torch.optim.Adam(net.parameters())
for rows in (rows for _ in range(5) for rows in torch.randperm(len(x)).split(100)):
    optimiser.zero_grad()
    nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
    optimiser.step()

merged = nn.Sequential(*(layer.merge() if hasattr(layer, "merge") else layer for layer in net))
right, plain = ((each(x_test).argmax(1) == y_test).float().mean().item() for each in (net, merged))
counts = [layer.count() for layer in (convolution, dense)]
learned, total = sum(count.dynamic for count in counts), sum(count.total for count in counts)
print(f"{learned:,} of {total:,} weights learned; {right:.1%} of 1,000 test digits are right; merged, {plain:.1%}")
