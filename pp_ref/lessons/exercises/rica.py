"""Lesson 7: Reconstruction ICA, and eight answers that were published to its exercise, with what is wrong in each."""

from pp_ref.lessons.exercise import Exercise, Mistake
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations import definitions
from pp_ref.oracle.operations.draws import Arguments, Draw
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import BY_NAME


def _rica(x: Quantity, W: Quantity, trade_off: float, eps: float) -> Quantity:
    What = definitions.unit_columns(W)
    return definitions.smooth_abs(x @ What, eps) * trade_off + definitions.reconstruction(x, What) * 0.5


def _patches(draw: Draw) -> Arguments:
    s = draw.sizes
    return {"x": draw(s.n, s.d), "W": draw(s.d, s.m), "trade_off": 2.0, "eps": 0.25}


SAME = "The gradient is that of your own loss, so a check of one against the other finds nothing."
__all__ = ["EXERCISES"]

# What four of the answers write in place of these two lines of the solution.
RIGHT = """loss = trade_off * root.sum() + 0.5 * (error**2).sum()
    dWhat = trade_off * x.T @ (z / root) + x.T @ error @ What + error.T @ z"""
DIVIDED = """loss = trade_off * root.sum() + 0.5 * (error**2).sum() / len(x)
    dWhat = trade_off * x.T @ (z / root) + (x.T @ error @ What + error.T @ z) / len(x)"""
NO_ROOT = """loss = trade_off * (z**2 + eps).sum() + 0.5 * (error**2).sum()
    dWhat = trade_off * x.T @ (2 * z) + x.T @ error @ What + error.T @ z"""
SQUARED_FIRST = """root = np.sqrt(np.abs(x**2 @ What) + eps)
    loss = trade_off * root.sum() + 0.5 * (error**2).sum()
    dWhat = trade_off * (x**2).T @ (np.sign(x**2 @ What) / (2 * root)) + x.T @ error @ What + error.T @ z"""

