# `make demo` paints, `make test` checks, `make docs` builds the site. All build .venv first if it is missing or out of date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PAGE := docs/browser
RUNTIME := $(PAGE)/node_modules/.package-lock.json
STUDIO := tests/studio
RULES := $(STUDIO)/node_modules/.package-lock.json

.PHONY: demo test check docs bench clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,docs]"
	touch $(READY)

# What the page computes with, for its tests in Chromium; npm itself writes the file when it is done.
$(RUNTIME): $(PAGE)/package.json $(PAGE)/package-lock.json
	@if command -v npm > /dev/null; then npm ci --prefix $(PAGE) --ignore-scripts --no-audit --no-fund --no-update-notifier && touch $@; \
	else echo "npm is not here: the page in $(PAGE) is not tested"; fi

# The rules of accessibility that the tests hold the studio's page to.
$(RULES): $(STUDIO)/package.json $(STUDIO)/package-lock.json
	@if command -v npm > /dev/null; then npm ci --prefix $(STUDIO) --ignore-scripts --no-audit --no-fund --no-update-notifier && touch $@; \
	else echo "npm is not here: the studio's page is not tested for accessibility"; fi

demo: $(READY)
	mkdir -p demo
	$(BIN)/impasto stylize sample:chelsea sample:flow -o demo/chelsea-flow.png
	$(BIN)/impasto stylize sample:coffee sample:tesserae -o demo/coffee-tesserae.png
	$(BIN)/impasto stylize sample:rocket sample:ink -o demo/rocket-ink.png
	$(BIN)/impasto apply sample:chelsea --style tesserae -o demo/chelsea-tesserae.png
	$(BIN)/impasto apply sample:coffee --style sample:ink -o demo/coffee-ink.png
	@echo "The pictures are in $(CURDIR)/demo: look at them."

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check $(RUNTIME) $(RULES)
	@command -v chromium chromium-browser google-chrome > /dev/null || echo "Chromium is not installed, so the pages are not tested; Debian: apt install chromium"
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The site, from docs/ and the docstrings of src/, into build/site. A broken link is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "The site is in $(CURDIR)/build/site: open index.html."

bench: $(READY)
	$(BIN)/python -m benchmarks.run $(BENCH)

clean:
	rm -rf $(VENV) $(PAGE)/node_modules $(PAGE)/model $(STUDIO)/node_modules demo build dist
