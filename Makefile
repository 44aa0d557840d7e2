# Everything from a fresh clone: `make run` serves the page, `make test` runs every test.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_DISABLE_TELEMETRY := 1
export GRADIO_ANALYTICS_ENABLED := False
# Tests run on the cores there are, up to four; a file's tests stay together, as they share models and a page.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile

SWEEP = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal tests/coverage

.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-all test-space coverage-table check fix sentences bench train probes space audit clean

help: ## say what each command does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 20

run: $(VENV)/.ready ## serve the page (make run ARGS="--model openai-community/gpt2 --port 7861")
	$(BIN)/python app.py $(ARGS)

test: $(VENV)/.ready-dev $(VENV)/.browser ## run the tests, the browser's included, and some types of model
	TOKENSCOPE_BROWSER="$$(cat $(VENV)/.browser)" $(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not coverage" $(ARGS)

test-fast: $(VENV)/.ready-dev ## run the tests that need no browser
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not coverage" --ignore=tests/browser $(ARGS)

test-all: test ## run the tests, and every type of model that transformers knows
	$(SWEEP)

test-space: $(VENV)/.ready-dev ## build the Space's files and step a token there, installed from requirements.txt alone
	rm -rf build/space && $(PYTHON) -m venv build/space
	build/space/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	TOKENSCOPE_SPACE_PYTHON="$(CURDIR)/build/space/bin/python" $(BIN)/python -m pytest tests/test_deploy.py $(ARGS)

coverage-table: $(VENV)/.ready-dev ## check every type of model and write docs/coverage.md from the results
	rm -rf build/coverage
	$(SWEEP) -k test_a_type || true
	$(BIN)/python -m tests.coverage.table

check: $(VENV)/.ready-dev ## check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@find viz -name '*.pyi' -delete # gradio writes them when components are imported; half written by two at once, they mislead mypy
	$(BIN)/mypy

fix: $(VENV)/.ready-dev ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

sentences: $(VENV)/.ready-dev ## list the page's sentences for translation (ARGS="de" begins another language)
	$(BIN)/python -m viz.sentences.gather $(ARGS)

bench: $(VENV)/.ready-dev $(VENV)/.browser ## measure steps, answers, bytes, painting and visitors against what there is without us
	$(BIN)/python -m bench.stepping
	$(BIN)/python -m bench.on_demand
	$(BIN)/python -m bench.heads
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.peers
	$(BIN)/python -m bench.load
	TOKENSCOPE_BROWSER="$$(cat $(VENV)/.browser)" $(BIN)/python -m bench.painting

train: $(VENV)/.ready-dev ## train the built-in model again (80 to 120 minutes on 2 cores)
	$(BIN)/python -m builtin_model.train --out build/builtin $(ARGS)

probes: $(VENV)/.ready-dev ## measure what the built-in model knows
	$(BIN)/python -m builtin_model.probes $(ARGS)

space: $(VENV)/.ready ## put Tokenscope onto a Hugging Face Space (make space ARGS="owner/name", or ARGS=--dry-run)
	$(BIN)/python -m deploy.space $(ARGS)

audit: $(VENV)/.ready build/audit/.ready ## look up known holes of what the page runs with (needs a network)
	$(BIN)/python -m deploy.audit $(ARGS)

clean: ## remove the virtual environment and everything built
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis

# In an environment of its own, since what it needs is no part of what the page runs with.
AUDITOR := pip-audit==2.10.1
build/audit/.ready: Makefile $(VENV)/bin/python
	rm -rf build/audit && $(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check $(AUDITOR)
	@touch $@

# A stamp is newer than what it was made from, so the second time nothing is done.
$(VENV)/bin/python:
	@echo "Making a virtual environment in $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
		|| { echo "Tokenscope needs Python 3.11 or 3.12: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements.txt $(VENV)/bin/python
	@echo "Installing what the page needs (torch is large: some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	@echo "Installing what the tests and checks need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.browser: $(VENV)/.ready-dev
	@sh tests/browser/find_browser.sh $(BIN)/python > $@.new && mv $@.new $@
