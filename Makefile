# Two commands do all the set-up: `make demo` runs the main job, `make test` passes the tests.
# Without make: see the two underlying lines in README.md.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.PHONY: demo test test-mongo lint bench coverage scenes docs clean

demo: $(VENV)/.run
	$(BIN)/phms demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

# The record's tests on a MongoDB: the one of PHMS_TEST_MONGO=mongodb://HOST:PORT, or a `mongod` on the PATH.
test-mongo: $(VENV)/.dev
	@$(BIN)/python -m tests.record.mongo_server
	$(BIN)/python -m pytest -rs tests/record tests/acceptance

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/phms check

scenes: $(VENV)/.run
	$(BIN)/phms replay tests/scenes bot/demo

bench: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

docs: $(VENV)/.dev
	$(BIN)/python -m tests.docs --write

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.run
