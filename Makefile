# The commands of the repository; CONTRIBUTING.md explains them. Each installs what it needs (tools/setup).
JOBS ?= $(shell nproc)
PY := .venv/bin/python

.PHONY: help build demo test zoo long bench lint format asan tsan fuzz wheel clean

help:
	@echo "make build   build/smeaton and the Python package (.venv/bin/python -c 'import smeaton')"
	@echo "make demo    installs, builds, and studies two models"
	@echo "make test    unit tests, text cases, Python tests, ONNX node tests"
	@echo "make zoo     every model of tools/models.py against ONNX Runtime (PyTorch exports some of them)"
	@echo "make bench   lockstep timing against ONNX Runtime"
	@echo "make lint    layers, function lengths, clang-format, clang-tidy"
	@echo "make long    what takes minutes and CI leaves out"
	@echo "make asan    unit tests under address and undefined-behaviour sanitizers"
	@echo "make tsan    unit tests that several threads run, under the thread sanitizer"

build: build/build.ninja
	@cmake --build build -j $(JOBS) --target smeaton smeaton_python
	@tools/link_python build/python

# Ninja itself runs cmake again when a CMake file changed.
build/build.ninja: CMakePresets.json requirements.txt tools/apt-packages.txt
	@tools/setup
	@cmake --preset release -DSMEATON_PYTHON=ON -DPython_EXECUTABLE=$(CURDIR)/.venv/bin/python
	@touch $@

demo: build
	@tools/demo

test:
	@tools/setup test
	@$(MAKE) --no-print-directory build
	@cmake --build build -j $(JOBS)
	@tools/run_tests

zoo: build
	@tools/setup zoo
	@nice $(PY) tools/models.py --only plain,branches,light,trained
	@nice .venv-zoo/bin/python tools/models.py --only exported
	@$(PY) tests/zoo/run.py
	@nice .venv-zoo/bin/python -W ignore tests/zoo/pytorch.py

long: build
	@tools/setup zoo
	@for check in tests/long/*.py; do nice .venv-zoo/bin/python -W ignore $$check || exit 1; done

bench: build
	@$(PY) tools/models.py --only plain,branches,light,trained
	@$(PY) bench/call_overhead.py
	@$(PY) bench/lockstep.py
	@$(PY) bench/predictions.py
	@$(PY) bench/many_nodes.py
	@$(PY) bench/devices.py

lint: build
	@tools/setup lint
	@tools/lint

format:
	@tools/setup lint
	@git ls-files '*.h' '*.cpp' | xargs .venv/bin/clang-format -i

asan:
	@tools/setup test
	@cmake --preset asan
	@cmake --build build-asan -j $(JOBS)
	@ctest --test-dir build-asan --output-on-failure -j $(JOBS)

tsan:
	@tools/setup test
	@cmake --preset tsan
	@tools/tsan/run $(JOBS)

fuzz:
	@tools/setup fuzz
	@$(PY) tools/fuzz_onnx.py

wheel:
	@tools/setup
	@$(PY) -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

clean:
	rm -rf build build-asan build-tsan build-debug build-fuzz dist
