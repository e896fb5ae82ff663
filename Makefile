# Two commands matter: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
SDK_VENV := .venv-sdk
BIN := $(VENV)/bin
SDKS := 'openai>=3.51' 'anthropic>=2.10' 'google-genai>=3.3' 'mistralai>=3.7' 'cohere>=7.3' 'groq>=1.7' 'boto3>=1.44'
PARTS := harness fakes scenarios router reports
# Tests run on every core, a file on one, and one more, for many wait for processes. Those that play whole runs mostly
# wait, but their clocks need idle cores: two at a time keep half of two cores busy.
WORKERS := $(shell cores=$$(nproc); echo $$((cores < 4 ? cores + 1 : 4)))
TOGETHER := -n $(WORKERS) --dist loadfile
BY_TWO := -n 2 --dist loadfile
# Byte code is worth a second at every start of a child process, whatever the caller's environment says.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-sdk sdk-table check docs format bench bench-short soak clean

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.stamp ## Make the development environment

$(VENV)/.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[lab,dev]'
	@touch $@

# The newest official SDKs need a newer h11 than mitmproxy 11 allows, so they live in an environment of their own.
$(SDK_VENV)/.stamp: pyproject.toml constraints-sdk.txt
	$(PYTHON) -m venv $(SDK_VENV)
	$(SDK_VENV)/bin/pip install --quiet --constraint constraints-sdk.txt --editable . $(SDKS) pytest pytest-asyncio pytest-xdist
	@touch $@

demo: $(VENV)/.stamp ## Play sudden_ban through every layer, to a verdict and a report
	$(BIN)/banstorm run sudden_ban

test: $(VENV)/.stamp test-sdk ## Run the tests, and hold docs/sdk-conformance.md to them
	$(BIN)/pytest -m 'not alone' $(TOGETHER)
	$(BIN)/pytest -m alone $(BY_TWO)
	$(BIN)/python scripts/write_sdk_table.py --check

test-sdk: $(SDK_VENV)/.stamp ## Run the SDK conformance tests with the newest SDKs (the others run in `make test`)
	BANSTORM_SDKS=all $(SDK_VENV)/bin/pytest $(TOGETHER) tests/sdk

sdk-table: $(VENV)/.stamp ## Write docs/sdk-conformance.md from what the last `make test` saw
	$(BIN)/python scripts/write_sdk_table.py

build/types/banstorm:
	mkdir -p build/types && ln -sfn ../.. $@

check: $(VENV)/.stamp build/types/banstorm ## Lint, format, types, import directions, generated files in sync
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=build/types $(BIN)/mypy $(PARTS:%=-p banstorm.%)
	$(BIN)/pytest -q tests/test_imports.py tests/test_packaging.py tests/test_docs.py
	$(BIN)/python scripts/write_docs.py --check

docs: $(VENV)/.stamp ## Write what is generated: the README's table, the pages of names, the catalogue, the schema
	$(BIN)/python scripts/write_docs.py

format: $(VENV)/.stamp ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.stamp ## Measure speed, as ratios against something real measured in the same run
	$(BIN)/python tests/bench/chain.py
	$(BIN)/python tests/bench/pass_through.py
	$(BIN)/python -P tests/bench/fakes.py
	$(BIN)/python tests/bench/routers.py
	$(BIN)/python -P tests/bench/ledger.py

bench-short: $(VENV)/.stamp ## A short turn of each bench, so that none of them rots; its figures mean nothing
	$(BIN)/python tests/bench/chain.py --rate 20 --seconds 2
	$(BIN)/python tests/bench/pass_through.py --only rate --rounds 1 --seconds 1
	$(BIN)/python -P tests/bench/fakes.py --only plain --seconds 1
	$(BIN)/python tests/bench/routers.py --only reference --rounds 1 --seconds 1
	$(BIN)/python -P tests/bench/ledger.py --calls 20000
	$(BIN)/python tests/bench/soak.py --calls 20000

soak: $(VENV)/.stamp ## What takes long: a million calls through the router, then the library ten times (goes on where it stopped)
	$(BIN)/python tests/bench/soak.py
	$(BIN)/python tests/bench/soak.py --library 10

clean: ## Remove what was built, environments included
	rm -rf $(VENV) $(SDK_VENV) build dist *.egg-info
