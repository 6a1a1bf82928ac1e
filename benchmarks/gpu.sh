#!/bin/sh
# Everything that has to be known of a GPU, in one call of at most 10 minutes; needs torch with CUDA, and no network.
#   benchmarks/gpu.sh [FOLDER]      results go to FOLDER, or $OUT, or ./gpu: gpu.md, and the log of each part
set -u
cd "$(dirname "$0")/.." || exit 1
PYTHONPATH="src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 exec "${PYTHON:-python3}" -m benchmarks.gpu --out "${1:-${OUT:-gpu}}"
