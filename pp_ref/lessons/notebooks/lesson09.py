import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="9. From loops to a fast kernel")


@app.cell
def _():
    import marimo as mo
    import numpy as np

    from pp_ref.lessons.page import card, equation, figure, picture, shown, task
    from pp_ref.lessons.thread_orders import SOURCES, sums

    return SOURCES, card, equation, figure, mo, np, picture, shown, sums, task


@app.cell
def _(equation, mo):
    mo.vstack(
        [
            mo.md("""
            # 9. From loops to a fast kernel

            Pooling is three loops: examples, inputs, kept weights. A fast kernel does the same sums in another order: in **tiles** that fit into registers, with **threads** side by side.
            Three mistakes are at home there. A **tail** that is dropped, since n is no multiple of the tile. A **stride** that is wrong, since memory is a line and an image is not. And a
            **race**: two threads read a sum, both add to it, both write it back, and one addition is lost.

            How fast can it be at all? A kernel that does *W* flops and moves *Q* bytes takes at least
            """),
            equation(
                r"\max\,(W / \mathrm{peak},\ Q / \mathrm{bandwidth})",
                "the larger of work over peak and traffic over bandwidth",
            ),
            mo.md("""
            seconds: the **roofline**. Pooling one example by a dictionary of its own does two flops a number that is read, so it waits for memory; a batch reads the dictionary once for all.

            Upper picture: each square is a thread's step of adding 1 to a shared sum, read and write apart. Choose another order of the threads: the sum comes out differently, and only with
            "atomic" it is always right. Lower picture: the roofline, with pooling of n examples as a point that moves.
            """),
        ]
    )


@app.cell
def _(mo):
    threads = mo.ui.slider(2, 8, value=4, label="threads", show_value=True)
    order = mo.ui.slider(0, 20, value=3, label="order of the threads", show_value=True)
    atomic = mo.ui.checkbox(label="atomic")
    examples = mo.ui.slider(steps=[1, 4, 16, 64, 256, 1024], value=16, label="examples n", show_value=True)
    mo.hstack([threads, order, atomic, examples], justify="start", wrap=True)
    return atomic, examples, order, threads


@app.cell
def _(atomic, examples, figure, np, order, picture, threads):
    count, each = threads.value, 3
    rng = np.random.default_rng(order.value)
    steps = np.repeat(np.arange(count), each) if atomic.value else np.repeat(np.arange(count), 2 * each)
    rng.shuffle(steps)
    total, holding, trace = 0, {}, []
    for thread in steps:
        if atomic.value:
            total += 1
            trace.append((thread, "+", total))
        elif thread in holding:
            total = holding.pop(thread) + 1
            trace.append((thread, "w", total))
        else:
            holding[thread] = total
            trace.append((thread, "r", total))
    drawn = figure(9, 5.4)
    top, bottom = drawn.subplots(2, 1)
    for time, (thread, what, value) in enumerate(trace):
        top.add_patch(
            __import__("matplotlib").patches.Rectangle(
                (time, thread), 0.9, 0.9, color={"r": "0.8", "w": "C1", "+": "C0"}[what]
            )
        )
        top.text(time + 0.45, thread + 0.45, f"{what} {value}", ha="center", va="center", fontsize=6)
    top.set(
        xlim=(0, len(trace)),
        ylim=(0, count),
        xlabel="time",
        ylabel="thread",
        title=f"{count * each} additions of 1: the sum is {total}",
    )

    d, k, n, peak, bandwidth = 784, 78, examples.value, 5e10, 1e10
    work, traffic = 2.0 * n * d * k, 8.0 * (d * k + n * (d + k))
    intensity = np.logspace(-2, 3, 100)
    bottom.loglog(
        intensity, np.minimum(peak, intensity * bandwidth) / 1e9, color="C2", label="roofline: 50 Gflop/s, 10 GB/s"
    )
    reached = min(peak, work / traffic * bandwidth) / 1e9
    bottom.loglog(
        [work / traffic], [reached], "o", ms=9, label=f"pooling of {n} examples: at most {reached:.3g} Gflop/s"
    )
    bottom.set(xlabel="flops a byte", ylabel="Gflop/s")
    bottom.legend()
    picture(
        drawn,
        f"{count} threads add 1 {each} times each, {'atomically' if atomic.value else 'with reading and writing apart'}: the sum is {total} of {count * each}. Roofline: pooling of {n} examples does {work / traffic:.2g} flops a byte, at most {reached:.3g} Gflop/s.",
    )


@app.cell
def _(SOURCES, mo):
    barriers = mo.ui.dropdown(list(SOURCES), value="no second barrier", label="kernel")
    mo.vstack(
        [
            mo.md("""
            ## A kernel without its barriers

            A block of 8 threads sums 1 ... 8 in shared memory, by halves. At `__syncthreads()` each thread waits for all others. Below, the CUDA source runs on the processor, compiled by g++:
            a thread runs to the next barrier, then the next thread does, in one of eight orders. The sum is 36. Where a barrier is missing, some orders still give 36: a test that runs once
            may see nothing. Memory that no thread wrote yet is NaN.
            """),
            barriers,
        ]
    )
    return (barriers,)


@app.cell
def _(SOURCES, barriers, figure, mo, np, picture, sums):
    totals, here = sums()
    heights = np.nan_to_num(totals[barriers.value])
    right = heights == 36
    bars = figure(9, 2.6)
    axes = bars.subplots()
    axes.bar(np.arange(len(heights)), heights, color=np.where(right, "C0", "C1"))
    for place, one_sum in enumerate(totals[barriers.value]):
        axes.text(place, heights[place] + 1, f"{one_sum:g}", ha="center")
    axes.axhline(36, color="0.7", ls=":")
    axes.set(
        xlabel="order of the threads: 0 forward, 1 backward, others at random",
        ylabel="sum",
        ylim=(0, 44),
        title=f"{barriers.value}: {int(right.sum())} of {len(right)} orders give 36"
        + ("" if here else " (a run kept with the lesson: there is no g++ here)"),
    )
    said = ", ".join(f"{each_sum:g}" for each_sum in totals[barriers.value])
    mo.vstack(
        [
            mo.md(f"```c\n{SOURCES[barriers.value]}```"),
            picture(bars, f"The sum of 1 to 8 under eight orders of the threads, {barriers.value}: {said}."),
        ]
    )


@app.cell
def _(shown, task):
    answer_1 = task("9.1")
    shown("9.1", answer_1)
    return (answer_1,)


@app.cell
def _(answer_1, card):
    card("9.1", answer_1.value)


@app.cell
def _(shown, task):
    answer_2 = task("9.2")
    shown("9.2", answer_2)
    return (answer_2,)


@app.cell
def _(answer_2, card):
    card("9.2", answer_2.value)


@app.cell
def _(shown, task):
    answer_3 = task("9.3")
    shown("9.3", answer_3)
    return (answer_3,)


@app.cell
def _(answer_3, card):
    card("9.3", answer_3.value)


@app.cell
def _(mo):
    mo.md("""
    **What to take along.** Tails, places and races are wrong at sizes and times that a single test does not meet: cases have sizes beside every tile, and functions are called again and again.
    The ladder of pp_ref's own kernels, from the definition up, is on the page *How a layer is evaluated* of the documentation.
    """)


if __name__ == "__main__":
    app.run()
