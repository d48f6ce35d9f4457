# Each target sets up .venv first, and again only when pyproject.toml or requirements.lock changed.
# 3.11 and 3.12 come first: numpy 1.26, which pyctcdecode asks for, has no wheels for later versions and is compiled there.
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python3.13 python3.14 /usr/bin/python3; do \
	$$p -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null </dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Errors only: a mirror that lacks a package is no news while another one has it.
PIP_INSTALL := -m pip install -qq --disable-pip-version-check
INSTALL := $(BIN)/python $(PIP_INSTALL) --constraint requirements.lock

.PHONY: install demo test check format bench faults fault-rows fuzz lock clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "voxqueue needs Python 3.11 or newer with venv (on Debian: python3-venv)" >&2; exit 1; }
	@echo "Installing voxqueue and its libraries into $(VENV) (2 GB; 2 to 5 minutes the first time) ..."
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 13) or print("numpy 1.26 is compiled first on this Python: it takes a C compiler and 5 to 15 minutes.")'
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing what the tests and checks need into $(VENV) (1 minute the first time) ..."
	@$(INSTALL) --editable '.[test,check]'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/voxqueue demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest --numprocesses logical --dist loadfile $(ARGS)

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/architecture

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.installed-bench: $(VENV)/.installed
	@echo "Installing what the benches compare with into $(VENV) (1 minute the first time) ..."
	@$(INSTALL) --editable '.[test,bench]'
	@touch $@

bench: $(VENV)/.installed-bench
	@$(BIN)/python -m bench $(NAMES) $(ARGS)

DURATION ?= 600
JOBS ?= 1000
faults: $(VENV)/.installed-test
	@$(BIN)/python -m tests.faults --duration $(DURATION) --jobs $(JOBS) $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: $(VENV)/.installed-test
	$(BIN)/python -m bench.fuzz $(ARGS)

fault-rows: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/faults -m 'faults or not faults' $(ARGS)

lock:
	@echo "Resolving every library afresh in build/lock (2 to 5 minutes) ..."
	@rm -rf build/lock && $(PYTHON) -m venv build/lock
	@build/lock/bin/python $(PIP_INSTALL) --editable '.[test,check]'
	@build/lock/bin/python -m pip freeze --exclude-editable > build/lock/frozen
	@{ echo "# Exact versions of everything that make installs, used as constraints; written by make lock."; \
		sed 's/+cpu$$//' build/lock/frozen | LC_ALL=C sort --ignore-case; } > requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