EXERCISES = (
    Exercise(
        "7.1",
        "Backward through a smooth magnitude",
        "**loss = Σ √(z² + ε)** stands for Σ |z|, which has no derivative at 0. The cache has `z` and "
        "`root = √(z² + ε)`. Return dz, of the shape of z; `dloss` is a number that multiplies everything.",
        '''
def smooth_abs_backward(dloss, cache):
    """Return dz, of the shape of z."""
    z, root = cache
    return ...
''',
        BY_NAME["smooth_abs"],
        {"dz": "d√(z² + ε)/dz = z / √(z² + ε): the 2 of z² and the 1/2 of the root cancel."},
        "Far from 0 the derivative is the sign of z; at 0 it is 0.",
        (
            Mistake(
                "root lost",
                "z / root",
                "z / root**2",
                "The divisor is z² + ε: its root is missing.",
                "Divide by the root.",
            ),
            Mistake(
                "sign of z",
                "z / root",
                "np.sign(z)",
                "This is the derivative of |z|: ε is left out.",
                "Divide z by √(z² + ε).",
            ),
            Mistake(
                "2 kept",
                "z / root",
                "2 * z / root",
                "Twice too large: the 2 of z² is there, and the 1/2 of the root is not.",
                "They cancel: z / root.",
            ),
            Mistake(
                "1/2 kept",
                "z / root",
                "z / (2 * root)",
                "Half of what it should be: the 1/2 of the root is there, and the 2 of z² is not.",
                "They cancel: z / root.",
            ),
            Mistake(
                "inner derivative left out",
                "z / root",
                "1 / (2 * root)",
                "The derivative of z² is missing: this is that of the root alone.",
                "Multiply by 2 z.",
            ),
            Mistake(
                "mean",
                "z / root",
                "z / root / len(z)",
                "Every entry is n times too small: the loss is a sum, not a mean.",
                "Do not divide by n.",
            ),
        ),
        given="""
def smooth_abs_forward(z, eps):
    root = np.sqrt(z**2 + eps)
    return root.sum(), (z, root)
""",
    ),
    Exercise(
        "7.2",
        "Backward through unit columns",
        "**Ŵ = W / |W|**, every column divided by its own norm. `dWhat` is the derivative with respect to Ŵ. The "
        "norms depend on W too. Return dW, of the shape of W.",
        '''
def unit_columns_backward(dWhat, cache):
    """Return dW, of the shape of W."""
    What, norms = cache
    return ...
''',
        BY_NAME["unit_columns"],
        {
            "dW": "dW = (dŴ - Ŵ (Ŵ · dŴ)) / |W|: what lies along the column is taken off, since a "
            "length changes nothing."
        },
        "Each column of dW is orthogonal to that of W: their product sums to 0.",
        (
            Mistake(
                "norms constant",
                "(dWhat - What * (What * dWhat).sum(axis=0)) / norms",
                "dWhat / norms",
                "The norms are taken for constants: the part along each column is still there.",
                "Subtract What times (What * dWhat).sum(axis=0).",
            ),
            Mistake(
                "not divided",
                "(dWhat - What * (What * dWhat).sum(axis=0)) / norms",
                "dWhat - What * (What * dWhat).sum(axis=0)",
                "Each column is |W| times too large.",
                "Divide by the norms.",
            ),
            Mistake(
                "passed on",
                "(dWhat - What * (What * dWhat).sum(axis=0)) / norms",
                "dWhat * 1.0",
                "This is the derivative with respect to the scaled columns: the step back through "
                "the norms is missing.",
                "Go back from Ŵ to W: subtract the part along the column, and divide by its norm.",
            ),
            Mistake(
                "rows",
                "(What * dWhat).sum(axis=0)",
                "(What * dWhat).sum(axis=1, keepdims=True)",
                "The products are summed along rows, not along columns.",
                "Sum over axis 0.",
            ),
            Mistake(
                "all columns",
                "(What * dWhat).sum(axis=0)",
                "(What * dWhat).sum()",
                "One sum of all columns is taken off every column.",
                "Sum over axis 0, one number a column.",
            ),
            Mistake(
                "added",
                "dWhat - What",
                "dWhat + What",
                "The part along the column is added, not subtracted.",
                "Subtract it.",
            ),
        ),
        given="""
def unit_columns_forward(W):
    norms = np.sqrt((W**2).sum(axis=0))
    return W / norms, (W / norms, norms)
""",
    ),
    Exercise(
        "7.3",
        "Loss and gradient of RICA",
        "**loss = λ Σ √((x Ŵ)² + ε) + ½ Σ |x Ŵ Ŵᵀ - x|²**, with the columns of W scaled to unit norm "
        "(sec. 4.3). `x` is "
        "(n, d), a patch a row; both sums go over all patches, and are not means. Return the loss and its gradient "
        "with respect to `W`, of shape (d, m). Eight published answers to this exercise are in the picture above.",
        '''
def rica_loss_and_gradient(x, W, trade_off, eps):
    """Return the loss, and dW of the shape of W."""
    norms = np.sqrt((W**2).sum(axis=0))
    What = W / norms
    z = x @ What
    root = np.sqrt(z**2 + eps)
    error = z @ What.T - x
    loss = ...
    dWhat = ...
    dW = ...
    return loss, dW
''',
        Operation("rica", "", _rica, _patches, learned=("W",), batch=("x",), value="loss", kind="model"),
        {
            "y": "λ Σ √(z² + ε) + ½ Σ |error|²: a root for every feature of every patch, and sums over all patches.",
            "dW": "dŴ = λ xᵀ(z / root) + xᵀ error Ŵ + errorᵀ z, then back through the norms.",
        },
        "Set the trade-off to 0 and look at the reconstruction alone, then the other way round.",
        (
            Mistake(
                "root over features",
                "root = np.sqrt(z**2 + eps)",
                "root = np.sqrt((z**2).sum(axis=1, keepdims=True) + eps)",
                f"The root is of a sum over the features of a patch: a group penalty, another objective. {SAME}",
                "Take the root of each z² + ε, then sum.",
                "Σ √(z² + ε): the root of each feature of each patch.",
            ),
            Mistake(
                "reconstruction divided by n",
                RIGHT,
                DIVIDED,
                f"The reconstruction is a mean over patches, the sparsity a sum. {SAME}",
                "Use sums in both.",
                "½ Σ |error|²: a sum over patches.",
            ),
            Mistake(
                "root lost",
                RIGHT,
                NO_ROOT,
                f"The sparsity sums z² + ε: its root is missing. {SAME}",
                "Take the root of z² + ε.",
                "Σ √(z² + ε): a magnitude, not a square.",
            ),
            Mistake(
                "squares before the product",
                RIGHT,
                SQUARED_FIRST,
                f"The patches are squared and not the features: √(x² Ŵ + ε). {SAME}",
                "Square the product: (x Ŵ)².",
                "Σ √((x Ŵ)² + ε): the product first, then the square.",
            ),
            Mistake(
                "root lost in the gradient",
                "z / root",
                "z / root**2",
                "The loss agrees; in the gradient of the sparsity z is divided by z² + ε and not by its root.",
                "Divide z by the root.",
                "λ xᵀ (z / root).",
            ),
            Mistake(
                "sparsity left out of the gradient",
                "trade_off * x.T @ (z / root) + ",
                "",
                "The loss agrees; the gradient is that of the reconstruction alone.",
                "Add λ xᵀ (z / root).",
                "λ xᵀ (z / root).",
            ),
            Mistake(
                "norms constant",
                "(dWhat - What * (What * dWhat).sum(axis=0)) / norms",
                "dWhat / norms",
                "The loss agrees; the gradient takes the norms for constants.",
                "Go back through the norms: see 7.2.",
                "dW = (dŴ - Ŵ (Ŵ · dŴ)) / |W|.",
            ),
            Mistake(
                "one use of W",
                " + error.T @ z",
                "",
                "The loss agrees; the gradient of the reconstruction has the encoder's part alone.",
                "Add the decoder's part, error.T @ z.",
                "xᵀ error Ŵ + errorᵀ z: W is used twice.",
            ),
            Mistake(
                "not halved",
                "0.5 * (error**2).sum()",
                "(error**2).sum()",
                "The reconstruction in the loss is twice too large: its 1/2 is missing.",
                "Multiply by 1/2.",
                "½ Σ |error|².",
            ),
            Mistake(
                "columns not scaled",
                "What = W / norms",
                "norms = np.ones_like(norms); What = W",
                "The columns are used as they are, not scaled to unit norm.",
                "Divide each column by its norm.",
                "Ŵ = W / |W|.",
            ),
        ),
    ),
)
