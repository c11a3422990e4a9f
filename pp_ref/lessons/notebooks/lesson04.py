import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="4. Columns and pooling")


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
            # 4. Columns and pooling

            One choice of α sees the input at a few places alone. The paper divides the units between **J columns**, each with its own α_j (sec. 3.4).
            Together they see more places, and nothing more is learned: w still has k m numbers. But pooling, v U_j, now costs J products.

            Here the covariance helps. All dictionaries come from the same K:
            """),
            equation(
                r"v\,U_j = (v\,K)_{:\alpha_j}\,R_j,\quad R_j = (K_{\alpha_j\alpha_j} + \lambda I)^{-1}",
                "v U j is the columns alpha j of v K, times R j",
            ),
            mo.md("""
            **v K is shared**: one product serves all columns. And on a grid the squared exponential is a product of one covariance along y and one along x:
            """),
            equation(
                r"K = K_y \otimes K_x,\quad v\,K = K_y^T\,v\,K_x",
                "K is the Kronecker product of K y and K x, so v K is K y transposed times v times K x",
            ),
            mo.md("""
            so v K needs no matrix of d² numbers: two short passes blur the image, first along one axis, then along the other. (The blur is short-sighted,
            too: far taps are nearly 0, and a kernel leaves them out.)

            Move the length scale, and see the image after each pass. The bars count multiplications an example: J dense products, one shared product, two
            short passes. Sharing alone pays from more than ten columns on here, since K has 784² numbers; the passes pay at once.
            """),
        ]
    )


@app.cell
def _(mo):
    scale = mo.ui.slider(0.5, 6, step=0.5, value=2, label="length scale σ, pixels", show_value=True)
    columns = mo.ui.slider(1, 20, value=10, label="columns J", show_value=True)
    mo.hstack([scale, columns], justify="start", wrap=True)
    return columns, scale


@app.cell
def _(columns, figure, np, picture, scale):
    side, k, J = 28, 78, columns.value
    rows = np.arange(side)
    image = np.zeros((side, side))
    image[6:22, 8:11] = image[6:9, 8:20] = image[13:16, 8:18] = 1.0
    K = np.exp(-((rows[:, None] - rows) ** 2) / (2 * scale.value**2))
    once, twice = image @ K, K.T @ image @ K
    d = side * side
    costs = {"J products": J * d * k, "v K shared": d * d + J * k * k, "two passes": 2 * d * side + J * k * k}

    drawn = figure()
    axes = drawn.subplots(1, 4, width_ratios=[1, 1, 1, 1.6])
    for ax, shown_image, title in zip(
        axes, (image, once, twice), ("v", "one pass, along x", "two passes: v K"), strict=False
    ):
        ax.imshow(shown_image, cmap="gray")
        ax.set(title=title, xticks=[], yticks=[])
    axes[3].barh(list(costs), [cost / 1e3 for cost in costs.values()], color=["C0", "C1", "C2"])
    axes[3].set(xlabel="thousand multiplications an example")
    picture(
        drawn,
        f"An image, after a pass along x, and after both passes with length scale {scale.value}; bars: {costs['J products']:,} multiplications by {J} products, {costs['v K shared']:,} with v K shared, {costs['two passes']:,} by two passes.",
    )


@app.cell
def _(shown, task):
    answer_1 = task("4.1")
    shown("4.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("4.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("4.2")
    shown("4.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("4.2", answer_2.value)


@app.cell
def _(shown, task):
    answer_3 = task("4.3")
    shown("4.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("4.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** Structure is worth more than speed of code: what is shared is done once, and a Kronecker product turns d² into
    2 d √d. What was proved equal can be exchanged; a judge with exact numbers tells when it was not equal.
    """)


if __name__ == "__main__":
    app.run()
