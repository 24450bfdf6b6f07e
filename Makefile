# SIGEL: everything a developer or a curious reader runs. `make` or `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-quick test-lowest test-newest test-nightly test-python test-r mutants coverage coverage-r audit bench vignettes docs dist format document clean purge

# A file given on the command line is a path from where make was called.
DATA ?=
ONLY ?=
PART ?=
export YES PYTHON

help: ## List the targets and what they do
	@echo "Usage: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Settings: DATA=file.h5ad|file.rds (demo), ONLY=name (vignettes), PART=name (mutants),"
	@echo "          YES=1 (install system packages without asking), PYTHON=path (the Python that .venv is made from)"

setup: ## Install what is missing: system packages, .venv, .rlib with reticulate and the R package
	@bash tools/setup.sh

demo: setup ## Run the main job through R on a simulated section, or on yours: make demo DATA=file.h5ad
	@. tools/env.sh && Rscript tools/demo.R $(if $(DATA),"$(DATA)")

test: setup ## Run everything that must hold: lint, types, both suites, R CMD check, Seurat 5
	@bash tools/check.sh

test-quick: setup ## The same without R CMD check and the Seurat 5 leg
	@bash tools/check.sh quick

test-lowest: setup ## Test the lowest versions of the Python packages that are allowed
	@bash tools/lowest.sh

test-newest: setup ## Run the R suite with the newest Seurat, that of Debian's unstable suite
	@bash tools/seurat5.sh newest

test-nightly: setup ## Run what takes long: tests marked so, all files with Seurat 5, lowest versions
	@bash tools/check.sh nightly

test-python: ## Run the Python suite alone, in the Python that is there: what macOS and Windows run
	@if [ -x .venv/bin/python ]; then . tools/env.sh; fi && $(or $(PYTHON),python) -m pytest -n 2 --dist loadfile

test-r: ## Install the R package and run its suite, in the R that is there
	@if [ -x .venv/bin/python ]; then . tools/env.sh; fi && R CMD INSTALL --no-test-load . && Rscript tools/testthat.R

mutants: setup ## Put small faults into the engine and see whether the tests notice (an hour): make mutants PART=images
	@. tools/env.sh && python tools/mutants.py $(PART)

coverage: setup ## Say which branches of the engine the Python suite never takes (half an hour); needs the network
	@. tools/env.sh && python -m pip install -q --target build/coverage "coverage>=7"
	@. tools/env.sh && export PYTHONPATH=build/coverage COVERAGE_FILE=build/coverage/data && \
	  { python -m coverage run --branch --source=python/sigel -m pytest -m ""; python -m coverage report -m --skip-covered; }

coverage-r: setup ## Say which expressions of the R package its suite never takes (half an hour); needs the R package covr
	@. tools/env.sh && Rscript tools/coverage.R

audit: setup ## Ask the advisories for known weaknesses of the Python packages that are installed; needs the network, and fails without
	@python3 -m venv build/audit && build/audit/bin/python -m pip install -q pip-audit
	@set -o pipefail; .venv/bin/python -m pip list --format=freeze --exclude sigel | sed 's/+.*//' > build/audit/installed.txt
	@build/audit/bin/pip-audit --strict --no-deps --disable-pip -r build/audit/installed.txt

bench: setup ## Run the benchmarks beside their baselines (some hours); tables in benchmarks/results/
	@. tools/env.sh && python -m benchmarks.run

dist: setup ## Build the wheel, the Python and the R source package, with the engine inside, in dist/
	@bash tools/dist.sh

vignettes: setup ## Build the vignettes into build/vignettes/, or one: make vignettes ONLY=get-started
	@. tools/env.sh && Rscript tools/vignettes.R $(ONLY)

docs: setup ## Run the notebooks and build the site into build/docs/ (and the R package's, where pkgdown is installed)
	@. tools/env.sh && python tools/docs.py

format: setup ## Format the Python and R sources in place
	@. tools/env.sh && ruff check --fix-only -q --extend-exclude .rlib . && ruff format --extend-exclude .rlib . && air format R tests/testthat tools

document: setup ## Rebuild NAMESPACE and man/ from the roxygen2 comments
	@. tools/env.sh && Rscript -e 'roxygen2::roxygenise()'

clean: ## Remove what demo, tests and checks leave behind (keeps the installed environment)
	@rm -rf demo-output build dist *.Rcheck sigel_*.tar.gz .ruff_cache .mypy_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

purge: clean ## Remove the installed environment too: .venv, .rlib and the Debian trees of the Seurat 5 leg
	@bash tools/seurat5.sh remove
	@rm -rf .venv .rlib .setup.lock python/*.egg-info
