import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="3. The predicted layer, forward and backward")


@app.cell
def _():
    from time import perf_counter

    import marimo as mo
    import numpy as np

    from pp_ref.lessons.page import card, equation, figure, picture, shown, task

    return card, equation, figure, mo, np, perf_counter, picture, shown, task


@app.cell
def _(equation, mo):
    mo.vstack(
        [
            mo.md("""
            # 3. The predicted layer, forward and backward

            A layer multiplies its input by W. With W = U w there are two ways to put the brackets (sec. 2):
            """),
            equation(
                r"y = v\,W + b = (v\,U)\,w + b = v\,(U\,w) + b", "y is v W plus b, v U first and then w, or v times U w"
            ),
            mo.md("""
            The numbers are the same, the cost is not: the first way never forms W, but goes through U with every example; the second
            forms W once a step. Backward there are the same two ways, since the transpose of a product is a product.

            The **chain rule by hand** is one sentence: what comes back is multiplied by the transpose of what went forward.
            """),
            equation(
                r"dv = dy\,W^T,\quad dW = v^T dy,\quad dw = (v\,U)^T dy",
                "dv is dy times W transposed, dW is v transposed times dy, dw is v U transposed times dy",
            ),
            mo.md("""
            There is no gradient with respect to U. It is fixed, and that is why this layer is cheap to send around.

            The picture counts multiplications of a step forward, for a layer of 784 inputs and 500 units. Move the **number of examples** and see
            where the two orders cross. The dots are times measured on your machine, when you press the button.
            """),
        ]
    )


@app.cell
def _(mo):
    examples = mo.ui.slider(
        steps=[1, 10, 50, 100, 200, 500, 1000, 2000], value=100, label="examples n", show_value=True
    )
    columns = mo.ui.slider(1, 10, value=1, label="columns J", show_value=True)
    measure = mo.ui.run_button(label="measure")
    mo.hstack([examples, columns, measure], justify="start", wrap=True)
    return columns, examples, measure


@app.cell
def _(columns, examples, figure, measure, np, perf_counter, picture):
    n, d, m, J = examples.value, 784, 500, columns.value
    share = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
    k = np.maximum((share * d).astype(int), 1)
    orders = {"(v U) w": J * n * d * k + n * k * m, "v (U w)": d * k * m + n * d * m, "v W, full": 0 * k + n * d * m}
    drawn = figure(9, 3.4)
    left, right = drawn.subplots(1, 2)
    for name, count in orders.items():
        left.plot(share, count / 1e6, marker="o", label=name)
    left.set(xlabel="proportion k / d", ylabel="million multiplications", title=f"n = {n}, J = {J}")
    left.legend()

    def seconds(function):
        times = []
        for _ in range(3):
            start = perf_counter()
            function()
            times.append(perf_counter() - start)
        return min(times)

    measured = "press the button for times"
    if measure.value:
        rng = np.random.default_rng(0)
        v, W = rng.standard_normal((n, d)), rng.standard_normal((d, m))
        pairs = [([rng.standard_normal((d, kk)) for _ in range(J)], rng.standard_normal((kk, m))) for kk in k]
        cut = np.array_split(np.arange(m), J)
        first = [seconds(lambda U=U, w=w: [v @ U_j @ w[:, c] for U_j, c in zip(U, cut, strict=True)]) for U, w in pairs]
        second = [
            seconds(lambda U=U, w=w: [v @ (U_j @ w[:, c]) for U_j, c in zip(U, cut, strict=True)]) for U, w in pairs
        ]
        right.plot(share, np.array(first) * 1e3, "o-", label="(v U) w")
        right.plot(share, np.array(second) * 1e3, "o-", label="v (U w)")
        right.axhline(seconds(lambda: v @ W) * 1e3, color="C2", label="v W, full")
        right.legend()
        measured = "measured on this machine"
    right.set(xlabel="proportion k / d", ylabel="milliseconds", title=measured)
    picture(
        drawn,
        f"Multiplications of both orders against the proportion, for {n} examples and {J} columns; beside it, {measured}.",
    )


@app.cell
def _(shown, task):
    answer_1 = task("3.1")
    shown("3.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("3.1", answer_1.value)


@app.cell
def _(mo):
    mo.md("""
    ## The same with a dictionary

    Each column *j* of the layer has its own U and its own share of the units. Whoever knows 3.1 knows this one: v U is an input like any other.
    """)


@app.cell
def _(shown, task):
    answer_2 = task("3.2")
    shown("3.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("3.2", answer_2.value)


@app.cell
def _(shown, task):
    answer_3 = task("3.3")
    shown("3.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("3.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** Backward is forward transposed. Of two orders with the same result, count before you choose. And a finite difference
    would have checked your gradient against *your* loss: here it was compared with exact numbers, so a gradient that is n times too small is told.
    """)


if __name__ == "__main__":
    app.run()
