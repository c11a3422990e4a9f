import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="8. How wrong may a right program be")


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
            # 8. How wrong may a right program be

            A right program in floating-point arithmetic gives numbers that are a little wrong, and a wrong program may give numbers that are nearly right. To tell them apart one needs to
            know how large "a little" is. Each rounding multiplies a number by 1 + δ with |δ| at most *u*, the unit roundoff. After k of them (Higham, *Accuracy and Stability*, sec. 3.1):
            """),
            equation(
                r"|\hat{x} - x| \leq \gamma_k |x|,\quad \gamma_k = \frac{k\,u}{1 - k\,u}",
                "the error is at most gamma k times x, gamma k is k u over one minus k u",
            ),
            mo.md("""
            For a product of matrices, in *any* order of the sums:
            """),
            equation(
                r"|\mathrm{fl}(A\,B) - A\,B| \leq \gamma_k\,|A|\,|B|",
                "the error of a product is at most gamma k times the product of the magnitudes",
            ),
            mo.md("""
            The magnitudes make the difference. Where a sum cancels, its value is small and its error is not. So **one tolerance for all lies twice**: relative to the value it refuses right
            programs where sums cancel; loose enough for these it lets wrong ones pass elsewhere.

            Each dot below is an entry of A B in float32 against the exact one. Move the **cancellation**: values shrink, errors stay. The dashed line is the usual "1e-5 relative"; the solid one is the bound.
            """),
        ]
    )


@app.cell
def _(mo):
    length = mo.ui.slider(steps=[4, 16, 64, 256, 1024], value=64, label="terms k", show_value=True)
    cancel = mo.ui.slider(0, 6, step=0.5, value=0, label="cancellation, digits", show_value=True)
    planted = mo.ui.checkbox(label="plant a mistake: entry 0 off by 0.1 %")
    mo.hstack([length, cancel, planted], justify="start", wrap=True)
    return cancel, length, planted


@app.cell
def _(cancel, figure, length, np, picture, planted):
    k = length.value
    rng = np.random.default_rng(0)
    A = rng.standard_normal((20, k)).astype(np.float32)
    B = rng.standard_normal((k, 20)).astype(np.float32)
    half = k // 2
    A[:, half : 2 * half] = -A[:, :half] * np.float32(1 - 10.0**-cancel.value)
    B[half : 2 * half] = B[:half]
    exact = A.astype(np.longdouble) @ B.astype(np.longdouble)
    computed = A @ B
    if planted.value:
        computed[0, 0] *= 1.001
    u = 2.0**-24
    bound = k * u / (1 - k * u) * (abs(A.astype(float)) @ abs(B.astype(float)))
    error = abs(computed - exact).astype(float)
    value = abs(exact).astype(float)
    flat = error > 1e-5 * value
    out = error > bound
    drawn = figure(9, 3.6)
    left, right = drawn.subplots(1, 2)
    line = np.array([value.min(), value.max()])
    left.loglog(value.ravel(), np.maximum(error, 1e-12).ravel(), ".", label="entries")
    left.loglog(line, 1e-5 * line, "--", color="C3", label="1e-5 of the value")
    left.set(xlabel="|exact|", ylabel="error", title=f"one tolerance refuses {flat.sum()} of {flat.size}")
    left.legend()
    right.loglog(bound.ravel(), np.maximum(error, 1e-12).ravel(), ".", label="entries")
    edge = np.array([bound.min(), bound.max()])
    right.loglog(edge, edge, "-", color="C2", label="the bound")
    right.set(
        xlabel="bound",
        ylabel="error",
        title=f"the bound refuses {out.sum()}; share at most {np.max(error / bound):.2g}",
    )
    right.legend()
    picture(
        drawn,
        f"Errors of 400 entries: a relative tolerance of 1e-5 refuses {flat.sum()}, the derived bound {out.sum()}; the largest share of the bound is {np.max(error / bound):.2g}.",
    )


@app.cell
def _(shown, task):
    answer_1 = task("8.1")
    shown("8.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("8.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("8.2")
    shown("8.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("8.2", answer_2.value)


@app.cell
def _(shown, task):
    answer_3 = task("8.3")
    shown("8.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("8.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** A tolerance is derived from the arithmetic, the length of the sums and the magnitudes of the data. Every verdict of these lessons is made so: your numbers are
    compared with exact ones, and may be off by what rounding explains, and no more.
    """)


if __name__ == "__main__":
    app.run()
