#!/usr/bin/env bash
# Makes the pictures of the README again, with the commands that stand under them.
set -euo pipefail
cd "$(dirname "$0")"
impasto=${IMPASTO:-../../.venv/bin/impasto}
for pair in chelsea-flow astronaut-glass coffee-points chelsea-woodcut rocket-ink coffee-tesserae; do
    "$impasto" stylize "sample:${pair%-*}" "sample:${pair#*-}" -o "$pair.jpg" --output-quality 85
done
../../.venv/bin/python styles.py
"$impasto" texture sample:flow -o texture-flow.jpg --output-quality 85
