"""Lesson 3: the chain rule by hand, for a full layer and for a predicted one, and the cost of both orders."""

from pp_ref.lessons.exercise import Exercise, Mistake, defined, numbers
from pp_ref.oracle.operations.table import BY_NAME

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "3.1",
        "Backward through a full layer",
        "**y = v W + b**, with `v` (n, d), `W` (d, m), `b` (m,). The loss depends on y, and `dy` (n, m) is its "
        "derivative with respect to y. Return its derivatives with respect to v, W and b. The loss is whatever it is: "
        "if it is a mean over examples, dy has the 1/n already.",
        '''
def dense_backward(dy, cache):
    """Return dv (n, d), dW (d, m) and db (m,)."""
    v, W = cache
    dv = ...
    dW = ...
    db = ...
    return dv, dW, db
''',
        BY_NAME["dense"],
        {
            "dv": "dv = dy Wᵀ: input i got its share of every unit through W[i, :].",
            "dW": "dW = vᵀ dy: a sum over the n examples of what came in times what comes back.",
            "db": "db = sum of dy over the examples.",
            "y": "y = v W + b is given; the derivatives have the shapes of v, W and b.",
        },
        "Write the shape below every matrix: only one product of the two gives the shape that is due.",
        (
            Mistake(
                "dW divided by n",
                "v.T @ dy",
                "v.T @ dy / len(v)",
                "Every entry of dW is n times too small, n being the number of examples.",
                "Do not divide by n: dy has the 1/n if the loss has it.",
            ),
            Mistake(
                "db divided by n",
                "dy.sum(axis=0)",
                "dy.mean(axis=0)",
                "Every entry of db is n times too small: a mean over the examples, not a sum.",
                "Sum dy over axis 0.",
            ),
            Mistake(
                "both divided by n",
                "v.T @ dy, dy.sum(axis=0)",
                "v.T @ dy / len(v), dy.mean(axis=0)",
                "Every entry of dW and of db is n times too small, n being the number of examples.",
                "Do not divide by n: dy has the 1/n if the loss has it.",
                "dW = vᵀ dy and db = sum of dy: sums over the examples.",
            ),
            Mistake(
                "W not transposed",
                "dy @ W.T",
                "dy @ W",
                "dv is pulled back through W where its transpose belongs: only a square W lets that through.",
                "Use W.T.",
            ),
            Mistake(
                "dW transposed",
                "v.T @ dy",
                "dy.T @ v",
                "dW is transposed.",
                "Exchange the factors: v.T @ dy has the shape of W.",
            ),
            Mistake(
                "db one number",
                "dy.sum(axis=0)",
                "dy.sum() + 0 * W[0]",
                "Every entry of db is the sum of all of dy, over the units too.",
                "Sum over axis 0 alone.",
            ),
            Mistake(
                "db of one example",
                "dy.sum(axis=0)",
                "dy[0]",
                "db is that of the first example alone.",
                "Sum over the examples: every one of them was given b.",
            ),
        ),
        given="""
def dense_forward(v, W, b):
    return v @ W + b, (v, W)
""",
    ),
    Exercise(
        "3.2",
        "Backward through a predicted layer",
        "**y = v [U₁ w₁, ..., U_J w_J] + b**: column j of the layer has a fixed dictionary `U[j]` (d, k_j) and learned "
        "weights `w[j]` (k_j, m_j), and gives the next m_j units. Return dv, a list of dw, and db. The dictionaries "
        "are fixed: they get no gradient.",
        '''
def predicted_backward(dy, cache):
    """Return dv (n, d), a list with dw[j] (k_j, m_j) of every column, and db (m,)."""
    v, U, w = cache
    dv = np.zeros_like(v)
    dw = []
    start = 0
    for U_j, w_j in zip(U, w):
        dy_j = dy[:, start : start + w_j.shape[1]]
        ...
    return dv, dw, dy.sum(axis=0)
''',
        BY_NAME["predicted"],
        {
            "dv": "dv = sum over the columns of dy_j w_jᵀ U_jᵀ.",
            "dw": "dw_j = (v U_j)ᵀ dy_j: the pooled input times what comes back to the units of column j.",
            "db": "db = sum of dy over the examples.",
            "y": "y is given; dv has the shape of v, dw[j] that of w[j].",
        },
        "Call v U_j = p: then y_j = p w_j is a full layer, whose backward pass you know.",
        (
            Mistake(
                "dw divided by n",
                "(v @ U_j).T @ dy_j",
                "(v @ U_j).T @ dy_j / len(v)",
                "Every entry of dw is n times too small, n being the number of examples.",
                "Do not divide by n: dy has the 1/n if the loss has it.",
            ),
            Mistake(
                "last column alone",
                "dv += dy_j",
                "dv = dy_j",
                "dv is that of the last column alone: each column overwrites the one before.",
                "Add what every column gives: v went into all of them.",
            ),
            Mistake(
                "same units for all",
                "start += w_j.shape[1]",
                "start += 0",
                "Every column is given the first units of dy.",
                "Add m_j to start after each column.",
            ),
            Mistake(
                "input not pooled",
                "(v @ U_j).T @ dy_j",
                "v[:, : U_j.shape[1]].T @ dy_j",
                "dw is made from the first k_j inputs, not from the input pooled by U_j.",
                "Multiply v by U_j first: w sees v U_j.",
            ),
            Mistake(
                "dictionary left out",
                "dy_j @ w_j.T @ U_j.T",
                "np.pad(dy_j @ w_j.T, ((0, 0), (0, v.shape[1] - U_j.shape[1])))",
                "dv is that of the pooled input: the step back through U is missing.",
                "Multiply by U_j.T as well.",
            ),
            Mistake(
                "dv divided by columns",
                "dv += dy_j @ w_j.T @ U_j.T",
                "dv += dy_j @ w_j.T @ U_j.T / len(U)",
                "dv is a mean over the columns, not a sum.",
                "Add the columns' parts as they are.",
            ),
            Mistake(
                "db divided by n",
                "dy.sum(axis=0)",
                "dy.mean(axis=0)",
                "Every entry of db is n times too small: a mean over the examples, not a sum.",
                "Sum dy over axis 0.",
            ),
        ),
        given="""
def predicted_forward(v, U, w, b):
    return np.concatenate([v @ U_j @ w_j for U_j, w_j in zip(U, w)], axis=1) + b, (v, U, w)
""",
    ),
    Exercise(
        "3.3",
        "What both orders cost",
        "**(v U) w** and **v (U w)** are the same matrix, with `v` (n, d), `U` (d, k), `w` (k, m). A product of (a, b) "
        "by (b, c) takes a b c multiplications. Return how many the first order takes, then the second.",
        '''
def products(n, d, k, m):
    """Return the multiplications of (v U) w, and those of v (U w)."""
    return ..., ...
''',
        defined(
            "products",
            lambda n, d, k, m: [n * d * k + n * k * m, d * k * m + n * d * m],
            numbers(
                n=(1, 2, 2, 3, 5, 128, 1000),
                d=(2, 3, 3, 5, 7, 784, 784),
                k=(1, 2, 1, 2, 3, 78, 400),
                m=(2, 2, 4, 3, 4, 50, 500),
            ),
        ),
        {
            "y": "(v U): n d k, then times w: n k m. (U w): d k m, then v times that: n d m.",
        },
        "Write the shapes of both products of each order, and multiply the three lengths.",
        (
            Mistake(
                "exchanged",
                "n * d * k + n * k * m, d * k * m + n * d * m",
                "d * k * m + n * d * m, n * d * k + n * k * m",
                "The two orders are exchanged.",
                "The first number is of (v U) w, which never forms W.",
            ),
            Mistake(
                "second product left out",
                "n * d * k + n * k * m, d * k * m + n * d * m",
                "n * d * k, d * k * m",
                "Each order is two products, and only the first is counted.",
                "Add n k m to the first number, and n d m to the second.",
            ),
            Mistake(
                "multiplied",
                "n * d * k + n * k * m, d * k * m + n * d * m",
                "n * d * k * m, n * d * k * m",
                "All four lengths are multiplied, as if no product were kept.",
                "Two products are made one after the other: add their costs.",
            ),
            Mistake(
                "additions too",
                "n * d * k + n * k * m, d * k * m + n * d * m",
                "2 * (n * d * k + n * k * m), 2 * (d * k * m + n * d * m)",
                "Both numbers are twice too large: additions are counted too.",
                "Count multiplications alone.",
            ),
            Mistake(
                "W for the pooled input",
                "n * d * k + n * k * m, d",
                "n * d * k + n * d * m, d",
                "The second product of (v U) w is counted as one with W: v U has k columns, not d.",
                "v U has shape (n, k): times w that takes n k m.",
            ),
        ),
        whole=False,
    ),
)
