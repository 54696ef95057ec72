# Two commands matter: make run, make test. Each builds .venv from the lock files when they have changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The locks are complete, so nothing is resolved at install time: pip only checks hashes.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

# Pinned, but not hashed: builds for the CPU alone, which are enough and far smaller, differ from place to place.
# A file or address of another build can be given: make train TORCH=torch-2.13.0+cpu-….whl
TORCH ?= torch==2.13.0
# Test files that run side by side.
WORKERS ?= 2

.PHONY: run test bench lint install dev train clean

run: $(VENV)/.run
	@exec $(BIN)/xfg up

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.run
dev: $(VENV)/.dev
train: $(VENV)/.train

$(VENV)/.run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d. Name another one: make PYTHON=python3.12" % v[:2])'
	@echo "Building $(VENV) from requirements.lock (a minute or two, once)."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "Adding the tools for tests from requirements-dev.lock."
	$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.train: requirements-train.lock $(VENV)/.run
	@echo "Adding what xfg train needs from requirements-train.lock, and PyTorch."
	$(INSTALL) --require-hashes -r requirements-train.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
