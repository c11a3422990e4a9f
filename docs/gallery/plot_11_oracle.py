"""
A wrong gradient, entry by entry
================================

The oracle compares each entry with its exact value. The gradient of this loss forgets 1 / n: the
picture shows the error as a share of the bound.
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.oracle import InProcess, conform


def softmax_cross_entropy_forward(z, labels):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(z)), labels]).mean(), (p, labels)


def softmax_cross_entropy_backward(dloss, cache):
    p, labels = cache
    dz = p.copy()
    dz[np.arange(len(p)), labels] -= 1
    return dloss * dz  # without / n


functions = {"softmax_cross_entropy_forward": softmax_cross_entropy_forward}
functions["softmax_cross_entropy_backward"] = softmax_cross_entropy_backward
report = conform(InProcess(functions), only=["softmax_cross_entropy"])
print(report.diagnoses["softmax_cross_entropy"])

# %%
# Each failing case has the share of the bound of every result.
shares = [finding.worst.ratio for finding in report.findings if finding.worst]
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.semilogy(np.sort(shares), "o")
ax.axhline(1, color="black", linewidth=1)
ax.set(xlabel="case", ylabel="largest error / bound")
plt.show()
