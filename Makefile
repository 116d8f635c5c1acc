# One door for work. Each target does all its own set-up; the second time it is quick.
#   make demo        render a production line, learn it, find its faults, write the report
#   make test        style, types and the quick tests; what CI runs
#   make test-full   the slow tests too
#   make check       style and types only
#   make benchmark   figures of accuracy, speed and memory
#   make coverage    the branches that the quick tests take
#   make test-offline  the quick tests with the loopback as the only network
#   make sbom        the list of what is installed, as CycloneDX

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
WORKERS ?= 2
# Tests run in as many processes, a file at a time in each, with one thread for arithmetic. Files keep
# their order: the long ones, crashes and whole chains, come before the many short ones.
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest $(SPREAD)

export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: help setup programs demo check test test-full test-offline benchmark coverage sbom audit constraints clean

help:
	@sed -n '2,10s/^# *//p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "kizashi: Python 3.11 or newer is needed, $(PYTHON) is older or missing; install it, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "kizashi: $(PYTHON) cannot make virtual environments; run: apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dask,dev,mqtt,oidc,onnx,parquet,pdf,postgres,ray]'
	@touch $(STAMP)

# Only the tests need these; the product needs none of them.
programs:
	@missing=(); \
	command -v ffmpeg >/dev/null || missing+=(ffmpeg); \
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql); \
	command -v chromium >/dev/null || missing+=(chromium); \
	PATH=$$PATH:/usr/sbin command -v mosquitto >/dev/null || missing+=(mosquitto); \
	compgen -G '/usr/lib*/*/libpangoft2-1.0.so.0' >/dev/null || missing+=(libpangoft2-1.0-0); \
	/usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0")' 2>/dev/null || missing+=(gir1.2-gst-rtsp-server-1.0 python3-gi); \
	for part in base good bad ugly; do \
	    compgen -G "/usr/share/doc/gstreamer1.0-plugins-$$part" >/dev/null || missing+=(gstreamer1.0-plugins-$$part); \
	done; \
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
	$(PYTEST) -m 'not full' $(ARGS)

test-full: programs check
	$(PYTEST) $(ARGS)

# The network cable out: nothing but the loopback is there. Needs the right to make namespaces.
test-offline: programs check
	unshare --net bash -c 'PATH=$$PATH:/usr/sbin:/sbin ip link set lo up && $(PYTEST) -m "not full" $(ARGS)'

# Narrower: make coverage ARGS=tests/unit. The processes that tests start are counted too, as far as
# they are not killed; the decoder's child is not, for it may write nothing.
coverage: setup programs
	$(BIN)/python -m pip install --quiet -c constraints.txt 'pytest-cov>=7'
	$(BIN)/python -m coverage erase
	$(PYTEST) -m 'not full' --cov --cov-report= $(ARGS)
	$(BIN)/python -m coverage report --skip-covered --show-missing --precision=1

sbom: setup
	@mkdir -p dist
	$(BIN)/python tools/sbom.py --out dist/sbom.cdx.json

# Known weaknesses of what constraints.txt pins; needs a package index.
audit: setup
	$(BIN)/python -m pip install --quiet 'pip-audit>=2.7'
	$(BIN)/python -m pip_audit --disable-pip --no-deps -r constraints.txt

benchmark: setup
	@for script in benchmarks/*.py; do \
	    [[ $$(basename $$script) == _* ]] || $(BIN)/python $$script $(ARGS); \
	done

# Pins everything as it is installed now. A local version (+cpu) is cut off, so that pip takes
# whichever build of that release the machine is set up for.
constraints: setup
	$(BIN)/python -m pip freeze --exclude-editable --exclude kizashi | sed -E 's/\+[a-z0-9.]+$$//' > constraints.txt

clean:
	rm -rf demo build dist test-output .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
