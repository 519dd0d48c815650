# Two commands for everybody: `make run` and `make test`. They need python3 (>= 3.11) with venv, and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Programs that the tests start over and over are compiled once, whatever the surroundings prefer.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run test cover check lab page unit faults orders bench clean

run: $(VENV)/.run           ## the demo: daemon, page on http://127.0.0.1:8080, a simulated day of calls
	$(BIN)/bridge run --config config/demo.toml --simulate day

test: $(VENV)/.dev          ## every test that needs nothing but Python
	$(BIN)/pytest -n auto --dist worksteal

cover: $(VENV)/.dev         ## every branch of the core rings is reached by their own tests
	$(BIN)/pytest -q -p no:cacheprovider tests/model tests/rules tests/wire tests/transcripts \
	  -n auto --dist worksteal --cov=bridge.model --cov=bridge.rules --cov=bridge.wire --cov-branch \
	  --cov-report=term-missing:skip-covered --cov-fail-under=100

check: $(VENV)/.dev         ## format, lint, types, rings, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

lab: $(VENV)/.dev           ## real calls through a real Asterisk (needs root and Debian's packages)
	tests/lab/run

page: $(VENV)/.dev          ## the page in a real Chromium (installs Debian's, if there is none)
	command -v chromium >/dev/null || { apt-get update && apt-get install -y --no-install-recommends chromium; } >/dev/null
	$(BIN)/pytest -p no:cacheprovider --timeout 120 tests/lab/page_in_a_browser.py

unit: $(VENV)/.dev          ## the shipped unit under a real systemd (needs root and Debian's systemd-container)
	command -v systemd-nspawn >/dev/null || { apt-get update && apt-get install -y --no-install-recommends systemd systemd-container; } >/dev/null
	$(BIN)/pytest -p no:cacheprovider --timeout 180 tests/lab/unit_under_systemd.py

ORDERS := $(addprefix tests/faults/,any_order.py dies_at_each_commit.py model_at_length.py moves.py node_dies_at_any_step.py)

faults: $(VENV)/.dev        ## kill -9, cut networks, full disks and other harm, for a quarter of an hour (needs root)
	$(BIN)/pytest -p no:cacheprovider --timeout 900 $(filter-out $(ORDERS),$(wildcard tests/faults/*.py))

orders: $(VENV)/.dev        ## the same by reckoning and not by chance: in any order, a death at any step, at any commit
	$(BIN)/pytest -p no:cacheprovider --timeout 900 -n auto --dist worksteal $(ORDERS)

bench: $(VENV)/.dev         ## the figures of the documentation, measured anew
	$(BIN)/python bench/ami.py
	$(BIN)/python bench/webhook.py
	$(BIN)/python bench/memory.py
	$(BIN)/python bench/move.py
	$(BIN)/python bench/intake.py
	$(BIN)/python bench/recovery.py
	$(BIN)/python bench/takeover.py
	$(BIN)/python bench/contacts.py --sizes 10000 1000000

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Exact versions with hashes first, then the project itself, so that no dependency is resolved anew.
$(VENV)/.run: constraints/run.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r constraints/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: constraints/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r constraints/dev.txt
	touch $@
