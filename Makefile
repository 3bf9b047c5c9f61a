# `make demo` and `make test` set up everything they need in .venv; nothing else has to be run first.
.PHONY: demo test lint null audit bench rivals live constraints clean
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# The first Python on the path that the package supports; `make PYTHON=/path/to/python demo` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

demo: $(VENV)/.ready
	$(BIN)/candlewick run quickstart

test: $(VENV)/.ready-test
	$(BIN)/python -m pytest --numprocesses auto

lint: $(VENV)/.ready-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

null: $(VENV)/.ready
	$(BIN)/python benchmarks/claims/null.py

audit: $(VENV)/.ready
	$(BIN)/python benchmarks/claims/planted_leaks.py

# Both want a machine that does nothing else: a minute, and a quarter of an hour side by side with other libraries.
bench: MEASURED := startup features windows backtest
rivals: MEASURED := update step engine training
bench: $(VENV)/.ready
rivals: $(VENV)/.ready-bench
bench rivals:
	set -e; for name in $(MEASURED); do echo "== $$name"; $(BIN)/python benchmarks/speed/$$name.py; done

# The live side: with the published network swaps under load, kill -9, throughput, restarts; hostile requests, mutated
# journals and folders, simulated market days. Two hours.
live: $(VENV)/.ready-test
	set -e; for name in live/swaps live/throughput live/restart live/hostile live/kills \
		claims/journal_mutations claims/folder_mutations claims/market_days; do \
		echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done

# Pins only: no host names, no local version labels and no CUDA libraries, so that any index and any build of torch fits.
constraints: $(VENV)/.ready-lint
	$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --group lint --group bench --upgrade --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --quiet | sed 's/+cpu$$//' | grep -vE '^(cuda|nvidia|triton)' > constraints.txt

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "candlewick needs Python 3.11, 3.12 or 3.13, and none was found on the path."; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian: apt-get install python3-venv"; exit 1; }

# The group option of pip came with 25.1.
$(VENV)/.ready: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing candlewick and what it needs (some minutes the first time)"
	@$(PIP) install "pip>=25.1"
	@$(PIP) install --constraint constraints.txt --editable ".[train,io,serve]"
	@touch $@

# The tests also run what feeds and streams need; the linter reads it.
$(VENV)/.ready-test $(VENV)/.ready-lint $(VENV)/.ready-bench: $(VENV)/.ready-%: $(VENV)/.ready
	@echo "installing the group: $*"
	@$(PIP) install --constraint constraints.txt --editable ".[train,io,serve,feeds,bus]" --group $*
	@touch $@
