# Every target sets up what it needs in .venv; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint ci migration release bench clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/embedded ## show the whole thing working on an embedded Postgres
	$(BIN)/inboxdb demo

# The whole suite on 18; what depends most on the server also on the oldest at hand: 15 where Debian's is installed, else 16.
PYTEST := $(BIN)/pytest --numprocesses 3 --dist worksteal -m 'not slow and not long and not other_ids'
OLDEST := $(if $(wildcard /usr/lib/postgresql/15/bin/initdb),15,16)
# Or each process of the tests compiles all of them anew.
unexport PYTHONDONTWRITEBYTECODE

test: .venv/test ## run the tests, on the newest PostgreSQL and on the oldest at hand
	$(PYTEST)
	$(PYTEST) --pg $(OLDEST) $(addprefix tests/test_,parity.py sessions.py changes.py)

lint: .venv/dev ## formatting, lint, types and rooms of Python; lint of sql/ and migrations/
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/python -m inboxdb.release.migration --check
	$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar sql
	$(BIN)/squawk migrations/*.sql

ci: ## all that CI runs
	.ci/run

migration: .venv/test ## write migrations/ anew from sql/ (NAME=...: the next one), the catalogs that tests compare with, the runbook's table
	$(BIN)/python -m tests.routing --write
	$(BIN)/python -m tests.lists --write
	$(BIN)/python -m inboxdb.release.migration $(NAME)
	$(BIN)/python -m tests.catalog --write
	$(BIN)/python -m tests.runbook

release: .venv/test ## cut a release: make release VERSION=0.1.0
	$(BIN)/python -m tests.catalog --check
	$(BIN)/python -m inboxdb.release.cut $(VERSION)

bench: .venv/bench ## run the benchmarks, some seventeen minutes, and write docs/benchmarks/ (ARGS="--size full": most of an hour)
	$(BIN)/python -m tests.bench $(ARGS)

clean: ## remove .venv and what tools leave behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

# One virtual environment; each stamp stands for an extra that is installed in it. dev brings test along.
.venv/%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "inboxdb needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@ $(if $(filter dev,$*),.venv/test)
