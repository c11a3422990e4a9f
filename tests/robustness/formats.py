"""Every format that pp_ref reads or writes: a new one is under every fault once it is in this list.

`test_registry` finds the modules that open files, and compares them with this list.
"""

import gzip
import hashlib
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from tests.robustness.trials import Format

RECIPE = {"experiment": "figure4-left", "label": "SE-Emp", "proportion": 0.25, "seed": 0, "device": "cpu"}

# Modules that open files which are no data.
EXEMPT = {
    "lessons/judge.py": "reads a learner's Python file (tests/lessons/test_judge.py damages it), and solutions",
    "lessons/progress.py": "keeps answers; what cannot be read counts as none (tests/lessons/test_progress.py)",
    "lessons/export.py": "writes pages for people, by `write_atomically`",
    "lessons/teacher.py": "writes a page for people, by `write_atomically`",
    "cli/lesson.py": "writes cards, by `write_atomically`, and copies a notebook of this package",
    "cli/sweeps.py": "writes a page for people, by `write_atomically`, as figures and reports are written",
    "bench/start_up.py": "writes a program into a temporary folder, and runs it",
    "bench/scaling.py": "writes a program into a temporary folder, in place of ssh",
    "bench/scaling_rank.py": "reads /proc/net/dev",
    "data/search.py": "pooch writes a download beside its place, and compares it with its checksum first",
    "experiments/claims.py": "locks of running sweeps; tests/experiments/test_claims.py damages and abandons them",
    "experiments/cluster.py": "sends files of a store as bytes, and writes them by `write_atomically`",
    "experiments/ranks.py": "notes which process is which rank in a temporary folder; test_ranks.py kills ranks",
    "experiments/workers.py": "opens the null device, for the errors of a process that is being ended",
    "kernels/gpu/cuda_on_cpu.py": "reads a header of this package",
    "kernels/gpu/launching.py": "reads the CUDA sources of this package",
    "machine.py": "reads /proc/cpuinfo",
    "oracle/operations/far.py": "reads /proc/meminfo",
    "cli/oracle.py": "opens the null device where standard output is closed",
    "oracle/candidates/processes.py": "starts a candidate's process; candidates/test_hostile.py damages what it says",
    "oracle/candidates/serving.py": "opens a candidate's own standard output",
}


def numbers(version: int, *shape: int, dtype: str = "float32") -> Any:
    return np.random.default_rng(version).standard_normal(shape).astype(dtype)


# What pp_ref writes and reads back


def checkpoint(folder: Path) -> Any:
    from pp_ref.training import Checkpoint

    return Checkpoint(folder / "fit.safetensors", RECIPE)


def write_checkpoint(folder: Path, version: int) -> None:
    from pp_ref.generators import generator_state
    from pp_ref.training.checkpoint import State

    history = [{"epoch": epoch, "loss": 1 / epoch, "seconds": 0.25} for epoch in range(1, 3 + version)]
    vectors = {"params": numbers(version, 60), "velocity": numbers(version + 2, 60)}
    checkpoint(folder).save(State(vectors, generator_state(np.random.default_rng(version)), history))


def write_dictionary(folder: Path, version: int) -> None:
    from pp_ref.dictionaries import Grid, make_dictionary

    rng = np.random.default_rng(version)
    make_dictionary("se", Grid(5, 4), proportion=0.3, n_columns=2, rng=rng).save(folder / "dictionary.safetensors")


def read_dictionary(folder: Path) -> Any:
    from pp_ref.dictionaries import Dictionary

    return Dictionary.load(folder / "dictionary.safetensors")


def write_model(folder: Path, version: int) -> None:
    from pp_ref.dictionaries import Grid, make_dictionary
    from pp_ref.models import MLP, Full, Predicted

    rng = np.random.default_rng(version)
    dictionary = make_dictionary("se", Grid(3, 2), proportion=0.5, n_columns=2, rng=rng)
    model = MLP((Predicted(dictionary, 4), Full(4, 3)), 3)
    model.save(folder / "model.safetensors", model.init(rng))


def read_model(folder: Path) -> Any:
    from pp_ref.models import load

    return load(folder / "model.safetensors")


