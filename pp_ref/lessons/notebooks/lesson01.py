import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="1. Why W = U V, and why fix U")


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
            # 1. Why W = U V, and why fix U

            The weights of a trained network are not independent of each other. Draw the 784 weights of one unit of the first
            layer as an image, and you see strokes and edges: neighbouring weights are alike. So the weights can be
            described by fewer numbers than they are. The paper writes the weight matrix as a product of two thin ones (sec. 2):
            """),
            equation(r"W = U\,V,\quad U \in R^{d \times k},\quad V \in R^{k \times m}", "W equals U times V"),
            mo.md("""
            Column *j* of W is what unit *j* receives: a sum of the *k* columns of U, weighted by column *j* of V. With a small *k*
            there are *k (d + m)* numbers in place of *d m*.

            But the factors are not determined. For any invertible Q,
            """),
            equation(r"(U\,Q)\,(Q^{-1}V) = U\,V", "U Q times the inverse of Q times V equals U V"),
            mo.md("""
            If U and V are both learned, the loss has a whole valley of equal values: *k²* directions in which nothing changes.
            The paper takes a way out that is simple: **fix U, and learn V alone**. Then the layer is linear in what is
            learned, nothing is redundant, and U need not be sent when learning is distributed.

            Below, W is a picture of 24 x 32 numbers. Move the **rank** and see what a product of that rank can hold. Then
            turn the **angle**: Q turns the first two columns of U. Both factors change, their product does not.
            """),
        ]
    )


@app.cell
def _(mo):
    rank = mo.ui.slider(2, 12, value=3, label="rank k", show_value=True)
    angle = mo.ui.slider(0, 90, step=5, value=0, label="angle of Q, degrees", show_value=True)
    mo.hstack([rank, angle], justify="start", wrap=True)
    return angle, rank


@app.cell
def _(angle, figure, np, picture, rank):
    rows, columns = np.mgrid[0:24, 0:32]
    W = np.sin(columns / 3 + rows / 9) * np.exp(-((rows - 12) ** 2) / 90) + 0.6 * (
        (columns - 16) ** 2 + (rows - 9) ** 2 < 50
    )
    left, values, right = np.linalg.svd(W, full_matrices=False)
    k, turn = rank.value, np.deg2rad(angle.value)
    Q = np.eye(k)
    Q[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    U = left[:, :k] * np.sqrt(values[:k]) @ Q
    V = np.linalg.inv(Q) @ (np.sqrt(values[:k])[:, None] * right[:k])
    missed = ((W - U @ V) ** 2).sum() / (W**2).sum()

    drawn = figure()
    axes = drawn.subplots(1, 4, width_ratios=[32, k + 2, 32, 32])
    for ax, matrix, name in zip(
        axes, (W, U, V, U @ V), ("W", "U Q", "Q⁻¹ V", f"product: misses {missed:.1%}"), strict=True
    ):
        ax.imshow(matrix, cmap="RdBu", vmin=-1.5, vmax=1.5, aspect="equal")
        ax.set(title=name, xticks=[], yticks=[])
    picture(
        drawn,
        f"Four matrices as maps: W, two factors of rank {k} turned by {angle.value} degrees, and their product, which misses {missed:.1%} of W's squares.",
    )


@app.cell
def _(shown, task):
    answer_1 = task("1.1")
    shown("1.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("1.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("1.2")
    shown("1.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("1.2", answer_2.value)


@app.cell
def _(mo):
    mo.md("""
    ## How many numbers are there really?

    Counting both factors counts too many. The *k²* numbers of Q can be chosen freely, and W does not show them.
    """)


@app.cell
def _(shown, task):
    answer_3 = task("1.3")
    shown("1.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("1.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** A product of rank *k* has *k (d + m - k)* free numbers. Fixing U removes the redundancy, and leaves a
    question: which U? Lesson 2 takes it from what is known of the weights before anything is learned.
    """)


if __name__ == "__main__":
    app.run()
