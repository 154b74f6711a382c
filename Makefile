# Two commands: `make run` and `make test`. Both install what they need into .venv (tools/install.py).
PYTHON ?= python3
MONTY ?= 1
VENV := .venv/bin
IN_PARALLEL := -n 3 --no-loadscope-reorder # on two cores: tests wait half of their time
export PYTHONDONTWRITEBYTECODE := # where it is set, each of a thousand processes compiles what it imports
PROFILE := $(if $(filter 0,$(MONTY)),replay,run)

.PHONY: help run services test test-quick test-all test-long check web web-dev bench complexity docs clean

help:
	@echo "make run          the demo: real Monty, watched live (MONTY=0: a recording of it, without Monty)"
	@echo "make services     Telegraf and InfluxDB 2 built into the user's cache, for history without Docker (needs Go and Rust)"
	@echo "make test         the tests, in ten minutes"
	@echo "make test-quick   those of them that start no process, in a minute"
	@echo "make test-all     the others: InfluxDB, containers, the demo, kill and freeze, all of the browser (needs Go and Rust)"
	@echo "make test-long    what is too long for these"
	@echo "make check        format, lint, types, imports; the front end too, where Node is installed"
	@echo "make web          the front end, from liveview/web into liveview/monty_mqtt_liveview/static (needs Node)"
	@echo "make web-dev      the front end from its sources, reloaded as they change, before a page that runs"
	@echo "make bench        the speed table, in 45 minutes, also in benchmarks/results/latest.json; BENCH=bridge for a part of it"
	@echo "make complexity   complexity_report.json and the worst ten functions"
	@echo "make docs         the documentation as a site, in site/"
	@echo "make clean        remove .venv and everything that was built"

run:
	@$(PYTHON) tools/install.py $(PROFILE)
	@exec $(VENV)/python -m monty_mqtt_stack.demo

services:
	@$(PYTHON) tools/services.py

test:
	@$(PYTHON) tools/install.py test
	$(VENV)/python -m pytest --ring test -m "not long" $(IN_PARALLEL) $(PYTEST)

test-quick:
	@$(PYTHON) tools/install.py test
	$(VENV)/python -m pytest --ring quick $(IN_PARALLEL) $(PYTEST)

test-all:
	@$(PYTHON) tools/install.py test
	$(VENV)/python -m pytest --ring rest -m "not long" $(IN_PARALLEL) $(PYTEST)

test-long:
	@$(PYTHON) tools/install.py test
	@$(PYTHON) tools/services.py --if-possible
	$(VENV)/python -m pytest -m long $(PYTEST)

check:
	@$(PYTHON) tools/install.py test
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	PYTHONPATH=grafana $(VENV)/lint-imports --no-cache
	@$(PYTHON) tools/web.py check

web:
	@$(PYTHON) tools/web.py build

web-dev:
	@$(PYTHON) tools/web.py dev

bench:
	@$(PYTHON) tools/install.py test
	$(VENV)/python -m benchmarks $(BENCH)

complexity:
	@$(PYTHON) tools/install.py test
	$(VENV)/python tools/complexity.py

docs:
	@$(PYTHON) tools/install.py docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict

clean:
	rm -rf .venv liveview/web/node_modules tools/mermaid/node_modules site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis complexity_report.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
