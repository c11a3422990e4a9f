import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="7. RICA: eight answers to one exercise")


@app.cell
def _():
    import marimo as mo
    import numpy as np

    from pp_ref.gradient_check import check_gradient
    from pp_ref.lessons.judge import exercise, judged, solutions, wrong_answer
    from pp_ref.lessons.page import card, equation, figure, picture, shown, task
    from pp_ref.oracle import InProcess

    def judged_in_process(asked, functions):
        return judged(asked, InProcess(functions))

    return (
        card,
        check_gradient,
        equation,
        exercise,
        figure,
        judged_in_process,
        mo,
        np,
        picture,
        shown,
        solutions,
        task,
        wrong_answer,
    )


@app.cell
def _(equation, mo):
    mo.vstack(
        [
            mo.md("""
            # 7. RICA: eight answers to one exercise

            Reconstruction ICA looks for features z = x Ŵ that are **sparse**, and from which x can be **reconstructed** (sec. 4.3):
            """),
            equation(
                r"\lambda \sum \sqrt{(x\,\hat{W})^2 + \epsilon} + \frac{1}{2} \sum |x\,\hat{W}\hat{W}^T - x|^2",
                "lambda times the sum of the roots of z squared plus epsilon, plus half of the squared reconstruction error",
            ),
            mo.md("""
            Every column of Ŵ has unit norm, and the gradient goes through the norms. It is an exercise of a well-known course, and many answers to it are public. The kinds of mistakes
            below are those that were found there. **Four of the eight pass their own gradient check**: they minimise something else, and differentiate that rightly. A check
            of a gradient compares it with *your* loss, so it cannot see a wrong loss. Here the loss is compared too.

            Choose an answer. On the left are patches of two numbers, mixed from two sparse sources, and the best single filter by the right objective and by the answer's;
            on the right both objectives against the filter's angle. Move λ to see when the difference matters.
            """),
        ]
    )


@app.cell
def _(exercise, mo):
    asked = exercise("7.3")
    names = [
        "root over features",
        "reconstruction divided by n",
        "root lost",
        "squares before the product",
        "root lost in the gradient",
        "sparsity left out of the gradient",
        "norms constant",
        "one use of W",
    ]
    answer = mo.ui.dropdown([str(i + 1) for i in range(8)], value="4", label="answer")
    trade_off = mo.ui.slider(0, 4, step=0.25, value=2, label="trade-off λ", show_value=True)
    mo.hstack([answer, trade_off], justify="start", wrap=True)
    return answer, asked, names, trade_off


@app.cell
def _(
    answer, asked, check_gradient, figure, judged_in_process, mo, names, np, picture, solutions, trade_off, wrong_answer
):
    mistake = next(each for each in asked.mistakes if each.name == names[int(answer.value) - 1])
    right, wrong = {}, {}
    exec("import numpy as np\n" + solutions()[asked.function], right)
    exec(wrong_answer(asked, mistake.old, mistake.new), wrong)
    rng = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.3], [0.35, 1.0]])
    patches = rng.laplace(size=(200, 2)) @ mixing
    angles = np.deg2rad(np.arange(0, 180, 3))
    W = np.stack([np.cos(angles), np.sin(angles)])
    losses = {
        name: np.array(
            [functions[asked.function](patches, W[:, i : i + 1], trade_off.value, 0.01)[0] for i in range(len(angles))]
        )
        for name, functions in (("right objective", right), (f"answer {answer.value}", wrong))
    }
    drawn = figure(9, 3.4)
    left, rightmost = drawn.subplots(1, 2)
    left.scatter(*patches.T, s=5, color="0.6")
    for color, (name, loss) in zip(("C0", "C1"), losses.items(), strict=True):
        best = W[:, loss.argmin()] * 5
        left.plot([-best[0], best[0]], [-best[1], best[1]], color=color, label=name, lw=2)
        rightmost.plot(np.rad2deg(angles), (loss - loss.min()) / max(np.ptp(loss), 1e-12), color=color, label=name)
    left.set(xlim=(-6, 6), ylim=(-6, 6), title="patches, and the best filter")
    rightmost.set(xlabel="angle of the filter, degrees", ylabel="objective, from 0 to 1")
    rightmost.legend()
    start = np.random.default_rng(1).standard_normal((2, 2))
    own = check_gradient(
        lambda W: wrong[asked.function](patches[:9], W, trade_off.value, 0.01)[0],
        lambda W: wrong[asked.function](patches[:9], W, trade_off.value, 0.01)[1],
        start,
    )
    found = judged_in_process(asked, wrong)
    mo.vstack(
        [
            picture(
                drawn,
                f"Patches with the best filter, and the objective against its angle, of the right objective and of answer {answer.value}.",
            ),
            mo.Html(
                f"<p>Answer {answer.value}, its gradient against its own loss: <b>{own.verdict}</b>. Against the exact loss and gradient: <b>{found.first}</b></p>"
            ),
            mo.Html(f"<details><summary>What is wrong with it?</summary>{found.html(3)}</details>"),
        ]
    )


@app.cell
def _(shown, task):
    answer_1 = task("7.1")
    shown("7.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("7.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("7.2")
    shown("7.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("7.2", answer_2.value)


@app.cell
def _(shown, task):
    answer_3 = task("7.3")
    shown("7.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("7.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** A gradient check proves that two pieces of your program agree with each other. It takes an independent definition to see whether they are what you
    meant. The eight answers are data of this exercise: the same names meet you when you make one of these mistakes yourself.
    """)


if __name__ == "__main__":
    app.run()
