# Every target does its own set-up: a machine with a Python >= 3.12 and make needs nothing else.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

unexport PYTHONDONTWRITEBYTECODE # the many processes of the tests would compile every module again

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHONS := python3 python3.12 python3.13 python3.14
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-annotate

OBJECT_STORES := tests/support/object_stores
SERVERS := $(or $(TEST_OBJECT_SERVERS),.servers)

WORKERS := 2
SHARED := -n $(WORKERS) --dist worksteal

.PHONY: help setup demo test heavy e2e quick kernels long canvodpy golden fuzz chaos mutants servers lint bench reference docs chart lock clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(READY) ## Make .venv with the locked libraries and this package in it.

$(READY): requirements-dev.txt pyproject.toml
	@python=; for each in $(PYTHONS); do \
	  if $$each -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then python=$$each; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "gnssice-batch needs Python 3.12 or newer; none of these is: $(PYTHONS)" >&2; exit 1; fi; \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	  $$python -m venv --clear $(VENV); fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Simulate an archive, ingest it on a local Dask cluster, draw one satellite pass, write a report; all under ./demo/.
	rm -rf demo
	$(BIN)/gnssice-batch simulate demo/archive --days 0.5 --interval 5 --damaged 2
	$(BIN)/gnssice-batch plan --config config/demo.yaml
	$(BIN)/gnssice-batch run --config config/demo.yaml --report demo/report.json
	$(BIN)/gnssice-batch status --config config/demo.yaml
	$(BIN)/gnssice-batch report --config config/demo.yaml --to demo/report.html
	$(BIN)/python examples/plot_pass.py demo/stores/demo/rinex demo/pass.png

test: kernels servers ## Run the tests, on two cores (warnings are errors; heavy, long, fuzz and chaos tests have their own targets).
	$(BIN)/python -m pytest -m "alone and not (heavy or long or fuzz or chaos or e2e)"
	$(BIN)/python -m pytest $(SHARED) -m "not (alone or heavy or long or fuzz or chaos or e2e)"

heavy: kernels servers ## Run the tests of whole archives, of kills on a cluster and of faults at a distance, which take some minutes.
	$(BIN)/python -m pytest -m "alone and heavy and not (long or fuzz or chaos)"
	$(BIN)/python -m pytest $(SHARED) -m "heavy and not (alone or long or fuzz or chaos)"

e2e: $(READY) ## Run the tests on a real Kubernetes cluster: the one of the kubeconfig, else one that tests/e2e/session brings up.
	tests/e2e/session $(BIN)/python -m pytest -m e2e tests/e2e $(E2E)

quick: kernels ## Run the tests that need no repository, no process and no cluster.
	$(BIN)/python -m pytest $(SHARED) --quick

kernels: $(READY)
	$(BIN)/python -m tests.support.kernels

long: $(READY) servers ## Run the tests that take long.
	$(BIN)/python -m pytest -m long

canvodpy: $(READY) ## Let canvodpy itself read what the jobs write; makes a Python 3.14 with it in .servers/canvodpy first.
	[ -x .servers/canvodpy/python ] || tests/interop/environment .servers/canvodpy
	$(BIN)/python -m pytest -m long tests/interop

golden: $(READY) ## Read whole files with georinex again (10 minutes) and write the golden files.
	$(BIN)/python tests/golden/make_georinex_golden.py ../shared/data

fuzz: $(READY) ## Run the long mutation tests of the reader.
	$(BIN)/python -m pytest -m fuzz

chaos: $(READY) servers ## Kill runs in every phase, let runs and commits race; CHAOS="--seed N --only K" replays one.
	$(BIN)/python -m tests.failures.chaos $(CHAOS)

mutants: kernels ## Take each guard out in turn: does a test fail? MUTANTS="--sample 400 --seed 1" draws some, as it is goes on.
	$(BIN)/python -m tests.mutants $(MUTANTS)

servers: $(SERVERS)/moto/.ready $(SERVERS)/azurite/.ready ## Install the object-store servers that tests start: S3, and Azure where npm is.

$(SERVERS)/moto/.ready: $(OBJECT_STORES)/moto/requirements.txt | $(READY)
	$(BIN)/python -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(SERVERS)/azurite/.ready: $(OBJECT_STORES)/azurite/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D); cp $(<D)/package.json $(<D)/.npmrc $< $(@D)
	@if ! command -v npm >/dev/null; then echo "there is no npm" | tee $(@D)/missing; \
	elif npm ci --prefix $(@D) --silent; then touch $@; \
	else rm -rf $(@D)/node_modules; echo "npm could not install it" | tee $(@D)/missing; fi

lint: $(READY) ## Check rules, format and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY) servers ## Measure against the peers, on real files, and print the ratios.
	$(BIN)/python -m benchmarks

reference: $(READY) ## Write docs/reference/ again, from the docstrings.
	$(BIN)/python docs/make_reference.py

docs: $(READY) ## Build the documentation as a site, in site/, and check its links; it needs no network to be read.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "site/index.html"

chart: $(READY) ## Write what is made of the chart: its schema's settings, its README, and the plain manifests in k8s/.
	$(BIN)/python helm/make_chart.py
	$(BIN)/python k8s/make_manifests.py

lock: $(READY) ## Resolve the libraries again and write the lock files with hashes.
	$(COMPILE) --extra virtual --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml tests/orbits/rtklib.in
	$(COMPILE) --only-build-deps --build-deps-for wheel --constraint requirements-dev.txt --output-file requirements-build.txt pyproject.toml
	$(COMPILE) --output-file $(OBJECT_STORES)/moto/requirements.txt $(OBJECT_STORES)/moto/requirements.in
	if command -v npm >/dev/null; then cd $(OBJECT_STORES)/azurite && npm install --package-lock-only --silent; fi

clean: ## Remove what the targets made.
	rm -rf $(VENV) .servers demo site .mypy_cache .pytest_cache .ruff_cache
