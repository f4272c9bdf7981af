# One command each; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $(STAMP)

.PHONY: venv
venv: $(STAMP) ## build .venv with everything, pinned; quick the second time

.PHONY: demo
demo: venv ## run the whole job live on real clinical data, until Ctrl-C
	$(BIN)/algovigil demo

.PHONY: test
test: venv ## run the tests (under 10 minutes)
	$(BIN)/python -m pytest -m 'not soak and not debian and not foreign and not frameworks'

.PHONY: test-debian
test-debian: venv ## run the tests that need packages of Debian; installs them as root
	command -v curl > /dev/null || (apt-get update -qq && apt-get install -y -qq curl)
	command -v promtool > /dev/null || (apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus)
	command -v prometheus-alertmanager > /dev/null || (apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-alertmanager)
	command -v chromium > /dev/null || (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium)
	ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || (apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql)
	$(BIN)/python -m pytest -m debian

.PHONY: test-foreign
test-foreign: venv ## run the tests with senders and readers of other languages (needs node and npm)
	command -v npm > /dev/null || (apt-get update -qq && apt-get install -y -qq nodejs npm)
	mkdir -p $(VENV)/node && cp tests/foreign/package.json $(VENV)/node/
	cd $(VENV)/node && npm install --silent --no-audit --no-fund --no-package-lock
	test -x $(VENV)/foreign/bin/python || $(PYTHON) -m venv $(VENV)/foreign
	$(VENV)/foreign/bin/python -m pip install --quiet --disable-pip-version-check -r tests/foreign/requirements.txt
	$(BIN)/python -m pytest -m foreign

.PHONY: test-frameworks
test-frameworks: venv ## run the tests of heavy frameworks, current and oldest ones
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[frameworks]'
	$(BIN)/python -m pytest -m frameworks --timeout 300
	test -x $(VENV)/oldest/bin/python || $(PYTHON) -m venv $(VENV)/oldest
	$(VENV)/oldest/bin/python -m pip install --quiet --disable-pip-version-check -r tests/frameworks/oldest.txt -e .
	$(VENV)/oldest/bin/python -m pytest --timeout 300 tests/unit/sdk/test_sklearn.py \
		tests/frameworks/test_boosters.py tests/frameworks/test_onnxruntime.py \
		tests/frameworks/test_servers.py -k 'not notebooks and not beside'

.PHONY: soak
soak: venv ## run the long fault and load tests; prints what each met
	$(BIN)/python -m pytest -s -m soak --timeout 7200

.PHONY: bench
bench: venv ## measure, each figure beside its baseline on the same work
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	test -x .venv-presidio/bin/python || $(PYTHON) -m venv .venv-presidio
	.venv-presidio/bin/python -m pip install --quiet --disable-pip-version-check 'presidio-analyzer==2.2.366' 'click<8.2'
	@# a peer that pins pandas below ours: in an environment of its own
	test -x .venv-evidently/bin/python || $(PYTHON) -m venv .venv-evidently
	.venv-evidently/bin/python -m pip install --quiet --disable-pip-version-check 'evidently==0.7.23' 'pandas<3'
	test -x $(VENV)/mca/bin/python || $(PYTHON) -m venv $(VENV)/mca
	$(VENV)/mca/bin/python -m pip install --quiet --disable-pip-version-check 'mca-sdk[instrument,autolog]==0.11.3'
	$(BIN)/python -m tests.bench

.PHONY: validate
validate: venv ## show that the statistics keep what they claim (docs/validation.md)
	@# for its data alone: none of its code runs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'scikit-survival==0.28.0'
	$(BIN)/python -m tests.validation

.PHONY: format
format: venv ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

.PHONY: lint
lint: venv ## check format, lint, types and generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python semconv/generate.py --check
	$(BIN)/python -m algovigil_dashboards --check

.PHONY: semconv
semconv: venv ## write the generated names from semconv/registry.yaml
	$(BIN)/python semconv/generate.py

.PHONY: dashboards
dashboards: venv ## write the Grafana dashboards' files from their code
	$(BIN)/python -m algovigil_dashboards

.PHONY: clean
clean: ## remove what builds and runs leave behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis algovigil-data dist
