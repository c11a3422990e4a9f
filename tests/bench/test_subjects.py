"""Every subject at --small: its record and tables, what it counts, and that it times nothing wrong."""

import json
import subprocess
from importlib.util import find_spec
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from pp_ref.bench import contest, conv, convolutions, features, gpu_layer, gpu_mlp, gpu_pool, growth, scaling_model
from pp_ref.bench import layer as layers
from pp_ref.bench import plan as plans
from pp_ref.bench import record as records
from pp_ref.bench import rica as ricas
from pp_ref.bench import scaling as scalings
from pp_ref.bench import start_up as processes
from pp_ref.bench.libraries import compiler
from pp_ref.bench.record import met
from pp_ref.bench.roofline import roofline
from pp_ref.bench.scaling_model import best
from pp_ref.bench.subjects import SUBJECTS
from pp_ref.bench.terminal import print_record
from pp_ref.bench.times import times
from pp_ref.bench.timing import Timing
from pp_ref.errors import InaccurateError
from pp_ref.kernels.cpu.ladders import LADDERS
from pp_ref.models import Predicted
from pp_ref.models.convnet import ConvNet
from pp_ref.models.mlp import MLP
from pp_ref.training.distributed import HEADER

KEYS = ["subject", "what", "settings", "dtype", "rounds", "timing", "libraries", "limits", "measured", "goals"]
SHORT = {"python -c pass": ["-c", "pass"], "numba, one line": ["-c", "pass"], "pool": ["-c", "pass"]}
ON_PROCESSOR = {
    "gpu_pool": {"images": 3},
    "gpu_layer": {"images": 3},
    "gpu_mlp": {"steps": 1, "batch": 4, "device": "cpu"},
    "gpu_convnet": {"images": 8, "batch": 4, "device": "cpu"},
}
NEEDS_TORCH = ("mnist_step", "convnet_step", "mlp_epoch", "rica", "gpu_mlp", "gpu_convnet")


def limits(threads, timing):
    return {"threads": threads, "peak_gflops": 100.0, "copy_gb_s": 10.0}


def marked(name, *more):
    return pytest.param(
        name, *more, marks=[pytest.mark.torch] * (name in NEEDS_TORCH) + [pytest.mark.mpi] * (name == "scaling")
    )


@pytest.fixture
def measured(monkeypatch, request, agreed):
    """Return measure(name, **settings), with a processor in place of the CUDA device and short new processes."""

    def measure(name, **settings):
        subject = SUBJECTS[name]
        if subject.device == "gpu":
            request.getfixturevalue("stand_in")
        if name == "gpu_convnet":
            monkeypatch.setattr(subject.module, "array_library", lambda device: np)
        if find_spec("torch"):  # it compiles for seconds a function
            monkeypatch.setattr("torch.compile", lambda function, **settings: function)
        monkeypatch.setattr(processes, "COMMANDS", SHORT)
        if name != "pooling":  # whose record has the limits of this machine; they take two seconds
            monkeypatch.setattr(records, "_limits", limits)
        return subject.module.measure(agreed, **subject.small | ON_PROCESSOR.get(name, {}) | settings)

    return measure


CASES = [(name, {}) for name in SUBJECTS]
CASES += [("pooling", {"dtype": "float64"}), ("conv", {"dtype": "float64"}), ("conv", {"layers": (1,), "n": 1})]


@pytest.mark.parametrize(("name", "settings"), [marked(*case) for case in CASES])
def test_a_record(name, settings, measured, request):
    subject, record = SUBJECTS[name], measured(name, **settings)
    assert [key for key in record if key not in ("versions", "machine", "peak_memory_mb")] == KEYS
    assert json.loads(json.dumps(record))["subject"] == name
    assert record["what"] == subject.module.__doc__.partition("\n")[0]
    if subject.device == "cpu":
        assert record["limits"][0].keys() == {"threads", "peak_gflops", "copy_gb_s"}
    said = printed(record).splitlines()
    for block in record["measured"]:
        for row in block["rows"]:
            assert 0 <= row.get("share_of_bound", 0) <= 1
            assert 0 < row["min_s"] <= row["median_s"] <= row["max_s"]
            assert len(row["seconds"]) == len(row["calls"]) == record["rounds"]
            assert not row["unstable"] or name == "scaling"  # whose ranks take the time themselves
            assert ("times_best_peer" in row) == ("peers" in block)
            assert row["first_s"] > 0
            assert any(line.startswith(f" {row['name']} ") for line in said)
    assert len(times(record).axes) == len({block.get("threads") for block in record["measured"]})
    tables = {place: table(record) for place, table in subject.tables.items()}
    processor = [request.getfixturevalue("stand_in")] if subject.device == "gpu" else []
    rows = {row["name"]: row for row in record["measured"][0]["rows"]}
    globals()[f"of_{name}"](record, rows, *processor, **tables)


