# make run             the proxy in the foreground, with $(CONFIG), which is written when it is missing
# make test            lint, build with warnings as errors, benchmarks once, a short fuzz run, all tests
# make test-sanitize   the unit tests on a build with AddressSanitizer and UndefinedBehaviorSanitizer
# make bench           micro benchmarks
# make bench-kamailio  the comparison with Kamailio of docs/performance.md (takes half an hour)
# make fuzz            each fuzz target for FUZZ_SECONDS
# make lint            ruff, and every warning of the C compiler
# make clean           away with everything that was built, the virtual environment included
#
# All but clean set up what they need: Debian packages where root, a virtual environment in .venv, the build.
PYTHON = python3
CONFIG = uacfast.toml
TEST_JOBS = 4
FUZZ_SECONDS = 60
SANITIZE_TESTS = tests/unit

VENV = .venv
BIN = $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
SUBMAKE = $(MAKE) --no-print-directory

LEAVES = $(wildcard csrc/*.c)
STRICT_OBJECTS = $(LEAVES:csrc/%.c=build/strict/%.o)

all: build

# --- setting up: once, and again when its stamp is older than what it was made from ---

$(VENV)/packages-%: .ci/packages
	@PYTHON=$(PYTHON) .ci/packages $*
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

# $(call install,EXTRA): the build requirements as pyproject.toml names them, then the project itself, editable, so that
# what is compiled later by `setup.py build_ext --inplace` goes on from the same objects.
define install
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	    | $(BIN)/pip install -q -r /dev/stdin
	$(BIN)/pip install -q --no-build-isolation -e '.$(1)'
endef

$(VENV)/installed-run: pyproject.toml setup.py $(VENV)/packages-run
	$(call install,)
	@touch $@

$(VENV)/installed-test: export UACFAST_STRICT = 1
$(VENV)/installed-test: pyproject.toml setup.py $(VENV)/packages-test
	$(call install,[test])
	@touch $(VENV)/packages-run $(VENV)/installed-run $@

# Compiles what changed; setup.py knows the dependencies.
COMPILE = $(BIN)/python setup.py -q build_ext --inplace

build: $(VENV)/installed-run
	@$(COMPILE)

build-test: $(VENV)/installed-test
	@UACFAST_STRICT=1 $(COMPILE)

# --- running ---

$(CONFIG): | build
	$(BIN)/uacfast init $@

run: build $(CONFIG)
	@exec $(BIN)/uacfast run $(CONFIG)

# --- testing ---

test: build-test
	@$(SUBMAKE) lint
	@$(SUBMAKE) fuzz FUZZ_SECONDS=5
	$(BIN)/python -m bench.smoke
	$(BIN)/python -m pytest -n $(TEST_JOBS)

lint: $(VENV)/installed-test $(STRICT_OBJECTS)
	$(BIN)/ruff check .

build/strict/%.o: csrc/%.c $(wildcard csrc/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -Wall -Wextra -Werror -c -o $@ $<

fuzz: $(VENV)/installed-test
	@$(SUBMAKE) -C fuzz run SECONDS=$(FUZZ_SECONDS) CC=clang PYTHON=$(CURDIR)/$(BIN)/python

# In a copy of the tree, so that neither build takes the other's objects for its own. Left out: a test that sends SIGSEGV
# to a worker, which the sanitizer reports before the worker can die of it, and a browser with the sanitizer preloaded.
SANITIZED = build/sanitized
USES_BROWSER = tests/unit/control/test_dashboard.py
SENDS_SIGSEGV = tests/unit/server/test_server.py::test_a_dead_worker_is_replaced_within_a_second_and_the_others_go_on[11]

test-sanitize: $(VENV)/installed-test
	@rm -rf $(SANITIZED)/tests && mkdir -p $(SANITIZED)
	@tar -cf - --exclude-vcs --exclude='*.so' --exclude='*.o' --exclude='./uacfast/*.c' --exclude='./.venv*' \
	    --exclude=./build --exclude='*/build' --exclude='*/corpus' . | tar -xf - -C $(SANITIZED)
	cd $(SANITIZED) && UACFAST_SANITIZE=1 UACFAST_STRICT=1 $(CURDIR)/$(COMPILE)
	cd $(SANITIZED) && PYTHONPATH=$(CURDIR)/$(SANITIZED) LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) \
	    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 PYTHONMALLOC=malloc \
	    $(CURDIR)/$(BIN)/python -m pytest -n $(TEST_JOBS) --deselect '$(SENDS_SIGSEGV)' \
	    --ignore $(USES_BROWSER) $(SANITIZE_TESTS)

# --- measuring ---

bench: build-test
	$(BIN)/python -m pytest bench --benchmark-enable

bench-kamailio: build-test
	$(BIN)/python -m bench.compare verify
	$(BIN)/python -m bench.compare rate --pin same --rate 1000 --markdown
	$(BIN)/python -m bench.compare rate --pin split --rate 4000 --markdown
	$(BIN)/python -m bench.compare rate --scenario auth --pin split --rate 4000 --markdown \
	    --systems uacfast,kamailio-tlsf,uacfast-ksr,kamailio-kemi
	$(BIN)/python -m bench.compare rate --pin split --rate 4000 --markdown --systems uacfast-ksr,kamailio-kemi
	$(BIN)/python -m bench.compare registrations 10000 --markdown
	$(BIN)/python -m bench.compare find-max --markdown
	$(BIN)/python -m bench.compare memory 10000 --markdown

clean:
	$(SUBMAKE) -C fuzz clean
	rm -rf build dist *.egg-info $(VENV) bench/build .pytest_cache .hypothesis .ruff_cache .benchmarks
	find uacfast -name '*.so' -delete
	find uacfast -name '*.pyx' | sed 's/pyx$$/c/' | xargs rm -f
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: all build build-test run test lint fuzz test-sanitize bench bench-kamailio clean
.NOTPARALLEL:
.SECONDARY:
