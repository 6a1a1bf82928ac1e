#!/usr/bin/env bash
# Makes the pictures of docs/start and docs/guides from the bundled samples, in a few minutes on two cores.
# IMPASTO and PYTHON name other programs than those of .venv; arguments name the pictures to make, all by default.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../../.. && pwd)
python=${PYTHON:-$root/.venv/bin/python}
impasto=${IMPASTO:-$root/.venv/bin/impasto}
wanted=${*:-first masks tileable steps tiles sweep trained}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

run() { $impasto "$@" --quiet; }
strip() { "$python" "$here/strip.py" "$here/$1.jpg" "${@:2}"; }
gallery=$here/../../gallery
masks=$gallery/masks
$impasto samples samples > /dev/null

for picture in $wanted; do
    case $picture in
    first)
        strip first 210 samples/chelsea.png samples/flow.jpg "$here/../chelsea-flow.jpg" ;;
    masks)
        strip masks 200 samples/coffee.png "$masks/coffee.png" "$gallery/region.jpg" ;;
    tileable)
        strip tileable 256 "$gallery/texture-tileable.jpg" "2x:$gallery/texture-tileable.jpg" ;;
    tiles)
        run stylize sample:coffee sample:tesserae --size 320 --tile 0 -o whole.png
        run stylize sample:coffee sample:tesserae --size 320 --tile 128 -o tiles.png
        strip tiles 256 whole.png tiles.png ;;
    trained)
        mkdir photos
        cp samples/{chelsea,coffee,rocket,astronaut}.* photos
        run train style photos mosaic=sample:tesserae --size 160 --batch 2 --steps 120 --sheet-every 0 -o mine.safetensors
        run apply sample:chelsea --network mine.safetensors --style mosaic -o cat.png
        run apply sample:coffee --network mine.safetensors --style mosaic -o cup.png
        strip trained 200 samples/tesserae.jpg cat.png cup.png ;;
    sweep)
        run sweep weights --content sample:chelsea --style sample:flow --set size=192 --set quality=draft -o weights
        strip sweep 560 weights/contact.png ;;
    steps)
        run stylize sample:rocket sample:flow --size 320 --save-every 1 --steps 8 --scales 1 --init photo -o s.png
        strip steps 150 samples/rocket.jpg s-0001.png s-0003.png s-0008.png ;;
    *)
        echo "no picture '$picture'" >&2
        exit 2 ;;
    esac
    ls -s --block-size=1 "$here/$picture.jpg"
done