def printed(record):
    print_record(record, Console(file=(said := StringIO()), width=200))
    return said.getvalue()


def of_pooling(record, rows, pooling):
    names = list(rows)
    assert names[: len(LADDERS["pool"])] == [rung.name for rung in LADDERS["pool"]]
    assert "numpy, side by side" in names
    for library in ("torch", "jax"):
        assert ({f"{library}, side by side", f"{library}, by column"} <= set(names)) == (find_spec(library) is not None)
    assert ("torch, compiled, side by side" in names) == compiles()
    size, k, half = np.dtype(record["dtype"]).itemsize, 39 * 10, {"float32": 7, "float64": 9}[record["dtype"]]
    assert rows["dense"]["flops"] == 2 * 10 * 784 * k
    assert rows["numpy, side by side"]["least_bytes"] == size * (10 * 784 + 784 * k + 10 * k)
    assert record["measured"][0]["form"] == "atom"
    assert rows["fused"]["flops"] == 10 * 784 * (4 * 2 * half - 2)
    best = min(row["median_s"] for name, row in rows.items() if name == "dense" or ", " in name)
    assert rows["fused"]["times_best_peer"] == best / rows["fused"]["median_s"]
    assert "against the" in printed(record)
    figure, threads = roofline(record), [limits["threads"] for limits in record["limits"]]
    assert [axes.get_title() for axes in figure.axes] == [f"{n} thread{'s' * (n > 1)}" for n in threads]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names


def compiles():
    return find_spec("torch") is not None and compiler() is not None


def of_layer(record, rows, layer):
    assert {"dictionary first", "weights first", "separable", "pooled once", "full, numpy"} <= rows.keys()
    for library in ("torch", "jax"):
        assert (f"full, {library}" in rows) == (find_spec(library) is not None)
    assert ("full, torch, compiled" in rows) == compiles()
    separable = rows["separable"]
    assert separable["ceiling"] == separable["times_best_peer"] * separable["median_s"] / separable["limit_s"]
    assert rows["full, numpy"]["flops"] == 4 * 10 * 784 * 500
    assert rows["pooled once"]["flops"] == 4 * 10 * 39 * 500


def of_scaling(record, rows, scaling):
    assert list(rows) == ["100% learned", "5% learned"]
    places = [(block["network"], block["ranks"]) for block in record["measured"]]
    assert places[:2] == [(scalings.SHARED, 1), (scalings.SHARED, 2)]
    assert [network for network, _ in places[2:]] == ([] if scalings.networks_absence() else list(scalings.NETWORKS))
    for block in record["measured"]:
        full, few = block["rows"]
        assert (full["dynamic"], few["dynamic"]) == (648_010, 38_010)
        for row in block["rows"]:
            assert row["bytes_a_step"] == 2 * (block["ranks"] - 1) * (4 * (row["dynamic"] + 1) + HEADER)
            if block["network"] == scalings.SHARED:
                assert row["interface_bytes_a_step"] == 0
            else:  # headers of at least 40 bytes in 1,500, and acknowledgements
                assert 1 < row["interface_bytes_a_step"] / row["bytes_a_step"] < 1.3
    (goal,) = record["goals"]
    assert met(goal)
    assert "| shared memory, 2 ranks, 5% learned | 304,136 |" in scaling
    if links := scaling_model.links(record):
        machines = [best(record, link, proportion, "tree")[0] for link in links.values() for proportion in (1.0, 0.05)]
        assert all(1 <= number <= scaling_model.LARGEST for number in machines)
        assert len(scaling_model.draw(record).axes) == len(links)
        assert scaling_model.table(record).count("\n") == 1 + 2 * len(links)


def test_the_model_of_scaling_finds_the_network_that_made_its_times():
    """Times of 1 ms and 1 GB/s, and the best number of machines on a tree, where it is known."""
    sizes = (2.6e6, 6.7e5, 1.5e5)
    rows = [
        {"proportion": p, "bytes_a_step": 2 * n, "communication_s": 2 * (1e-3 + n / 1e9), "computation_s": 0.1}
        for p, n in zip((1.0, 0.25, 0.05), sizes, strict=True)
    ]
    measured = [{"network": scalings.SHARED, "ranks": ranks, "rows": rows} for ranks in (1, 2)]
    record = {"measured": [*measured, {"network": "some", "ranks": 2, "rows": rows}], "settings": {"batch": 100}}
    (link,) = scaling_model.links(record).values()
    assert abs(link.latency - 1e-3) < 1e-9
    assert abs(1 / link.byte - 1e9) < 1
    # compute / p + 2 log2(p) s has its least at p = compute ln 2 / (2 s); a tree's steps are powers of two.
    machines, _ = best(record, link, 1.0, "tree")
    assert 1 / 2 < machines / (100 * np.log(2) / (2 * 3.6e-3)) < 2