def write_run(folder: Path, version: int) -> None:
    from pp_ref.experiments.run_store import RunStore

    record = {
        "recipe": RECIPE,
        "summary": f"{version} % wrong",
        "test_error": (1 + version) / 3,
        "stop": "BUDGET",
        "history": [{"epoch": epoch, "loss": 1 / epoch} for epoch in (1, 2, 3)],
        "arrays": {"filters": numbers(version, 6, 4), "offsets": numbers(version + 2, 4)},
    }
    RunStore(folder).save(record | {"versions": {"numpy": "2.0"}, "seconds": 0.5})


def read_run(folder: Path) -> Any:
    from pp_ref.experiments.run_store import RunStore

    return RunStore(folder).load(RECIPE)


def write_benchmark(folder: Path, version: int) -> None:
    from pp_ref.bench.contest import row
    from pp_ref.bench.record import record, write
    from pp_ref.bench.timing import Timing

    rows = [row("fused", [2.0, 1.0, 4.0 + version], flops=3e9, least_bytes=5e9)]
    made = record("pooling", "v U", Timing(3), [{"n": 10, "threads": 1, "rows": rows}], limits=[], batch=7)
    write(folder / "pooling.json", made | {"peak_memory_mb": 0.5})  # the same at each call


def read_benchmark(folder: Path) -> Any:
    from pp_ref.bench.record import read

    return read(folder / "pooling.json")


def write_study(folder: Path, version: int) -> None:
    from pp_ref.records import STUDY

    STUDY.write_json(folder / "study.json", {"rows": [{"name": "a", "count": version}], "peak_memory_mb": 0.5})


def read_study(folder: Path) -> Any:
    from pp_ref.records import STUDY

    return STUDY.read_json(folder / "study.json", "run its program again")


def write_rates(folder: Path, version: int) -> None:
    from pp_ref.kernels import rates

    rates.write_rates(folder / "rates.json", {1: rates.Rates(), 2: rates.Rates(flop=1e-11 * (2 + version))})


def read_rates(folder: Path) -> Any:
    from pp_ref.kernels import rates

    return rates.read_rates(folder / "rates.json")


def pooled(folder: Path, version: int = 0) -> Any:
    from pp_ref.models.pooled import pooled_file

    x, U = numbers(0, 30, 8), numbers(1, 8, 3)
    return pooled_file(folder, x, [U], lambda rows: rows @ U)


def write_vectors(folder: Path, version: int) -> None:
    from pp_ref.oracle.candidates.vectors import export

    export(folder / "vectors", only=["sigmoid"], quick=True, seed=version)


def read_vectors(folder: Path) -> Any:
    """What `Answers` takes of a manifest; the rest is for the stranger who answers."""
    from pp_ref.oracle.candidates.answers import _vectors

    manifest = _vectors(folder / "vectors")
    return [manifest[name] for name in ("arithmetic", "seed", "files")], [case["id"] for case in manifest["cases"]]


def write_answers(folder: Path, version: int) -> None:
    from tests.oracle.candidates.stranger import answer

    write_vectors(folder, version)
    answer(folder / "vectors")
    (folder / "vectors" / "answers" / "manifest.json").write_text('{"name": "a stranger", "expected": {}}')


def read_answers(folder: Path) -> Any:
    from pp_ref.oracle.candidates.answers import Answers

    return vars(Answers(folder / "vectors"))


def write_report(folder: Path, version: int, name: str = "report.json") -> None:
    from dataclasses import replace

    from pp_ref.oracle.reports import write_report
    from tests.oracle.reports.sample import sample

    write_report(replace(sample(), seed=version), folder / name)


def read_report(folder: Path) -> Any:
    from pp_ref.oracle.reports import read_report

    return read_report(folder / "report.json")


def write_figure(folder: Path, version: int) -> None:
    from matplotlib.figure import Figure

    from pp_ref.experiments.drawing import save_figure

    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([0, 1 + version])
    save_figure(figure, folder / "figure")


def write_strings(folder: Path, version: int) -> None:
    from pp_ref.experiments.phone_decoder import write_trn

    write_trn({"strings": {f"fvmh0-sx{version}": {"said": "sil iy", "reference": "sil ih sil"}}}, folder)


# Caches


def compiled_loops(folder: Path, version: int = 0) -> Any:
    import numba

    from pp_ref.kernels.cpu.pool import compile_loops, rows

    with mock.patch.object(numba.config, "CACHE_DIR", str(folder / "cache" / "numba")):
        return compile_loops(rows, nogil=True)(numbers(0, 3, 4), numbers(1, 4, 2))


