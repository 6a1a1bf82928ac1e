#!/usr/bin/env bash
# Makes the strips of docs/start and docs/guides from the samples and from pictures of docs/pictures and docs/gallery.
# IMPASTO and PYTHON name other programs than those of .venv.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../../../.venv/bin/python}
impasto=${IMPASTO:-../../../.venv/bin/impasto}
gallery=../../gallery
samples=$(mktemp -d)
trap 'rm -rf "$samples"' EXIT
$impasto samples "$samples" > /dev/null

strip() { "$python" strip.py "$@"; }
strip first.jpg 210 "$samples/chelsea.png" "$samples/flow.jpg" ../chelsea-flow.jpg
strip masks.jpg 200 "$samples/coffee.png" $gallery/masks/coffee.png $gallery/region.jpg
strip tileable.jpg 256 $gallery/texture-tileable.jpg 2x:$gallery/texture-tileable.jpg
strip strengths.jpg 180 $gallery/strength-0.3.jpg $gallery/strength-0.7.jpg $gallery/strength-1.0.jpg
strip detail.jpg 320 300,60,480,320:../coffee-tesserae.jpg
ls -s --block-size=1 ./*.jpg
