# Every target sets itself up: `make demo` and `make test` are all that a fresh clone needs.

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak bench check clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
STAMP := $(VENV)/.installed
WORKERS ?= 2

help: ## Show what there is to make
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMP) ## Make the virtual environment .venv with everything that the other targets need

# pyproject.toml says what is needed, constraints.txt in which versions
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it, as in: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
ifneq ($(UV),)
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[test]'
else
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
endif
	@touch $@

demo: $(STAMP) ## Load real customers' history from a local stand-in of the API into demo.duckdb, twice
	@$(BIN)/intilery demo

check: $(STAMP) ## Check style, types and the direction of imports
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > .lint-imports.log || { cat .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log

test: check ## Run all checks and tests; nothing leaves the loopback
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal

# a thousand seeds, or the one that SEED names, or a range of them such as SEED=0-99
soak: $(STAMP) ## Load a thousand accounts through random faults, kills and clock steps; SEED=17 repeats one
	@SOAK_SEEDS=$(or $(SEED),0-999) $(BIN)/pytest -n $(WORKERS) --dist worksteal tests/soak

bench: $(STAMP) ## Measure beside dlt's REST source and against the API's limit, into benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks compare
	@$(BIN)/python -m benchmarks latency

clean: ## Remove the virtual environment, caches and the demo's file
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info demo.duckdb
