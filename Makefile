# Every target sets up what it needs in .venv: a Debian machine with Python 3.11 or later, python3-venv, a C++20 compiler
# and make is enough. `make demo` and `make test` are the two to know.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Another build of PyTorch, such as a CUDA one: make TORCH=torch test
TORCH ?= torch==2.13.0

.PHONY: demo test check format clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	rm -rf demo-run
	$(BIN)/bitlens demo

test: $(VENV)/installed
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(NATIVE)
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(NATIVE)

clean:
	rm -rf $(VENV) build

NATIVE := $(shell find csrc -name '*.cpp' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh')
SOURCES := pyproject.toml CMakeLists.txt $(NATIVE)

# Editable, so that only a change of the native code or of the project's own description installs anew.
$(VENV)/installed: $(SOURCES) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	BITLENS_WARNINGS_AS_ERRORS=ON $(BIN)/python -m pip install --quiet --editable '.[torch,run,explorer]' --group dev
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
