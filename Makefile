# Every target sets up what it needs in .venv: a Debian machine with Python 3.11 or later, python3-venv, a C++20 compiler
# and make is enough. `make demo` and `make test` are the two to know.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Another build of PyTorch, such as a CUDA one: make TORCH=torch test
TORCH ?= torch==2.13.0

.PHONY: demo test figures check format clean cuda-check cuda-install cuda-test cuda-sanitize cuda-bench emulate sanitize sanitize-address sanitize-thread
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	rm -rf demo-run
	$(BIN)/bitlens demo

test: $(VENV)/installed
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# The figures of the source papers, drawn anew on MNIST: BITLENS_DATA=path/to/mnist.npz make figures
figures: $(VENV)/installed
	PYTHONPATH=apps $(BIN)/python -m paper_figures information-flow
	PYTHONPATH=apps $(BIN)/python -m paper_figures information-discarding
	PYTHONPATH=apps $(BIN)/python -m paper_figures information-ordered-ablation

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(NATIVE)
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(NATIVE)

# KERNEL_ARGS is for pytest as PYTEST_ARGS is, but for sanitize and emulate alone.
# The kernels are built anew with GCC's sanitizers, each beside the installed ones in a folder of its own.
sanitize: sanitize-address sanitize-thread

# On a machine with a GPU, offline: PYTHON has torch, numpy, pytest, pybind11, scikit-build-core and ninja already, and
# CuPy and JAX if they are to be timed as well. Each part takes a few minutes.
cuda-check: cuda-test cuda-sanitize cuda-bench

cuda-install:
	BITLENS_CUDA=ON BITLENS_WARNINGS_AS_ERRORS=ON $(PYTHON) -m pip install --quiet --no-build-isolation --no-deps .

# -W default: the libraries of another machine may warn of each other.
cuda-test: cuda-install
	$(PYTHON) -m pytest -W default --require-cuda $(wildcard tests/native/test_parity*.py) $(PYTEST_ARGS)

# Without PyTorch's own caching of memory, so that what lies beyond a tensor is nobody's.
cuda-sanitize: cuda-install
	for tool in memcheck racecheck; do \
	  PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool $$tool --error-exitcode 1 \
	    $(PYTHON) -m pytest -W default --require-cuda -m each_kernel -k 'cuda and not side and not second' tests $(PYTEST_ARGS) || exit 1; \
	done

cuda-bench: cuda-install
	$(PYTHON) -m bench.gpu

# The text of the CUDA kernels, run by the CPU (tests/emulation): without a GPU nothing else shows that it is right.
# Threads of a block take turns in several orders, so that what depends on the order is found.
emulate: build/emulated/installed
	for order in $(EMULATION_ORDERS); do \
	  BITLENS_EMULATION_ORDER=$$order PYTHONPATH=build/emulated/site:$$(echo $(VENV)/lib/python*/site-packages) \
	    $(BIN)/python -S -m pytest $(wildcard tests/native/test_parity*.py) $(PYTEST_ARGS) $(KERNEL_ARGS) || exit 1; \
	done

clean:
	rm -rf $(VENV) build

NATIVE := $(shell find csrc tests/emulation -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh')
SOURCES := pyproject.toml CMakeLists.txt $(NATIVE)

# Editable, so that only a change of the native code or of the project's own description installs anew.
$(VENV)/installed: $(SOURCES) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	BITLENS_WARNINGS_AS_ERRORS=ON $(BIN)/python -m pip install --quiet --editable '.[torch,run,explorer]' --group dev
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

SANITIZERS_address := address,undefined,float-cast-overflow
SANITIZERS_thread := thread
RUNTIME_address := libasan.so
RUNTIME_thread := libtsan.so
# The tests that reach the kernels within their own process; others that they start would find the installed ones.
SANITIZED_thread := $(addprefix estimators/test_,closed_forms estimators neighbors neurons permutation properties renyi renyi_estimators) \
  $(addprefix native/test_,joint_counts sanitizers spectra)
# Besides, what runs in one thread or never reaches a kernel.
SANITIZED_address := $(SANITIZED_thread) estimators/test_parameters \
  $(addprefix native/test_,binding boundary operand_sizes parity parity_neighbors parity_spectra)

# setarch -R: the thread sanitizer's map of the memory has no room for addresses that are wholly random.
# libstdc++: a sanitizer looks for the function that throws when the process starts, and Python itself has none.
# detect_leaks=0: Python and the libraries keep much to the end. The other allocations are seen only through malloc.
# One thread for OpenBLAS and PyTorch: they are not instrumented, and how their threads wait for each other is unseen.
# -S: the editable install would come first. capture=sys: a report that ends the process must not end in pytest's file.
sanitize-address sanitize-thread: sanitize-%: build/sanitize-%/installed
	$$(setarch -R true && echo setarch -R) env \
	  LD_PRELOAD="$$($(CXX) -print-file-name=$(RUNTIME_$*)) $$($(CXX) -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 PYTHONMALLOC=malloc \
	  OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 BITLENS_SANITIZE=$(SANITIZERS_$*) \
	  PYTHONPATH=build/sanitize-$*/site:$$(echo $(VENV)/lib/python*/site-packages) \
	  $(BIN)/python -S -m pytest --capture=sys $(SANITIZED_$*:%=tests/%.py) $(PYTEST_ARGS) $(KERNEL_ARGS)

EMULATION_ORDERS ?= ascending descending turns

build/emulated/installed: $(SOURCES) $(wildcard tests/emulation/*) $(shell find python apps -type f -not -name '*.pyc') | $(VENV)/installed
	CXX=$(CXX) BITLENS_CUDA=EMULATED BITLENS_WARNINGS_AS_ERRORS=ON SKBUILD_BUILD_DIR=$(@D)/cmake \
	  $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(@D)/site .
	touch $@

# Not stripped: reports name functions and lines. Warnings do not stop it: GCC's are often wrong of instrumented code.
build/sanitize-%/installed: $(SOURCES) $(shell find python apps -type f -not -name '*.pyc') | $(VENV)/installed
	CXX=$(CXX) BITLENS_SANITIZE=$(SANITIZERS_$*) BITLENS_CUDA=OFF BITLENS_WARNINGS_AS_ERRORS=OFF \
	  SKBUILD_BUILD_DIR=$(@D)/cmake SKBUILD_INSTALL_STRIP=false \
	  $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(@D)/site .
	touch $@
