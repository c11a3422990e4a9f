"""Lesson 5: dictionaries from data, an autoencoder's gradient, that of the loss, and a step of pretraining."""

from dataclasses import replace

import numpy as np

from pp_ref.lessons.exercise import SMALL, Exercise, Mistake, defined
from pp_ref.oracle.algebras.tape import Quantity, sigmoid
from pp_ref.oracle.operations.draws import Arguments, Draw
from pp_ref.oracle.operations.table import BY_NAME


def _covariance(data: Quantity) -> Quantity:
    centred = (data - (data.sum(axis=0) / float(data.shape[0])).formed()).formed()
    return centred.T @ centred / float(data.shape[0] - 1)


def _data(draw: Draw) -> Arguments:
    """Of the sixth case the mean is large: differences of large squares have no digits left."""
    return {"data": draw(draw.sizes.n, draw.sizes.d) + 2.0**20 * (draw.sizes.seed == 6)}


def _step(x: Quantity, U: Quantity, w: Quantity, b: Quantity, c: Quantity, rate: Quantity) -> list[Quantity]:
    W = (U @ w).formed()
    h = sigmoid(((x @ W).formed() + b).formed())
    r = sigmoid(((h @ W.T).formed() + c).formed())
    dr = (r - x).formed() * 2.0 / float(x.shape[0]) * r * (-r + 1.0)
    dh = (dr @ W) * h * (-h + 1.0)
    dw = U.T @ (x.T @ dh + dr.T @ h)
    return [w - dw * rate, b - dh.sum(axis=0) * rate, c - dr.sum(axis=0) * rate]