def of_mnist_step(record, rows):
    peers = ["torch", "torch, fused SGD", *["torch, compiled"] * compiles(), *["jax"] * bool(find_spec("jax"))]
    assert list(rows) == ["pp_ref, predicted", "pp_ref, full", *peers]
    assert all(0 <= rows[name]["share_of_bound"] <= 1 for name in peers)
    assert rows["pp_ref, full"]["flops"] / rows["pp_ref, predicted"]["flops"] > 4
    passes = next(block for block in record["measured"] if block["part"] == "passes")["rows"]
    assert (passes[0]["name"], len(passes)) == ("1 dense forward", 8)
    goal = record["goals"][0]
    assert goal["what"] == "training step of the MNIST net, 5% learned, against the full net"
    assert goal["reached"] == rows["pp_ref, predicted"]["times_best_peer"]


def of_conv(record, rows, conv):
    assert list(rows)[:4] == ["definition", "patches", "theorem", "separable"]
    (layer, n), size = (record["measured"][0][key] for key in ("layer", "n")), np.dtype(record["dtype"]).itemsize
    if layer == 1:  # which wants no dv
        assert rows["patches"]["flops"] == 2 * 2 * n * 33 * 33 * 192 * 48
    else:
        assert rows["patches"]["flops"] == 3 * 2 * n * 9 * 9 * 1600 * 64
        assert rows["separable"]["least_bytes"] == 2 * size * n * (7 * 7 * 64 + 9 * 9 * 64)
    assert all(0 < row["share_of_bound"] <= 1 for row in rows.values())
    assert all(block["choice"]["behind"] >= 0 for block in record["measured"])
    assert "chosen: " in printed(record)


def of_convnet_step(record, rows, **tables):
    assert list(rows)[:2] == ["pp_ref, full", "pp_ref, 25% learned"]
    parts = [block["part"] for block in record["measured"]]
    assert parts.count("convolution") == 3 * parts.count("step")
    assert len(record["goals"]) == 2 * parts.count("step")
    first = record["measured"][parts.index("convolution")]
    assert first["filters"] == "8 x 8 x 3 x 48"
    assert first["rows"][0]["flops"] == 2 * 4 * 33 * 33 * 48 * 192
    assert "| 25% learned | 1 |" in tables["convnet-step"]
    headings = "| filters, forward, ms | threads | patches | cosines and sines | SciPy's FFT | Numba | PyTorch |"
    assert tables["convolutions"].startswith(headings)


def of_mlp_epoch(record, rows, **tables):
    assert list(rows)[:3] == ["pp_ref", "torch", "torch, fused SGD"]
    assert record["measured"][0]["peers"] == list(rows)[1:]
    assert rows["pp_ref"]["flops"] == 300 * 2 * (2 * 784 * 500 + 3 * 500 * 500 + 3 * 500 * 10)
    best = min(rows[name]["median_s"] for name in list(rows)[1:])
    assert record["goals"][0]["reached"] == pytest.approx(rows["pp_ref"]["median_s"] / best)
    assert f" {len(record['limits'])} | " in tables["mlp-epoch"].splitlines()[-3]


def of_rica(record, rows, rica):
    assert list(rows)[:3] == ["pp_ref, full", "pp_ref, 50 % predicted", "torch, full"]
    assert rows["torch, full"]["flops"] == 5 * 2 * 1000 * 108 * 400
    assert all(0 < row["share_of_bound"] <= 1 for row in rows.values())
    ratio = rows["pp_ref, full"]["median_s"] / rows["torch, full"]["median_s"]
    assert record["goals"][0]["reached"] == pytest.approx(ratio)
    assert "1,000 patches of 108, 400 filters; the goals of 2x (full) and 3.5x (50 % predicted)" in rica


def of_features(record, rows, features):
    row = rows["extract_features"]
    assert row["flops"] == 2 * 20 * 27 * 27 * 109 * 400
    assert record["goals"][0]["reached"] == record["peak_memory_mb"]
    rate = f"{20 / row['min_s']:,.0f} images a second with 1 thread"
    assert f"Features of 20 CIFAR-10 images with 400 filters: {rate}" in features


