# Everything one does with this repository. Every target calls one thing; what it does is there.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
# docker or local; empty: docker compose where an engine answers, else processes of this machine.
export STACK
# rabbitmq or filesystem, without Docker; empty: RabbitMQ, and files only where it cannot be had.
export BROKER
# Words for pytest: make test ARGS="-k outbox -x"
ARGS ?=
# Distributions to test: make test ONLY=shared/cqrs
ONLY ?=
# How many run side by side
JOBS ?= 2

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up down logs status clean
up: .venv/.complete ## Run the whole stack (STACK=docker|local BROKER=rabbitmq|filesystem) and say where it is
	@$(PYTHON) -m local_stack up
down: .venv/.complete ## Stop the stack; its data stays
	@$(PYTHON) -m local_stack down
logs: .venv/.complete ## Follow the logs of the stack
	@$(PYTHON) -m local_stack logs
status: .venv/.complete ## Show the processes of the stack
	@$(PYTHON) -m local_stack status
clean: .venv/.complete ## Stop the stack and remove its data
	@$(PYTHON) -m local_stack clean

.PHONY: demo
demo: .venv/.complete ## Load the Chinook shop through the API and compare both sides
	@$(PYTHON) -m chinook_demo

.PHONY: test test-all
test: .venv/.complete ## Run the tests (ONLY=shared/cqrs ARGS="-k outbox -x" to narrow them)
	@$(PYTHON) scripts/run_tests.py --jobs $(JOBS) $(ONLY) -- $(ARGS)
test-all: test ## Run these and the slow tests, also on private servers, on MariaDB, on newer Pythons and Djangos
	@CONVERGENCE_EXAMPLES=1500 TEST_SERVERS=local $(PYTHON) scripts/run_tests.py --slow --jobs $(JOBS) $(ONLY) -- $(ARGS)
	@$(PYTHON) scripts/test_matrix.py

# Seconds of faults; the random choices; faults or groups with commas between; how many seeds.
DURATION ?= 60
SEED ?= 1
FAULTS ?=
RUNS ?= 1
# shop (the services here), or one project on either library: peer, django-cqrs
SYSTEM ?= shop
CAMPAIGN = $(if $(filter shop,$(SYSTEM)),faults,interoperability.chaos)

.PHONY: chaos chaos-report
chaos: .venv/.complete ## Run the fault campaign (DURATION= SEED= FAULTS= RUNS= SYSTEM=shop|peer|django-cqrs EACH=1 CLUSTER=1)
	@$(PYTHON) -m $(CAMPAIGN) --system $(SYSTEM) --seed $(SEED) --runs $(RUNS) --duration $(DURATION) --faults "$(FAULTS)" $(if $(EACH),--each) $(if $(CLUSTER),--cluster)
chaos-report: .venv/.complete ## Write what the last campaigns measured into docs/reliability.md
	@$(PYTHON) -m faults.document $(wildcard .chaos/*.json)

.PHONY: lint format typecheck imports check
lint: .venv/.complete ## Check style, types and imports
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && $(MAKE) --no-print-directory typecheck imports
format: .venv/.complete ## Format the code, repair what can be repaired
	@.venv/bin/ruff check --fix --exit-zero --quiet . && .venv/bin/ruff format .
typecheck: .venv/.complete ## Run mypy on every distribution
	@$(PYTHON) scripts/typecheck.py
imports: .venv/.complete ## Check who may import whom
	@.venv/bin/lint-imports

.PHONY: docs
docs: .venv/.complete ## Build the documentation into .docs; a warning is an error
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet

.PHONY: venv requirements
venv: .venv/.complete ## Create .venv, or bring it up to date
requirements: PIN = .venv/bin/pip-compile --quiet --upgrade --strip-extras --no-config --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options
requirements: .venv/.complete ## Pin requirements.in anew into requirements.txt
	@$(PIN) --output-file requirements.txt requirements.in
	@$(PIN) --output-file interoperability/django-cqrs.txt interoperability/django-cqrs.in

.venv/.complete: requirements.txt $(wildcard */pyproject.toml shared/*/pyproject.toml) scripts/venv
	@scripts/venv
