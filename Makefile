# make capture    run a scenario on a real kernel, record it, print the verdict (ARGS="..." goes to the command)
# make test       style, types and tests (ARGS="..." goes to pytest)
# make test-all   the tests, with all scenarios in all variants run anew
# make captures   record all scenarios in all variants anew, with the verdicts expected (ARGS: only these)
# make bench      measure how fast captures are read, beside other programs (ARGS=--quick: small ones, no kernel;
#                 ARGS=--large: of 2 to 12 GB, which takes hours and 60 GB of disk)
# make fuzz       look for bytes that break the decoder, guided by coverage (ARGS="--seconds 3600")
# All set up what they need, once. It is done again when one of the files it depends on has changed.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: capture captures test test-all bench fuzz lint lock clean

capture: .venv/.ready
	$(BIN)/python -m sctpinspect capture $(ARGS)

test: lint .venv/.tools
	$(BIN)/python -m sctpinspect.tables.prepare
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest -m kernel
	POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -m "not kernel" --numprocesses auto
endif

test-all:
	$(MAKE) test ARGS="--all-scenarios $(ARGS)"

captures: .venv/.tools
	$(BIN)/python tests/expectations.py $(ARGS)

bench: .venv/.tools
	$(BIN)/python benchmarks/decode.py $(ARGS)

fuzz: .venv/.ready
	$(BIN)/python tests/fuzz/fuzz.py $(ARGS)

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

.venv/.ready: setup/setup.sh pyproject.toml requirements-build.txt requirements-dev.txt
	sh setup/setup.sh venv "$(PYTHON)" $@

.venv/.tools: setup/setup.sh | .venv/.ready
	sh setup/setup.sh tools "$(PYTHON)" $@

# The locked dependencies, renewed. They name no index: pip takes the one it is configured for.
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"
lock: .venv/.ready
	$(COMPILE) --group build --output-file requirements-build.txt
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .fuzz
