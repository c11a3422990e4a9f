"""Requirements of tests, with the reason for a skip if the machine lacks one; shared fixtures."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from pp_ref.data import Dataset, load_cifar10
from pp_ref.data.search import look_for
from pp_ref.errors import MissingExtraError
from pp_ref.kernels.gpu.nvrtc import nvrtc_version
from pp_ref.kernels.rates import default_rates
from pp_ref.machine import gpu_absence

STAGED = Path(__file__).resolve().parents[2] / "shared" / "data"
if STAGED.is_dir():
    os.environ.setdefault("PP_REF_DATA", str(STAGED))

# No deadlines: a busy machine is not a wrong answer. `ci` draws the same examples each time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A shell ignores Ctrl-C for what it runs in the background, and nohup ignores SIGHUP: programs under test inherit that.
for number, default in (signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)


def require_gpu() -> None:
    """Skip without a GPU; fail instead if PP_REF_REQUIRE_GPU is set."""
    if why := gpu_absence():
        (pytest.fail if os.environ.get("PP_REF_REQUIRE_GPU") else pytest.skip)(why)


def require_data(name: str = "mnist") -> None:
    """Skip if the data set is not on this machine; a test never downloads one."""
    found, missed = look_for(name)
    if found is None:
        pytest.skip(f"{name} was not found in: {'; '.join(missed)}")


def require_module(name: str) -> Callable[[], None]:
    """Skip if an optional package is not installed."""

    def require() -> None:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install {name}")

    return require


def require_nvrtc() -> None:
    """Skip if the library of the CUDA compiler is not installed."""
    try:
        nvrtc_version()
    except MissingExtraError as error:
        pytest.skip(str(error))


REQUIREMENTS = {
    "dask": require_module("distributed"),
    "mpi": require_module("mpi4py"),
    "gpu": require_gpu,
    "jax": require_module("jax"),
    "needs_data": require_data,
    "nvrtc": require_nvrtc,
    "torch": require_module("torch"),
}


@pytest.fixture(scope="session", autouse=True)
def _default_rates() -> Iterator[None]:
    """Use the default rates, so that no test depends on rates measured on its machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pp_ref.kernels.choose.known_rates", lambda threads: (default_rates(threads), "default"))
        yield


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A candidate that is loaded in a test puts its folder on the path: no other test, or process, sees it."""
    monkeypatch.setattr(sys, "path", sys.path.copy())


@pytest.fixture(scope="session")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """CIFAR-10 for tests marked `needs_data("cifar10")`, decoded once per run, outside the user's cache."""
    run = tmp_path_factory.getbasetemp()
    shared = run.parent if "PYTEST_XDIST_WORKER" in os.environ else run
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared / "cache"))
        return load_cifar10()


@pytest.fixture(scope="session")
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of kernels, compiled once for all workers of a run."""
    run = tmp_path_factory.getbasetemp()
    folder = (run.parent if "PYTEST_XDIST_WORKER" in os.environ else run) / "cuda_on_cpu"
    folder.mkdir(exist_ok=True)
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, require in REQUIREMENTS.items():
        for mark in item.iter_markers(name):
            require(*mark.args)
