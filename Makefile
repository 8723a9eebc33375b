# What a newcomer types. PYTHON=python3.12 chooses the interpreter; PORT=9000 the port of the demo.
export PYTHON

.PHONY: help demo test torture lint format lock
.DEFAULT_GOAL := help

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

demo: ## Run everything on this computer, against a stand-in AWS; Ctrl-C ends it
	@scripts/install demo
	@exec .venv/bin/python -m demo

test: ## Run all tests, on SQLite and on PostgreSQL
	@scripts/install dev
	@scripts/test

torture: ## Kill, stop and cut off everything, on both databases; SHORT=1 for minutes, SEED=7 to repeat
	@scripts/install dev
	@scripts/torture

lint: ## Check style, types, templates, imports and migrations
	@scripts/install dev
	@scripts/lint

format: ## Put the code into shape
	@scripts/install dev
	.venv/bin/python -m ruff check --fix-only --quiet .
	.venv/bin/python -m ruff format .

lock: ## Pin the dependencies anew: requirements/*.txt
	@scripts/install dev
	scripts/lock --upgrade
