# Needs python3 >= 3.11 (with venv) and make. Everything else goes into .venv, from uv.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := uv==0.13.9
CORE := .venv-core
EXTRAS := --group dev --group docs --extra dask --extra fast --extra features --extra figures --extra lessons --extra mpi --extra oracle --extra speech --extra test

# One BLAS thread a worker: pytest already runs one worker a core. Tests start hundreds of processes: what these import
# is compiled once, even where the environment forbids to keep what was compiled.
TEST_ENV := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.PHONY: demo docs test test-core torture test-gpu gpu lint setup lock

demo: setup  ## Figure 4 (left) on the embedded digits: a table, and the figure
	$(BIN)/pp-ref reproduce figure4-left --profile demo --jobs 2

test: setup  ## every test, one worker a core
	$(TEST_ENV) $(BIN)/python -m pytest -n auto

torture: setup  ## the long tests: thousands of trials of every file format, and what else is marked torture
	$(TEST_ENV) $(BIN)/python -m pytest -m torture -n auto

test-core:  ## the core's tests, in an environment with nothing but what the package requires
	test -x $(CORE)/bin/python || $(PYTHON) -m venv $(CORE)
	$(CORE)/bin/python -m pip install --quiet --disable-pip-version-check . array-api-strict hypothesis pytest pytest-xdist
	$(TEST_ENV) $(CORE)/bin/python -m pytest -n auto tests/layers tests/dictionaries tests/training tests/gradient_check

docs: setup  ## the site, in build/docs; every warning is an error
	$(BIN)/python -m benchmarks.picture
	PYTHONPATH=. $(TEST_ENV) $(BIN)/python -m pp_ref lesson export docs/_extra/lessons
	PYTHONPATH=. $(TEST_ENV) $(BIN)/python -m sphinx -b html -W --keep-going -q docs build/docs

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p pp_ref

setup: $(VENV)/.synced

# --inexact leaves alone what was added by hand (torch, say), and uv itself.
$(VENV)/.synced: uv.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"pp_ref needs Python >= 3.11, but $(PYTHON) is {sys.version.split()[0]}: make PYTHON=...") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT= UV_PYTHON=$(BIN)/python $(BIN)/uv sync --quiet --frozen --inexact $(EXTRAS)
	touch $@

lock: setup  ## after a change of the requirements; no machine's own index gets in
	$(BIN)/uv lock --no-config --default-index https://pypi.org/simple

test-gpu:  ## on a machine with CuPy and a CUDA device, where a skipped GPU test is a failure; nothing is installed
	PP_REF_REQUIRE_GPU=1 $(PYTHON) -m pytest -m gpu

gpu:  ## everything that needs a CUDA device: its tests, the speed of kernels and models, Figure 5 in full
	$(PYTHON) -m pp_ref bench gpu
