# Both commands do all the set-up on a fresh machine: a virtual environment in .venv with every pinned package.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# pip compiles one file after the other, compileall on all cores. Some packages hold files that are no Python.
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
COMPILE = $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
INSTALLED = $(VENV)/.installed
TEST_INSTALLED = $(VENV)/.test-installed

# Where nothing compiled may be kept, each of a search's processes compiles all it loads, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: search test lint types docs unit e2e browser clean

search: $(INSTALLED)
	$(BIN)/tune-polar search st3

test: lint types docs unit e2e

lint: $(TEST_INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST_INSTALLED)
	$(BIN)/mypy

# The site, into build/site; a link that leads nowhere fails it (with --quiet it would not).
docs: $(TEST_INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# A process a core: with two threads each, they would wait for one another.
unit: $(TEST_INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not e2e" -n auto --dist worksteal

# They wait some of their time, for kills and for Ray to start: one more than this machine has cores.
e2e: $(TEST_INSTALLED) browser
	$(BIN)/python -m pytest tests/e2e tests/search tests/benchmarks -m e2e -n 3 --dist loadfile --no-loadscope-reorder

# The page is tested in Debian's Chromium. Where it cannot be installed those tests are skipped (in CI they fail).
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	|| { test "$$(id -u)" = 0 && apt-get update -qq \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; } \
	|| echo "chromium and chromedriver are not installed: install them to test the page in a browser"

# torch comes first and on its own: with its CPU build in place, no other package asks for the CUDA one.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tune-polar needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(INSTALL) torch
	$(INSTALL) --editable .
	$(COMPILE)
	touch $@

$(TEST_INSTALLED): $(INSTALLED)
	$(INSTALL) --editable '.[test]'
	$(COMPILE)
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