def decoded_cifar10(folder: Path, version: int = 0) -> Any:
    if not (folder / "source").exists():
        write_cifar10("binary", folder / "source", version)
    return read_cifar10(folder / "source")


# Published data sets, in editions with few records


@cache
def digits() -> SimpleNamespace:
    """MNIST's four arrays by their file names, and their digest; the table of the embedded digits, in gzip."""
    from tests.data.test_idx import idx_bytes
    from tests.data.test_mnist import NAMES

    rng = np.random.default_rng(0)
    shapes = [(5, 28, 28), (5,), (3, 28, 28), (3,)]
    arrays = [rng.integers(0, 256 if len(shape) == 3 else 10, shape, "u1") for shape in shapes]
    table = "\n".join(",".join(map(str, row)) for row in rng.integers(0, 10, (6, 785)))
    return SimpleNamespace(
        files=dict(zip(NAMES, map(idx_bytes, arrays), strict=True)),
        digest=hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest(),
        table=gzip.compress(table.encode(), mtime=0),
    )


def write_mnist(form: str, folder: Path, version: int) -> None:
    for name, content in digits().files.items():
        if form == "gzip":
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / name).write_bytes(content)


def read_mnist(folder: Path) -> Any:
    from pp_ref.data import load_mnist

    loaded = load_mnist(folder)
    return loaded.train, loaded.test, loaded.digest  # the source names the compressed files' checksums


def write_digits(folder: Path, version: int) -> None:
    (folder / "mnist_5k.csv.gz").write_bytes(digits().table)


def read_digits(folder: Path) -> Any:
    from pp_ref.data.mnist import read_digits

    return read_digits(folder / "mnist_5k.csv.gz")


def write_cifar10(form: str, folder: Path, version: int) -> None:
    from tests.data import test_cifar10

    test_cifar10.FORMS[FORMS[form]](folder)


FORMS = {
    "binary": "binary, unpacked",
    "binary, tar.gz": "binary, gzip",
    "Python": "python, unpacked",
    "Python, tar.gz": "python, gzip",
}


def read_cifar10(folder: Path) -> Any:
    from pp_ref.data import load_cifar10

    return load_cifar10(folder)


def write_stl10(form: str, folder: Path, version: int) -> None:
    from tests.data import test_stl10

    test_stl10.FORMS[form](folder)


def read_stl10(folder: Path) -> Any:
    from pp_ref.data import load_stl10, load_stl10_unlabelled

    return load_stl10(folder), load_stl10_unlabelled(folder)


def write_sample(folder: Path, version: int) -> None:
    np.savez_compressed(folder / "stl10_unlabeled_sample246.npz", X=sample())


def read_sample(folder: Path) -> Any:
    from pp_ref.data import load_stl10_sample

    return load_stl10_sample(folder)


@cache
def sample() -> Any:
    return np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), "u1")


def write_images(form: str, folder: Path, version: int) -> None:
    from PIL import Image

    from pp_ref.data.natural_images import COLLECTIONS
    from tests.data.test_natural_images import SMALL

    if form == "npz":
        np.savez_compressed(folder / "natural_images.npz", **SMALL)
        return
    for name, images in SMALL.items():
        (folder / name).mkdir()
        for file, image in zip(COLLECTIONS[name].files, images, strict=True):
            Image.fromarray(image).save(folder / file, compression="packbits")


def read_images(folder: Path) -> Any:
    from pp_ref.data import load_natural_images

    return load_natural_images("hyvarinen", folder), load_natural_images("olshausen", folder)


# The corpus's lists, of one speaker each.
LISTS = {"pp_ref.data.timit.DEVELOPMENT": ("faks0",), "pp_ref.data.timit.CORE_TEST": ("felc0",)}


def write_timit(form: str, folder: Path, version: int) -> None:
    from tests.data import timit_files

    if form == "sample":
        timit_files.write_sample(folder)
    else:
        timit_files.write_corpus(folder, others=[each for (each,) in LISTS.values()])


def read_timit(form: str, folder: Path) -> Any:
    from pp_ref.data import load_timit, load_timit_sample

    return {"sample": load_timit_sample, "corpus": load_timit}[form](folder)


def patches_of(module: str) -> Any:
    """The small editions that the tests of a reader use."""
    from importlib import import_module

    return import_module(f"tests.data.{module}").PATCHES


