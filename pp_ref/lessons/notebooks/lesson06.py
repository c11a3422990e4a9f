import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="6. Predicted filters in a convnet")


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
            # 6. Predicted filters in a convnet

            A filter of a convolutional layer is an image of weights, smooth like any other, so it can be predicted too: its weights are U w, with w at a few of its
            places. The layer is a correlation, and a correlation is linear in the filter:
            """),
            equation(r"v \ast (U\,w) = (v \ast U)\,w", "v correlated with U w is v correlated with U, times w"),
            mo.md("""
            On the left the filters are put together first. On the right the image is **pooled with the dictionary first**: k atoms go over the image once, and w, a small
            matrix, makes any number of filters of them. It is the order of lesson 3 again. With few atoms and many filters the right side is cheaper; which one a
            program takes is a matter of cost, never of the result.

            The picture has one image, and filters predicted from a proportion of their weights. Move the proportion: where it is small, all filters are mixtures of the
            same few atoms.
            """),
        ]
    )


@app.cell
def _(mo):
    kept = mo.ui.slider(1, 25, value=6, label="kept weights k of 25", show_value=True)
    filters = mo.ui.slider(steps=[4, 16, 64, 256], value=64, label="filters m", show_value=True)
    which = mo.ui.slider(0, 3, value=0, label="filter shown", show_value=True)
    mo.hstack([kept, filters, which], justify="start", wrap=True)
    return filters, kept, which


@app.cell
def _(figure, filters, kept, np, picture, which):
    side, size, k, m = 32, 5, kept.value, filters.value
    iy, ix = np.mgrid[0:side, 0:side]
    image = ((iy - 15) ** 2 + (ix - 17) ** 2 < 90) * 1.0 - ((iy - 15) ** 2 + (ix - 17) ** 2 < 30) + 0.3 * (iy > 24)
    places = np.stack(np.divmod(np.arange(size * size), size), axis=1).astype(float)
    K = np.exp(-((places[:, None] - places) ** 2).sum(axis=2) / (2 * 1.2**2))
    alpha = np.sort(np.random.default_rng(0).permutation(size * size)[:k])
    U = np.linalg.solve(K[np.ix_(alpha, alpha)] + 1e-3 * np.eye(k), K[alpha]).T
    turn = np.arange(4) * np.pi / 4
    whole = np.stack(
        [np.sin((places[:, 0] - 2) * np.sin(t) * 1.5 + (places[:, 1] - 2) * np.cos(t) * 1.5) for t in turn], axis=1
    )
    w = whole[alpha]
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size)).reshape(28, 28, size * size)
    first, second = windows @ U @ w, windows @ (U @ w)
    apart = abs(first - second).max()
    out = 28 * 28
    costs = {"v * (U w)": size * size * k * m + out * size * size * m, "(v * U) w": out * size * size * k + out * k * m}

    drawn = figure()
    axes = drawn.subplots(1, 5, width_ratios=[1, 1, 1, 1, 1.6])
    j = which.value
    shown_images = (image, whole[:, j].reshape(size, size), (U @ w)[:, j].reshape(size, size), first[..., j])
    for ax, each, title in zip(axes, shown_images, ("v", "filter", f"from {k} of 25", "output"), strict=False):
        ax.imshow(each, cmap="RdBu", vmin=-abs(each).max(), vmax=abs(each).max())
        ax.set(title=title, xticks=[], yticks=[])
    axes[4].barh(list(costs), [cost / 1e6 for cost in costs.values()], color=["C0", "C1"])
    axes[4].set(xlabel="million multiplications", title=f"orders differ by {apart:.0e}")
    picture(
        drawn,
        f"An image, a filter, the same filter predicted from {k} of 25 weights, and its output. Both orders agree to {apart:.0e}; they take {costs['v * (U w)']:,} and {costs['(v * U) w']:,} multiplications.",
    )


@app.cell
def _(shown, task):
    answer_1 = task("6.1")
    shown("6.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("6.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("6.2")
    shown("6.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("6.2", answer_2.value)


@app.cell
def _(mo):
    mo.md("""
    ## Backward

    A place of the image was in several windows, and a weight of the filter was used at every place: both gradients are sums. The classic mistakes are to
    overwrite where one should add, and to turn the filter round once too often, or once too seldom.
    """)


@app.cell
def _(shown, task):
    answer_3 = task("6.3")
    shown("6.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("6.3", answer_3.value)


@app.cell
def _(shown, task):
    answer_4 = task("6.4")
    shown("6.4", answer_4)
    return (answer_4,)


@app.cell
def _(answer_4, card):
    card("6.4", answer_4.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** A convolution is a matrix product over windows, so all that was said of the predicted layer holds. An answer that is wrong at the edge
    alone agrees with many cases: that is why cases are of many sizes, and why a card counts them.
    """)


if __name__ == "__main__":
    app.run()