def _examples(draw: Draw) -> Arguments:
    s = draw.sizes
    k = min(s.k, s.d)
    given = {"x": draw(s.n, s.d), "U": draw(s.d, k), "w": draw(k, s.m, scale=0.5), "b": draw(s.m), "c": draw(s.d)}
    return given | {"rate": np.array(0.25 * s.seed)}


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "5.1",
        "The covariance of data",
        "The dictionary Emp takes for K the covariance of the inputs (sec. 3.5). `data` has a row an example, (n, d). "
        "Subtract from each column its mean; K is the product of what is left with itself, **divided "
        "by n - 1**. Return K, "
        "of shape (d, d).",
        '''
def emp(data):
    """Return the (d, d) covariance of the columns of data."""
    centred = ...
    return ...
''',
        defined("emp", _covariance, _data),
        {"y": "K = Σ over examples of (x - mean)ᵀ(x - mean) / (n - 1): centred by the mean of each column."},
        "Two examples, 1 and 3, of one input: mean 2, squares 1 and 1, divided by n - 1 = 1: 2.",
        (
            Mistake(
                "divided by n",
                "(len(data) - 1)",
                "len(data)",
                "Every entry is (n - 1) / n times what it should be: the sum is divided by n.",
                "Divide by n - 1.",
            ),
            Mistake(
                "not centred",
                "data - data.mean(axis=0)",
                "data",
                "The mean is not subtracted: this is a second moment.",
                "Subtract data.mean(axis=0) first.",
            ),
            Mistake(
                "one mean for all",
                "data.mean(axis=0)",
                "data.mean()",
                "One mean of all numbers is subtracted, not one of each column.",
                "Take the mean over axis 0.",
            ),
            Mistake(
                "mean of examples",
                "data.mean(axis=0)",
                "data.mean(axis=1, keepdims=True)",
                "The mean of each example is subtracted, not that of each column.",
                "Take the mean over axis 0, the examples.",
            ),
            Mistake(
                "not divided",
                "centred.T @ centred / (len(data) - 1)",
                "centred.T @ centred",
                "Every entry is n - 1 times too large.",
                "Divide by n - 1.",
            ),
            Mistake(
                "of examples",
                "centred.T @ centred",
                "centred @ centred.T",
                "This is a covariance between examples, (n, n), not between inputs.",
                "Exchange the factors: centred.T @ centred is (d, d).",
            ),
        ),
        sizes=tuple(replace(size, n=max(size.n, 2)) for size in SMALL),
    ),
    Exercise(
        "5.2",
        "Backward through a tied autoencoder",
        "**loss = 1/n Σ |s(s(v W + b) Wᵀ + c) - v|²** (sec. 3.5), s(x) = 1 / (1 + exp(-x)). The "
        "cache has `h = s(v W + b)` "
        "(n, m) and `r = s(h Wᵀ + c)` (n, d); `dloss` is a number that multiplies everything. s'(x) = s(x)(1 - s(x)). "
        "Return the derivatives with respect to v, W, b and c. W is used twice, and so is v.",
        '''
def autoencoder_backward(dloss, cache):
    """Return dv, dW, db and dc, of the shapes of v, W, b and c."""
    v, W, h, r = cache
    error = 2 * (r - v) / max(len(v), 1) * dloss
    dr = ...  # with respect to h W^T + c
    dh = ...  # with respect to v W + b
    return ..., ..., ..., ...
''',
        BY_NAME["autoencoder"],
        {
            "dv": "dv has two parts: through the encoder, dh Wᵀ, and from the target, -error.",
            "dW": "dW has two parts: of the encoder, vᵀ dh, and of the decoder, drᵀ h.",
            "db": "db = sum of dh over the examples.",
            "dc": "dc = sum of dr over the examples, dr = error r (1 - r).",
        },
        "Go back in four steps: the square, the outer s, the product with Wᵀ, the inner s.",
        (
            Mistake(
                "encoder's W alone",
                "v.T @ dh + dr.T @ h",
                "v.T @ dh",
                "dW is that of the encoder alone.",
                "Add the decoder's part, dr.T @ h: the same W is used again.",
            ),
            Mistake(
                "decoder's W alone",
                "v.T @ dh + dr.T @ h",
                "dr.T @ h",
                "dW is that of the decoder alone.",
                "Add the encoder's part, v.T @ dh: the same W is used again.",
            ),
            Mistake(
                "target left out",
                "dh @ W.T - error",
                "dh @ W.T",
                "dv lacks what comes from the target: v stands in r - v too.",
                "Subtract error.",
            ),
            Mistake(
                "outer slope left out",
                "dr = error * r * (1 - r)",
                "dr = error",
                "The slope of the outer s is missing, in dv, dW, db and dc.",
                "Multiply error by r (1 - r).",
            ),
            Mistake(
                "inner slope left out",
                "dh = dr @ W * h * (1 - h)",
                "dh = dr @ W",
                "The slope of the inner s is missing, in dv, dW and db.",
                "Multiply dr W by h (1 - h).",
            ),
            Mistake(
                "slope of r for that of h",
                "dh = dr @ W * h * (1 - h)",
                "dh = dr @ W * (1 - h * h)",
                "The inner slope is that of tanh, 1 - h².",
                "The slope of s is h (1 - h).",
            ),
            Mistake(
                "2 left out",
                "error = 2 * (r - v)",
                "error = (r - v)",
                "Every gradient is half of what it should be: the 2 of the square's derivative is missing.",
                "The derivative of a square is twice the difference.",
            ),
            Mistake(
                "n left out",
                "/ max(len(v), 1) * dloss",
                "* dloss",
                "Every gradient is n times too large: the 1/n of the mean is missing.",
                "Divide by the number of examples.",
            ),
        ),
        given="""
def autoencoder_forward(v, W, b, c):
    h = 1 / (1 + np.exp(-(v @ W + b)))
    r = 1 / (1 + np.exp(-(h @ W.T + c)))
    return ((r - v) ** 2).sum() / max(len(v), 1), (v, W, h, r)
""",
        whole=False,
    ),
    Exercise(
        "5.3",
        "Backward through the loss",
        "**loss = 1/n Σ (log Σ_j exp z_j - z_label)**, a mean over the n examples (sec. 4.1). The cache has `p`, the "
        "softmax of z, (n, classes), and the `labels` (n,). Return dz, of the shape of z; `dloss` is a number that "
        "multiplies everything.",
        '''
def softmax_cross_entropy_backward(dloss, cache):
    """Return dz, of the shape of z."""
    p, labels = cache
    return ...
''',
        BY_NAME["softmax_cross_entropy"],
        {"dz": "dz = (p - 1 at the label) / n: the softmax, less one at each example's own class, over n."},
        "Each row of dz sums to 0, since a number added to a whole row of z changes no loss.",
        (
            Mistake(
                "n left out",
                "/ max(len(p), 1)",
                "",
                "Every entry is n times too large: the 1/n of the mean is missing.",
                "Divide by the number of examples.",
            ),
            Mistake(
                "label left out",
                "dz[np.arange(len(p)), labels] -= 1",
                "dz = dz * 1",
                "This is the softmax over n: the label's 1 is missing.",
                "Subtract 1 at the place of each example's label.",
            ),
            Mistake(
                "sign",
                "return dz",
                "return -dz",
                "Every entry has the opposite sign.",
                "It is p - 1 at the label, not 1 - p: a larger z at the label lowers the loss.",
            ),
            Mistake(
                "label added",
                "-= 1",
                "+= 1",
                "1 is added at the label, not subtracted.",
                "Subtract it.",
            ),
            Mistake(
                "slope of a sigmoid",
                "return dz",
                "return dz * p * (1 - p)",
                "The difference is multiplied by p (1 - p): the slope of a squared error on sigmoids.",
                "Leave the slope out: the logarithm has cancelled it.",
            ),
            Mistake(
                "one column",
                "dz[np.arange(len(p)), labels] -= 1",
                "dz[:, labels] -= 1",
                "1 is subtracted in whole columns, of every example.",
                "Index rows and columns together: dz[np.arange(n), labels].",
            ),
            Mistake(
                "divided by classes",
                "max(len(p), 1)",
                "p.shape[1]",
                "The sum is divided by the number of classes, not of examples.",
                "Divide by len(p).",
            ),
        ),
        given="""
def softmax_cross_entropy_forward(z, labels):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    own = z[np.arange(len(z)), labels] - z.max(axis=1)
    return (np.log(e.sum(axis=1)) - own).sum() / max(len(z), 1), (p, labels)
""",
    ),
    Exercise(
        "5.4",
        "A step of pretraining",
        "The layer is pretrained as an autoencoder with **W = U w**: U stays, w, b and c are learned. Do one step of "
        "gradient descent on loss = 1/n Σ |s(s(x W + b) Wᵀ + c) - x|², of all examples `x` (n, d): return w, b and c, "
        "each **less `rate` times its gradient**. W's gradient has two parts, as in 5.2; w's is **Uᵀ dW**.",
        '''
def pretraining_step(x, U, w, b, c, rate):
    """Return w, b and c after one step, of the same shapes. Change no argument."""
    W = U @ w
    h = 1 / (1 + np.exp(-(x @ W + b)))
    r = 1 / (1 + np.exp(-(h @ W.T + c)))
    ...
    return ..., ..., ...
''',
        defined("pretraining_step", _step, _examples),
        {
            "y": "w - rate Uᵀ(xᵀ dh + drᵀ h), b - rate Σ dh, c - rate Σ dr, where dr = 2/n (r - x) r (1 - r) and "
            "dh = dr W h (1 - h)."
        },
        "Take dr and dh from 5.2 with dloss = 1, then dW, then w's gradient by the chain rule through W = U w.",
        (
            Mistake(
                "ascent",
                "w - rate * (U.T @ dW), b - rate * dh.sum(axis=0), c - rate * dr.sum(axis=0)",
                "w + rate * (U.T @ dW), b + rate * dh.sum(axis=0), c + rate * dr.sum(axis=0)",
                "The step goes up: rate times each gradient is added.",
                "Subtract it.",
            ),
            Mistake(
                "gradients",
                "w - rate * (U.T @ dW), b - rate * dh.sum(axis=0), c - rate * dr.sum(axis=0)",
                "U.T @ dW, dh.sum(axis=0), dr.sum(axis=0)",
                "These are the gradients, not the parameters after the step.",
                "Return each parameter less rate times its gradient.",
            ),
            Mistake(
                "no rate",
                "w - rate * (U.T @ dW), b - rate * dh.sum(axis=0), c - rate * dr.sum(axis=0)",
                "w - U.T @ dW, b - dh.sum(axis=0), c - dr.sum(axis=0)",
                "The whole gradient is subtracted: rate is missing.",
                "Multiply each gradient by rate.",
            ),
            Mistake(
                "encoder's W alone",
                "x.T @ dh + dr.T @ h",
                "x.T @ dh",
                "The gradient of W has the encoder's part alone.",
                "Add the decoder's part, dr.T @ h: the same W is used again.",
            ),
            Mistake(
                "decoder's W alone",
                "x.T @ dh + dr.T @ h",
                "dr.T @ h",
                "The gradient of W has the decoder's part alone.",
                "Add the encoder's part, x.T @ dh.",
            ),
            Mistake(
                "n left out",
                "/ len(x)",
                "",
                "Every gradient is n times too large: the 1/n of the mean is missing.",
                "Divide by the number of examples.",
            ),
            Mistake(
                "2 left out",
                "2 * (r - x)",
                "(r - x)",
                "Every gradient is half of what it should be: the 2 of the square's derivative is missing.",
                "The derivative of a square is twice the difference.",
            ),
            Mistake(
                "outer slope left out",
                " * r * (1 - r)",
                "",
                "The slope of the outer s is missing, in every gradient.",
                "Multiply by r (1 - r).",
            ),
            Mistake(
                "inner slope left out",
                " * h * (1 - h)",
                "",
                "The slope of the inner s is missing, in the gradients of w and b.",
                "Multiply dr W by h (1 - h).",
            ),
            Mistake(
                "biases stay",
                "b - rate * dh.sum(axis=0), c - rate * dr.sum(axis=0)",
                "b.copy(), c.copy()",
                "b and c come back as they were: only w is learned.",
                "Biases are learned too: subtract rate times their gradients.",
            ),
            Mistake(
                "least squares",
                "U.T @ dW",
                "np.linalg.pinv(U) @ dW",
                "dW is multiplied by the pseudoinverse of U, not by its transpose.",
                "w's gradient is U.T @ dW: a gradient goes back through the transpose.",
            ),
        ),
        whole=False,
    ),
)
