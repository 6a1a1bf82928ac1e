# Two commands: `make demo` paints, `make test` checks. Both build .venv first if it is missing or out of date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

demo: $(READY)
	mkdir -p demo
	$(BIN)/impasto stylize sample:chelsea sample:flow -o demo/chelsea-flow.png
	$(BIN)/impasto stylize sample:coffee sample:tesserae -o demo/coffee-tesserae.png
	$(BIN)/impasto stylize sample:rocket sample:ink -o demo/rocket-ink.png
	@echo "The pictures are in $(CURDIR)/demo: look at them."

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest

bench: $(READY)
	$(BIN)/python -m benchmarks.run $(BENCH)

clean:
	rm -rf $(VENV) demo build dist
