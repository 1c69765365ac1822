# Entry points of the project; `make help` lists them.
# PYTHON chooses the interpreter that .venv is made from, ARGS is appended to the main job:
#   make train ARGS="--trainer.max_epochs 2"

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LAYERS := envs datamodules lightning_modules callbacks reports live
CONFIG ?= configs/gf.yaml
# threads that wait sleep instead of spinning: on a shared machine training is several times faster that way
export OMP_WAIT_POLICY ?= PASSIVE
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup ability-hand train demo test fuzz check format bench clean distclean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with the pinned packages (again only after setup.cfg or the pins change)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
		f"Python {v.major}.{v.minor} found, 3.11 or newer needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --no-input -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

# without its dependencies, a simulator among them: only files are read from it (docs/own_hand.md)
ability-hand: $(STAMP) ## fetch the files of the Ability Hand, a prosthesis (102 MB)
	$(BIN)/python -m pip install --disable-pip-version-check --no-input --no-deps mani_skill==3.0.1

train: $(STAMP) ## train the score primitive (the main job)
	$(BIN)/python -m lightning_modules.cli fit --config $(CONFIG) $(ARGS)

demo: $(STAMP) ## serve the page on which one moves the wrist, at http://127.0.0.1:8080
	$(BIN)/python -m live.server --config configs/live.yaml $(ARGS)

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest -q -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: $(STAMP) ## look at 2,000 malformed files in a random order (before a release); FUZZ_INPUTS=200 is what `make test` does
	FUZZ_INPUTS=$(or $(FUZZ_INPUTS),2000) $(BIN)/python -m pytest -q tests/fuzz $(ARGS)

check: $(STAMP) ## ruff, types, order of the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(LAYERS) benchmarks examples
	$(BIN)/python -m pytest -q tests/test_layers.py

format: $(STAMP) ## sort imports and format
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

bench: $(STAMP) ## run every benchmark; each prints JSON
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script" >&2; $(BIN)/python $$script; done

clean: ## remove caches and build leftovers
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis MUJOCO_LOG.TXT
	find $(LAYERS) configs tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	rm -rf $(VENV)
