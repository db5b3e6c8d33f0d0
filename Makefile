# The two commands of the README are `make quickstart` and `make test`.
PYTHON ?= python3
VENV ?= $(if $(MMEO_VENV),$(MMEO_VENV),.venv)
RUN := $(VENV)/bin/python
SEEDS ?= 1

.PHONY: help install ops quickstart test test-slow lint clean

help:
	@echo 'make install     environment in $(VENV), from nothing'
	@echo 'make quickstart  pretrain, fine-tune three tasks, report (SEEDS=3)'
	@echo 'make test        the test suite, the same that CI runs'
	@echo 'make test-slow   minutes-long checks'
	@echo 'make ops         compile the ops of mmcv (needs a C++ compiler)'
	@echo 'make lint        style checks'

install:
	@MMEO_VENV=$(VENV) $(PYTHON) tools/install.py

ops: install
	@$(RUN) tools/build_ops.py --install

quickstart: install
	@$(RUN) tools/quickstart.py --seeds $(SEEDS)

test:
	@MMEO_VENV=$(VENV) $(PYTHON) tools/install.py --extra tests
	@$(RUN) tools/run_tests.py

test-slow:
	@MMEO_VENV=$(VENV) $(PYTHON) tools/install.py --extra tests
	@$(RUN) -m pytest -m slow

lint:
	@$(RUN) -m pip install -q ruff codespell
	@$(RUN) -m ruff check .
	@$(RUN) -m codespell_lib mmeo configs tools tests docs README.md

clean:
	rm -rf build dist *.egg-info .pytest_cache .coverage
