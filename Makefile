# make run      train a controller that visibly gets better (weak hosts on real digits); ARGS="--no-tui --rounds 2" passes options to `esper train`
# make test     every check and every test, one process a core
# make check    ruff, pyright (strict), import layers, hot-path call sites
# make docs     the documentation as a site in build/site; a broken link is an error
# make dist     the archives in dist/, with their metadata and README checked
# make floors   train with the lowest versions that pyproject.toml allows, in an environment of its own
# make bench    what `esper bench` runs

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup run test check format docs dist floors bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

run: $(STAMP)
	$(BIN)/esper train --preset digits_impaired $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python tools/check_hot_path.py

test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal $(ARGS)

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo build/site/index.html

dist: $(STAMP)
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

floors: $(STAMP)
	$(BIN)/python tools/floors.py

bench: $(STAMP)
	$(BIN)/esper bench $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache build dist
