# Everything starts here, on a machine with nothing but Python 3.11 and make.

PYTHON_ENV := .venv/bin
SHELL := /bin/bash
# Every process of a stack would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Python 3.11 marks the place in a traceback's line with the help of ast.parse, which fails now and then where
# an object is finalized meanwhile (SystemError: AST constructor recursion depth mismatch).
export PYTHONNODEBUGRANGES := 1

.DEFAULT_GOAL := help
.PHONY: help setup environment demo run test fuzz check bench vendor clean

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## set up everything (the others do it by themselves)
	@deploy/local/setup.sh

environment:
	@deploy/local/setup.sh environment

demo: setup  ## start a stack of its own, submit a real batch and show it live
	@$(PYTHON_ENV)/python -m deploy.local demo

run: setup  ## run the embedded stack in the foreground; Ctrl-C stops it
	@$(PYTHON_ENV)/python -m deploy.local run

test:  ## run the tests against the real embedded parts
	@deploy/local/setup.sh tests
	@$(PYTHON_ENV)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

fuzz: setup  ## fuzz the running stack for long
	@$(PYTHON_ENV)/python -m tests.fuzz

check: environment  ## lint, format, types and import rules
	@$(PYTHON_ENV)/ruff check --no-cache .
	@$(PYTHON_ENV)/ruff format --no-cache --check .
	@$(PYTHON_ENV)/mypy
	@$(PYTHON_ENV)/mypy worker.py
	@$(PYTHON_ENV)/lint-imports

bench: environment  ## measure a batch against a bare Temporal script
	@$(PYTHON_ENV)/python -m tests.bench

vendor: environment  ## fetch the page's libraries anew from npm
	@$(PYTHON_ENV)/python -m api.control_center.fetching

clean:  ## remove what can be made again; the state directory stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
