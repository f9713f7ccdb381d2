# Two commands: `make study` and `make test`. Everything else is the tools' own: snakemake, mlflow, threetargets.
# Another study, fewer cores: make study PARAMS=config/smoke.yaml CORES=1
PYTHON ?= python3
VENV   ?= .venv
CORES  ?= all
PARAMS ?= params.yaml
BIN    := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: study test benchmark environment lock
.DEFAULT_GOAL := study

study: environment
	@test -f "$(PARAMS)" || { echo "$(PARAMS): no such file; PARAMS names a parameter file, such as params.yaml" >&2; exit 4; }
	@snakemake --cores $(CORES) --configfile $(PARAMS)
	@python -c "from threetargets import study; from threetargets.pipeline import paths; \
	    print('Report:', (paths.reports(study.load('$(PARAMS)')) / 'index.html').resolve())"

# A process for each core, no more than four, since many tests start processes; a file stays in one.
test: environment
	@pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# A few minutes on which nothing else runs; on one core, or on the GPU where there is one.
benchmark: environment
	@python -m benchmarks --out benchmarks/results.csv

environment: $(VENV)/.ready

# uv, itself taken from the hashed lock, installs the lock in seconds where pip takes minutes.
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Python 3.11 or newer is needed: make study PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# Resolves the newest versions again; the file names versions and hashes, and no index.
lock: environment
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --no-header --all-extras \
	    --python-version 3.11 pyproject.toml --output-file requirements.lock
