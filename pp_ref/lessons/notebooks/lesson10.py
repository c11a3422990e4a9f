import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="10. What travels in a cluster")


@app.cell
def _():
    import marimo as mo
    import numpy as np

    from pp_ref.lessons.page import card, equation, figure, picture, shown, task
    from pp_ref.training import layer_bytes, ring_allreduce_seconds, speed_up, tree_allreduce_seconds

    return (
        card,
        equation,
        figure,
        layer_bytes,
        mo,
        np,
        picture,
        ring_allreduce_seconds,
        shown,
        speed_up,
        task,
        tree_allreduce_seconds,
    )


@app.cell
def _(equation, mo):
    mo.vstack(
        [
            mo.md("""
            # 10. What travels in a cluster

            Why predict parameters at all? The paper's introduction has the reason: networks are trained on many machines, each with a part of the examples, and in every step the machines
            exchange gradients of **all parameters that are learned**. With more machines there is less to compute for each, and no less to send. Static parameters are sent once, or drawn again on
            each machine from a seed; **only dynamic parameters travel**.

            A message of s bytes takes (Hockney)
            """),
            equation(
                r"t(s) = \mathrm{latency} + s / \mathrm{bandwidth}",
                "the time of s bytes is latency plus s over bandwidth",
            ),
            mo.md("""
            A sum over p machines by a ring sends 2 (p - 1) messages of s / p bytes, by a tree 2 ceil(log₂ p) messages of s bytes:
            """),
            equation(
                r"t_{ring} = 2\,(p - 1)\,t(s / p),\quad t_{tree} = 2\,\lceil \log_2 p \rceil\,t(s)",
                "a ring takes two times p minus one messages of s over p bytes, a tree two times log p messages of s bytes",
            ),
            mo.md("""
            Move latency, bandwidth and proportion: the speed-up over one machine, of a full net and of a predicted one. The grey points are those that the paper's introduction has of Dean et al. (2012), 81 machines: 12 times,
            128: about 14. They are of another network, another program and another way to divide the work, so the curves need not meet them; they say what order of magnitude to expect.
            """),
        ]
    )


@app.cell
def _(mo):
    latency = mo.ui.slider(steps=[1e-6, 1e-5, 1e-4, 1e-3], value=1e-4, label="latency, s", show_value=True)
    bandwidth = mo.ui.slider(steps=[1e8, 1e9, 1e10], value=1e9, label="bandwidth, bytes/s", show_value=True)
    proportion = mo.ui.slider(0.05, 1, step=0.05, value=0.25, label="proportion learned", show_value=True)
    compute = mo.ui.slider(steps=[0.1, 0.5, 2, 10], value=2, label="one machine, s a step", show_value=True)
    mo.hstack([latency, bandwidth, proportion, compute], justify="start", wrap=True)
    return bandwidth, compute, latency, proportion


@app.cell
def _(
    bandwidth,
    compute,
    figure,
    latency,
    layer_bytes,
    np,
    picture,
    proportion,
    ring_allreduce_seconds,
    speed_up,
    tree_allreduce_seconds,
):
    ranks = np.unique(np.logspace(0, 4, 60).astype(int))
    d = m = 5000
    k = max(int(proportion.value * d), 1)
    layers = layer_bytes(d, k, m)
    drawn = figure(9, 3.6)
    ax = drawn.subplots()
    best = {}
    for name, size, color in (("full", layers.full, "C0"), ("predicted", layers.dynamic, "C1")):
        for way, allreduce, style in (("ring", ring_allreduce_seconds, "-"), ("tree", tree_allreduce_seconds, "--")):
            gains = [
                speed_up(compute.value, allreduce(latency.value, bandwidth.value, size, int(p)), int(p)) for p in ranks
            ]
            best[name, way] = max(gains)
            ax.loglog(ranks, gains, style, color=color, label=f"{name} net, {way}")
    ax.loglog(ranks, ranks, ":", color="0.7", label="as many times as machines")
    ax.loglog([81, 128], [12, 14], "o", color="0.5", label="Dean et al.")
    ax.set(
        xlabel="machines",
        ylabel="speed-up",
        ylim=(0.05, 2e3),
        title=f"{layers.full / 1e6:.0f} MB a step learned in full, {layers.dynamic / 1e6:.0f} MB predicted",
    )
    ax.legend(fontsize=8, ncols=2)
    picture(
        drawn,
        f"Speed-up against the number of machines: with a ring the full net gains at most {best['full', 'ring']:.3g} times, the predicted one {best['predicted', 'ring']:.3g} times.",
    )


@app.cell
def _(shown, task):
    answer_1 = task("10.1")
    shown("10.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("10.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("10.2")
    shown("10.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("10.2", answer_2.value)


@app.cell
def _(shown, task):
    answer_3 = task("10.3")
    shown("10.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("10.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** The proportion that is learned divides the bytes, and nothing else: where latency decides, prediction gains nothing, and where bandwidth decides, it gains its inverse. The
    functions behind the picture are those of `pp_ref.training`: `layer_bytes`, `ring_allreduce_seconds`, `tree_allreduce_seconds`, `speed_up`.
    """)


if __name__ == "__main__":
    app.run()