def of_start_up(record, rows, **tables):
    assert [row["name"] for block in record["measured"] for row in block["rows"]] == [*SHORT, "pool, compiled"]
    assert [(goal["what"], goal["goal"]) for goal in record["goals"]] == [("pool, s", 0.5), ("pool, compiled, s", 10.0)]
    assert tables["start-up"].count("\n") == 5
    assert f"takes a new process {rows['pool']['median_s']:.2f} s (goal 0.5 s; " in processes.said(record)


def of_growth(record, rows, growth):
    flops = {line.split(" | ")[0]: float(line.split(" | ")[-1].strip(" |")) for line in growth.splitlines()[2:8]}
    assert flops["| dense, by n"] == 1
    assert flops["| dense, by side"] == pytest.approx(4, abs=0.2)  # k is rounded
    assert "Sides 8 to 16, batches 1 to 100, one column" in growth


def of_plan(record, rows):
    assert {block["dtype"] for block in record["measured"]} == {"float32", "float64"}
    for block in record["measured"]:
        least = {row["name"]: row["median_s"] for row in block["rows"]}
        assert block["choice"]["behind"] == least["auto"] / min(least.values()) - 1
        assert {"dictionary", "weights", "separable"} <= least.keys()
    for goal in record["goals"][: len(record["limits"])]:
        behind = [b["choice"]["behind"] for b in record["measured"] if b["threads"] == goal["threads"]]
        assert (len(behind), goal["reached"]) == (6, max(behind))
        beyond = sum(each > 0.25 for each in behind)
        assert f"{max(behind):.0%} at most ({beyond} of 6 shapes beyond 25%)" in plans.said(record)
    reached = "met" if all(map(met, record["goals"])) else "missed"
    assert plans.said(record).endswith(f"at the median are {reached}.")


def of_turns(record, rows, turns):
    single, many = record["measured"]
    assert (single["calls a turn"], many["calls a turn"], single["peers"]) == ("single", "many", list(rows)[1:])
    assert {block["threads"] for block in record["measured"]} == {max(contest.numbers_of_threads())}
    ratio = single["rows"][0]["median_s"] / many["rows"][0]["median_s"]
    assert turns.splitlines()[2].startswith("| fused | 10 |")
    assert turns.splitlines()[2].endswith(f" | {ratio:.2f} |")


def test_two_kinds_of_turns_are_measured(monkeypatch):
    """Of 2 ms in place of 200: many calls of the fused rung in one kind, one in the other."""
    monkeypatch.setattr("pp_ref.bench.peers.compiler", lambda: None)
    single, many = SUBJECTS["turns"].module.measure(Timing(1, 2e-3, 5e-4), batches=(1,))["measured"]
    assert single["rows"][0]["calls"] == [1]
    assert many["rows"][0]["calls"][0] > 1
    assert SUBJECTS["turns"].tables["turns"]().startswith("Not measured yet: `pp-ref bench turns --out")


def of_gpu_pool(record, rows, stand_in):
    assert (next(iter(rows)), [*rows][-1]) == ("cuBLAS float32", "copy")
    assert {"naive", "tiled", "separable", "gathered", "layer, combined"} <= rows.keys()
    (block,) = record["measured"]
    assert block | {"n": 3, "d": 784, "k": 1960, "taps": 13} == block
    assert all(0 < row["share_of_bound"] <= 1 for row in block["rows"][:-1])
    assert rows["copy"]["share_of_copy"] == pytest.approx(1)
    assert [goal["goal"] for goal in record["goals"]] == [0.8, 5.0, 1.5]
    assert record["machine"]["gpu"] == "gpu"
    assert len(stand_in.calls) == (2 + record["rounds"]) * len(rows)  # two calls to warm up
    assert stand_in._core._routines_linalg.get_compute_type("f4") == 0


def of_gpu_layer(record, rows, stand_in):
    for operation in ("pool", "pool_adjoint", "expand", "project"):
        assert "share_of_bound" in rows[operation]
        assert "share_of_bound" not in rows[f"{operation}, cuBLAS"]
    assert [block["n"] for block in record["measured"][1:]] == list(gpu_layer.BATCHES)
    for block in record["measured"][1:]:
        names = ["layer", "layer, cuBLAS, dictionary first", "layer, cuBLAS, weights first"]
        assert [row["name"] for row in block["rows"]] == names
        assert block["rows"][0]["share_of_bound"] > 0


