# OKMQ. `make run` serves (settings: docs/settings.md), `make test` checks everything. Needs Python 3.11 or newer, with
# venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Test processes at once: auto is two for each core.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 15
# Tests start Python a hundred times: what it compiled is kept, whatever the surroundings think of that.
unexport PYTHONDONTWRITEBYTECODE
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links --no-config --quiet

.PHONY: run granian test test-sqlite test-postgres faults lint format lock docs clients screenshots bench bench-peers clean

run: $(VENV)/.run
	exec $(BIN)/python manage.py serve

# For `OKMQ_SERVER=granian make run`: another HTTP server (docs/operations.md).
granian: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-granian.lock

# All parts run even when one fails, so that one run tells everything. The types are checked while tests wait.
test: $(VENV)/.dev
	@failed=; found=$$(mktemp); trap 'rm -f "$$found"' EXIT; \
	$(MAKE) --no-print-directory lint >"$$found" 2>&1 & lint=$$!; \
	for part in test-sqlite test-postgres; do \
		echo "== $$part"; $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; \
	done; \
	echo "== lint"; wait $$lint || failed="$$failed lint"; cat "$$found"; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi

test-sqlite: $(VENV)/.dev
	OKMQ_TEST_DATABASE=sqlite $(PYTEST) $(ARGS)

test-postgres: $(VENV)/.dev
	OKMQ_TEST_DATABASE=postgresql $(PYTEST) $(ARGS)

# Long proofs: crashes, cut connections, full disks, hours of the state machine in minutes. Bounded parts of them are in `test`.
# Two at a time, since they mostly wait. Figures are printed at the end.
faults: $(VENV)/.dev
	@failed=; for database in sqlite postgresql; do \
		echo "== $$database"; \
		OKMQ_TEST_DATABASE=$$database $(BIN)/python -m pytest -m faults --timeout 3600 \
			--numprocesses 2 --dist loadfile -rP $(ARGS) || failed="$$failed $$database"; \
	done; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.run
	$(BIN)/python -m okmq_site.env > docs/settings.md

# Needs Node.js 20 or newer with npm, for the TypeScript client.
clients: $(VENV)/.dev
	$(BIN)/python -m clients.generate

# Needs Chromium: the console's main pages, with the demo's data.
screenshots: $(VENV)/.dev
	OKMQ_TEST_DATABASE=sqlite $(BIN)/python -m tests.console.screenshots

# About an hour, on a machine that does nothing else: writes docs/benchmarks.md and its chart.
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py --docs $(ARGS)

# What `bench` measures beside this server: RabbitMQ (needs root), procrastinate, pg-boss (needs Node.js).
bench-peers: $(BIN)/python
	PYTHON=$(BIN)/python benchmarks/peers/install

# Newest versions that pyproject.toml allows, as names, versions and hashes only.
lock: $(BIN)/python
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --upgrade --constraint requirements.lock --extra granian --output-file requirements-granian.lock
	$(LOCK) --upgrade --constraint requirements-granian.lock --extra granian --group dev --output-file requirements-dev.lock
	$(BIN)/python -m clients.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "OKMQ needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

# The stamps say which lock file was installed last: nothing is installed while that stays the same.
$(VENV)/.run: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
