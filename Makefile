# Only python3 >= 3.11 with venv is assumed; everything else is installed into .venv from requirements/*.lock.
#   make run     the product        make test    the whole suite        make help    everything else
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run setup test check bench faults fmt docs clients assets lock test-pythons

VENV ?= .venv
BIN := $(VENV)/bin
DATA_DIR ?= ./.data
TESTS := tests/unit tests/contract tests/integration tests/e2e tests/docs tests/typing
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# The locks are complete, so nothing is resolved: older pips take the newest version of an extra instead of the pinned one.
INSTALL := $(PIP) install --quiet --only-binary :all: --require-hashes --no-deps
UV ?= uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##/\1 /p' $(MAKEFILE_LIST) | while read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

run: $(VENV)/.server  ## set up what the server needs and start it; data in ./.data (ARGS="--port 9000" for more)
	@exec $(BIN)/error-manager up --data-dir $(DATA_DIR) $(ARGS)

setup: $(VENV)/.dev  ## set up everything for development
	@echo "$(VENV) is ready."

test: $(VENV)/.dev  ## run the whole suite with branch coverage (ARGS="-k name" for a part)
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term $(TESTS) $(ARGS)

check: $(VENV)/.dev  ## the gate: format, lint, types, import contracts, unit and contract tests
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --strict src bench
	@$(BIN)/lint-imports --no-cache --no-logo >$(VENV)/lint-imports.txt || { cat $(VENV)/lint-imports.txt; exit 1; }
	@$(BIN)/python -m pytest -n auto -q tests/unit tests/contract $(ARGS)

fmt: $(VENV)/.dev  ## format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

docs: $(VENV)/.dev  ## write the pages made from the source, and check that the documentation names everything
	@$(BIN)/python tools/settings_page.py
	@$(BIN)/python tools/families_page.py
	@$(BIN)/python -m pytest -q tests/docs tests/typing

bench: $(VENV)/.dev  ## run the benchmarks: make bench BENCH_DATA=DIR [BENCH_OUT=DIR]
	@test -n "$(BENCH_DATA)" || { echo "Say where the data is: make bench BENCH_DATA=DIR"; exit 2; }
	@$(BIN)/python -m bench all "$(BENCH_DATA)" "$(or $(BENCH_OUT),build/bench)"

faults: $(VENV)/.dev  ## kill processes, stop the database and fill disks under load, at full length (10 minutes)
	@$(BIN)/python -m bench.faults
	@$(BIN)/python -m bench.outage
	@$(BIN)/python -m bench.disk_full

clients:  ## install the JavaScript clients that the end-to-end tests speak through (needs npm)
	@for lock in $$(git ls-files --cached --others --exclude-standard 'tests/*package-lock.json'); do \
	  folder=$$(dirname $$lock); \
	  test $$folder/node_modules/.package-lock.json -nt $$lock && continue; \
	  echo "Installing the JavaScript clients into $$folder ..."; \
	  npm ci --prefix $$folder --silent --no-audit --no-fund --ignore-scripts || exit 1; \
	done

assets:  ## refresh the vendored browser files (maintainers; needs npm)
	@command -v npm >/dev/null 2>&1 || { echo "npm is missing: install Node.js first"; exit 2; }
	@npm ci --prefix assets --silent
	@node assets/vendor.mjs

lock:  ## compile the locked requirements anew (maintainers; needs uv)
	@command -v $(UV) >/dev/null 2>&1 || { echo "uv is missing: pip install uv, or name it: make lock UV=PATH"; exit 2; }
	$(COMPILE) pyproject.toml requirements/build.in --extra server -o requirements/server.lock
	$(COMPILE) pyproject.toml requirements/build.in --extra all --group dev -c requirements/server.lock -o requirements/dev.lock

test-pythons:  ## run the suite on each supported Python that is here
	@for version in 3.11 3.12 3.13 3.14; do \
	  if python$$version -c 'import venv, ensurepip' >/dev/null 2>&1; then \
	    echo "== Python $$version"; \
	    $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON=python$$version || exit 1; \
	  else echo "== Python $$version is not here"; fi; \
	done

# --- the virtual environment ------------------------------------------------------------------------------------------
# The stamps .server and .dev say what is installed; they are older than a lock that changed.

$(VENV)/.server: requirements/server.lock pyproject.toml | $(BIN)/pip
	@echo "Installing the server into $(VENV) (once, about a minute) ..."
	@$(INSTALL) -r requirements/server.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index -e .
	@# Also where PYTHONDONTWRITEBYTECODE is set: without bytecode a start takes twice as long.
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/pip
	@echo "Installing the server and the development tools into $(VENV) (once, about two minutes) ..."
	@$(INSTALL) -r requirements/dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index -e .
	@$(BIN)/python -m compileall -q src
	@touch $(VENV)/.server $@

# pip is the last thing that venv makes: where it is missing, the making was interrupted.
$(BIN)/pip:
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$($$python --version)"; \
	    exec $$python -m venv --clear $(VENV); \
	  fi; \
	done; \
	echo "Error Manager needs Python 3.11 to 3.14 with the module venv."; \
	echo "python3 here is: $$(python3 -c 'import sys; print(sys.version.split()[0])' 2>/dev/null || echo none)"; \
	echo "On Debian and Ubuntu: apt-get install python3 python3-venv. Another Python: make PYTHON=/path/to/python3.12 ..."; \
	exit 2