def of_gpu_mlp(record, rows, stand_in):
    ours = ["pp_ref, cupy", "pp_ref, numpy", "pp_ref, auto"]
    assert list(rows) == [*ours, "PyTorch, eager", "PyTorch, compiled"]
    assert all(rows[name]["share_of_bound"] > 0 for name in ours)
    assert record["settings"]["failed"] == {}
    assert "pool_gathered" in stand_in.launched


def of_gpu_convnet(record, rows, stand_in):
    assert list(rows)[:2] == ["pp_ref, full", "pp_ref, 25% learned"]
    assert rows["pp_ref, full"]["share_of_bound"] > 0


def returns(change):
    """Return a function of a right function: the wrong one, whose result is changed."""
    return lambda right: lambda *arguments, **settings: change(right(*arguments, **settings))


def forward(factor):
    return returns(lambda found: (factor * found[0], *found[1:]))


def gradient(factor, *names):
    return returns(lambda found: (found[0], {n: factor * g if n in names else g for n, g in found[1].items()}))


def way(name, **wrong):
    """Return a function of a table of ways: the table with one of them wrong."""
    return lambda table: tuple(
        each._replace(**{part: change(getattr(each, part)) for part, change in wrong.items()})
        if each.name == name
        else each
        for each in table
    )


doubled_dw = returns(lambda found: (found[0], [2 * dw for dw in found[1]], found[2]))
tenfold = returns(
    lambda found: (found[0], {n: g if n.endswith("b") or g.dtype != "f4" else 10 * g for n, g in found[1].items()})
)
off = returns(lambda got: np.asarray(got) * np.float32(1 + 1e-3))
WRONG = [
    ("pooling", "fused", LADDERS, "pool", way("fused", forward=returns(lambda y: np.nextafter(2 * y, 0)))),
    (
        "growth",
        "dense",
        growth.RUNGS,
        "dense",
        lambda rung: rung._replace(forward=returns(np.zeros_like)(rung.forward)),
    ),
    ("layer", "separable", layers, "layer_forward", forward(2)),
    ("plan", "auto", Predicted, "forward", forward(2)),
    ("features", "extract_features", features, "extract_features", returns(lambda found: 1.001 * found)),
    ("mlp_epoch", "pp_ref", MLP, "loss_and_gradient", gradient(1.1, "2.b")),
    ("mnist_step", "pp_ref, predicted", MLP, "loss_and_gradient", tenfold),
    ("rica", "pp_ref, full", ricas.RICA, "loss_and_gradient", gradient(1.5, "W")),
    ("convnet_step", "pp_ref, full", ConvNet, "loss_and_gradient", gradient(1.1, "3.W")),
    ("gpu_pool", "gathered", gpu_pool, "contenders", returns(lambda runs: {"gathered": off(runs["gathered"])})),
    ("gpu_layer", "expand", gpu_layer.LADDERS, "expand", way("fused", forward=off)),
    ("gpu_mlp", "pp_ref, cupy", gpu_mlp, "agreement", returns(lambda share: float("nan"))),
    ("gpu_convnet", "pp_ref, full", ConvNet, "loss_and_gradient", gradient(1.1, "3.W")),
]
for wrong in ({"forward": forward(1.01)}, {"backward": doubled_dw}):
    WRONG += [("conv", name, conv, "CONV", way(name, **wrong)) for name in ("patches", "theorem", "separable")]


@pytest.mark.parametrize(("name", "said", "owner", "attribute", "wrong"), [marked(*case) for case in WRONG])
def test_nothing_wrong_is_timed(name, said, owner, attribute, wrong, measured, monkeypatch):
    plant, right = monkeypatch.setattr, getattr(owner, attribute, None)
    if isinstance(owner, dict):
        plant, right = monkeypatch.setitem, owner[attribute]
    plant(owner, attribute, wrong(right))
    monkeypatch.setattr(contest, "interleaved", None)  # would be called to time
    with pytest.raises(InaccurateError, match=f"'{said}': .* nothing was timed$"):
        measured(name)


@pytest.mark.torch
def test_a_wrong_convolution_is_not_timed(monkeypatch):
    monkeypatch.setattr(convolutions, "by_fft", lambda v, W, b, padding, workers: 0 * v[..., :1])
    with pytest.raises(InaccurateError, match=r'"SciPy.s FFT": .* nothing was timed'):
        convolutions.convolutions((2, 9, 9, 3), (3, 3, 3, 4), 1, 1, Timing(1))


def test_a_process_that_fails_is_not_timed(monkeypatch):
    monkeypatch.setattr(processes, "COMMANDS", {"pool": ["-c", "raise SystemExit(3)"]})
    with pytest.raises(subprocess.CalledProcessError):
        processes.measure(Timing(1))
