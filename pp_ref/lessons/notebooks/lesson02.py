import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="2. Predicting a feature from a few weights")


@app.cell
def _():
    import marimo as mo
    import numpy as np

    from pp_ref.lessons.page import card, equation, figure, picture, shown, task

    return card, equation, figure, mo, np, picture, shown, task


@app.cell
def _(equation, mo):
    mo.vstack(
        [
            mo.md("""
            # 2. Predicting a feature from a few weights

            Take one feature of a trained network as an image of weights. Keep the weights at a few places, **α**, and forget the others.
            How well can the others be predicted? The weights are smooth, so a kept weight says something about its neighbours. How
            much is said by a covariance of places, for instance the squared exponential (sec. 3.2):
            """),
            equation(
                r"k(i, j) = \exp(-|i - j|^2 / (2 \sigma^2))",
                "k of i and j is exp of minus the squared distance over two sigma squared",
            ),
            mo.md("""
            Kernel ridge regression from the kept places to all places is linear in what is kept. So it is a matrix, computed once:
            """),
            equation(
                r"U = K_{:\alpha}\,(K_{\alpha\alpha} + \lambda I)^{-1},\quad w \approx U\,w_\alpha",
                "U is the columns alpha of K times the inverse of K alpha alpha plus lambda I; w is about U w alpha",
            ),
            mo.md("""
            That is the paper's whole idea: **U is the dictionary, w_α is what is learned.**

            Click the places to keep on the grid. Then move the length scale: too short, and nothing is
            said between kept places; too long, and neighbouring columns of K are nearly equal, so the condition number explodes.
            The ridge keeps it at bay, at the price of a smoother prediction. Compare with a dictionary of random numbers, and with the
            best one that knows the features beforehand (PCA).
            """),
        ]
    )


@app.cell
def _(mo):
    scale = mo.ui.slider(0.5, 5, step=0.25, value=1.5, label="length scale σ, pixels", show_value=True)
    ridge = mo.ui.slider(-9, 0, step=1, value=-3, label="log10 of the ridge λ", show_value=True)
    kind = mo.ui.dropdown(["SE", "random", "PCA"], value="SE", label="dictionary")
    kept = mo.ui.array([mo.ui.checkbox(value=i % 7 in (0, 3), label="") for i in range(36)], label="places to keep")
    mo.vstack(
        [
            mo.hstack([scale, ridge, kind], justify="start", wrap=True),
            mo.md("Places to keep, on a lattice of every second pixel:"),
            *[mo.hstack([kept[6 * row + column] for column in range(6)], justify="start", gap=0) for row in range(6)],
        ]
    )
    return kept, kind, ridge, scale


@app.cell
def _(figure, kept, kind, np, picture, ridge, scale):
    side = 12
    rng = np.random.default_rng(0)
    iy, ix = np.divmod(np.arange(side * side), side)
    places = np.stack([iy, ix], axis=1).astype(float)

    def edge(slope, shift, width):
        along = (iy - 5.5) * np.sin(slope) + (ix - 5.5) * np.cos(slope) - shift
        return np.sin(along / width) * np.exp(-((iy - 5.5) ** 2 + (ix - 5.5) ** 2) / 30)

    others = np.stack([edge(*each) for each in rng.uniform([0, -3, 0.8], [3.2, 3, 2], (200, 3))], axis=1)
    feature = edge(0.6, 0.5, 1.3) + 0.03 * rng.standard_normal(side * side)
    alpha = np.array([24 * (i // 6) + 2 * (i % 6) for i, each in enumerate(kept.value) if each], int)
    k = max(len(alpha), 1)
    alpha = alpha if len(alpha) else np.array([66])
    if kind.value == "SE":
        K = np.exp(-((places[:, None] - places) ** 2).sum(axis=2) / (2 * scale.value**2))
        A = K[np.ix_(alpha, alpha)] + 10.0**ridge.value * np.eye(k)
        U = np.linalg.solve(A, K[alpha]).T
    else:
        atoms = np.linalg.svd(others)[0][:, :k] if kind.value == "PCA" else rng.standard_normal((side * side, k))
        A = atoms[alpha].T @ atoms[alpha] + 10.0**ridge.value * np.eye(k)
        U = atoms @ np.linalg.solve(A, atoms[alpha].T)
    predicted = U @ feature[alpha]
    missed = ((feature - predicted) ** 2).sum() / (feature**2).sum()
    seen = np.full(side * side, np.nan)
    seen[alpha] = feature[alpha]

    drawn = figure()
    titles = (
        "feature",
        f"{k} of {side * side} kept",
        f"predicted: misses {missed:.1%}",
        f"a column of U; condition {np.linalg.cond(A):.0e}",
    )
    column = U[:, k // 2] / abs(U[:, k // 2]).max()
    for ax, image, title in zip(drawn.subplots(1, 4), (feature, seen, predicted, column), titles, strict=True):
        ax.imshow(image.reshape(side, side), cmap="RdBu", vmin=-1, vmax=1)
        ax.set(title=title, xticks=[], yticks=[])
        ax.title.set_fontsize(9)
    picture(
        drawn,
        f"A feature, {k} kept weights, what a {kind.value} dictionary predicts from them (it misses {missed:.1%}), and one column of the dictionary.",
    )


@app.cell
def _(shown, task):
    answer_1 = task("2.1")
    shown("2.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("2.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("2.2")
    shown("2.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("2.2", answer_2.value)


@app.cell
def _(mo):
    mo.md("""
    ## How good is it?

    One number says how much is missed. It has to be 0 for a perfect prediction, 1 for a prediction of zeros, and the same whatever unit
    the weights have.
    """)


@app.cell
def _(shown, task):
    answer_3 = task("2.3")
    shown("2.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("2.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** A covariance and a choice of places make a dictionary, before anything is learned. The condition number
    tells when numbers stop meaning anything, and the ridge decides what happens there: it belongs into every record. Lesson 3 learns
    w_α by gradient descent, through U.
    """)


if __name__ == "__main__":
    app.run()
