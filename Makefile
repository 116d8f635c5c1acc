# One door for work. Each target does all its own set-up; the second time it is quick.
#   make demo        render a production line, learn it, find its faults, write the report
#   make test        style, types and the quick tests; what CI runs
#   make test-full   the slow tests too
#   make check       style and types only
#   make benchmark   figures of accuracy, speed and memory

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: help setup programs demo check test test-full benchmark constraints clean

help:
	@sed -n '2,7s/^# *//p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "kizashi: Python 3.11 or newer is needed, $(PYTHON) is older or missing; install it, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "kizashi: $(PYTHON) cannot make virtual environments; run: apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,mqtt,oidc,onnx,parquet,postgres]'
	@touch $(STAMP)

# Only the tests need these; the product needs none of them.
programs:
	@missing=(); \
	command -v ffmpeg >/dev/null || missing+=(ffmpeg); \
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql); \
	command -v chromium >/dev/null || missing+=(chromium); \
	PATH=$$PATH:/usr/sbin command -v mosquitto >/dev/null || missing+=(mosquitto); \
	if (( $${#missing[@]} )); then \
	    echo "kizashi: the tests need $${missing[*]}; run: apt-get install $${missing[*]}" >&2; exit 1; \
	fi

demo: setup
	$(BIN)/kizashi demo --folder demo $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# pytest comes last, so that its closing line is the last thing printed.
test: programs check
	$(BIN)/pytest -m 'not full' $(ARGS)

test-full: programs check
	$(BIN)/pytest $(ARGS)

benchmark: setup
	@for script in benchmarks/*.py; do \
	    [[ $$(basename $$script) == _* ]] || $(BIN)/python $$script $(ARGS); \
	done

# Pins everything as it is installed now. A local version (+cpu) is cut off, so that pip takes
# whichever build of that release the machine is set up for.
constraints: setup
	$(BIN)/python -m pip freeze --exclude-editable --exclude kizashi | sed -E 's/\+[a-z0-9.]+$$//' > constraints.txt

clean:
	rm -rf demo build dist test-output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
