#!/usr/bin/env bash
# Run by Snakemake in the new environment, from the project's folder.
set -euo pipefail
python -m pip install --require-hashes -r requirements.lock
python -m pip install --no-deps --no-build-isolation --editable .