OURS = (
    Format("checkpoint", ("training/checkpoint.py",), write_checkpoint, lambda folder: checkpoint(folder).load()),
    Format("dictionary", ("dictionaries/dictionary.py",), write_dictionary, read_dictionary),
    Format("model", ("models/model.py",), write_model, read_model),
    Format("record of a run", ("experiments/run_store.py",), write_run, read_run, damaged="*.json"),
    Format("arrays of a run", ("experiments/run_store.py",), write_run, read_run, damaged="*.safetensors"),
    Format("record of a benchmark", ("bench/record.py",), write_benchmark, read_benchmark),
    Format("record of a study", ("records.py",), write_study, read_study),
    Format("rates", ("kernels/rates.py",), write_rates, read_rates),
    Format("pooled input", ("kept.py",), pooled, pooled, cache=True),
    Format(
        "vectors",
        ("oracle/candidates/vectors.py", "oracle/candidates/answers.py"),
        write_vectors,
        read_vectors,
        every=4,
    ),
    Format("report, JSON", ("oracle/reports/files.py", "oracle/reports/records.py"), write_report, read_report),
    Format("report, JUnit", ("oracle/reports/files.py",), partial(write_report, name="report.xml")),
    Format("report, HTML", ("oracle/reports/files.py",), partial(write_report, name="report.html")),
    Format("phone strings", ("experiments/phone_decoder.py",), write_strings),
    Format("figure", ("experiments/drawing.py",), write_figure, damaged="figure.*", every=10),
)
CACHES = (
    Format(
        "compiled loops",
        ("kernels/cpu/loop_cache.py",),
        compiled_loops,
        compiled_loops,
        damaged="cache/*",
        cache=True,
        every=10,
    ),
    Format(
        "decoded CIFAR-10",
        ("data/cifar10.py",),
        decoded_cifar10,
        decoded_cifar10,
        patches=patches_of("test_cifar10"),
        damaged="cache/*",
        cache=True,
    ),
)
published = partial(Format, ours=False)
PUBLISHED = (
    *(
        published(
            f"MNIST, {form}",
            ("data/idx.py", "data/mnist.py"),
            partial(write_mnist, form),
            read_mnist,
            patches={"pp_ref.data.mnist.MNIST_DIGEST": digits().digest},
        )
        for form in ("IDX", "gzip")
    ),
    published(
        "embedded digits",
        ("data/mnist.py",),
        write_digits,
        read_digits,
        patches={"pp_ref.data.mnist.DIGITS_SHA256": hashlib.sha256(digits().table).hexdigest()},
    ),
    *(
        published(
            f"CIFAR-10, {form}",
            ("data/cifar10.py", "data/tar.py"),
            partial(write_cifar10, form),
            read_cifar10,
            patches=patches_of("test_cifar10"),
        )
        for form in FORMS
    ),
    *(
        published(
            f"STL-10, {form}",
            ("data/stl10.py", "data/tar.py"),
            partial(write_stl10, form),
            read_stl10,
            patches=patches_of("test_stl10"),
        )
        for form in ("unpacked", "gzip")
    ),
    published(
        "STL-10, sample",
        ("data/npz.py",),
        write_sample,
        read_sample,
        patches={
            "pp_ref.data.stl10.SAMPLE_SHAPE": sample().shape,
            "pp_ref.data.stl10.SAMPLE_DIGEST": hashlib.sha256(sample().tobytes()).hexdigest(),
        },
    ),
    *(
        published(
            f"natural images, {form}",
            ("data/natural_images.py", "data/npz.py"),
            partial(write_images, form),
            read_images,
            patches=patches_of("test_natural_images"),
        )
        for form in ("npz", "TIFF")
    ),
    published(
        "TIMIT, sample",
        ("data/timit.py",),
        partial(write_timit, "sample"),
        partial(read_timit, "sample"),
        patches=patches_of("test_timit"),
        damaged="dr1-*",
    ),
    published(
        "TIMIT, corpus",
        ("data/timit.py",),
        partial(write_timit, "corpus"),
        partial(read_timit, "corpus"),
        patches=LISTS,
        damaged="TRAIN/*",
        compared=False,
        every=4,
    ),
    published(
        "answers to vectors",
        ("oracle/candidates/answers.py",),
        write_answers,
        read_answers,
        damaged="vectors/answers/*",
        compared=False,
        every=4,
    ),
)
FORMATS = {form.name: form for form in (*OURS, *CACHES, *PUBLISHED)}
