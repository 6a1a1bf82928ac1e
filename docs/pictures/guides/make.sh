#!/usr/bin/env bash
# Makes the pictures of docs/start and docs/guides from the bundled samples, in a few minutes on two cores.
# IMPASTO and PYTHON name other programs than those of .venv; arguments name the pictures to make, all by default.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../../.. && pwd)
python=${PYTHON:-$root/.venv/bin/python}
impasto=${IMPASTO:-$root/.venv/bin/impasto}
wanted=${*:-first masks tileable tiles one-pass trained sweep steps}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

run() { $impasto "$@" --quiet; }
strip() { "$python" "$here/strip.py" "$here/$1.jpg" "${@:2}"; }
masks=$here/../../gallery/masks
run_samples() { $impasto samples samples > /dev/null; }
run_samples

for picture in $wanted; do
    case $picture in
    first)
        run stylize sample:chelsea sample:flow --size 512 -o first.png
        strip first 210 samples/chelsea.png samples/flow.jpg first.png ;;
    masks)
        run stylize sample:coffee sample:glass --region "$masks/coffee.png:sample:flow" --size 384 -o masks.png
        strip masks 200 samples/coffee.png "$masks/coffee.png" masks.png ;;
    tileable)
        run texture sample:gravel --tileable --size 256 -o gravel.png
        run texture sample:flow --tileable --width 256 --height 256 -o flow.png
        strip tileable 256 gravel.png 2x:gravel.png 2x:flow.png ;;
    tiles)
        run stylize sample:coffee sample:tesserae --size 384 --tile 0 -o whole.png
        run stylize sample:coffee sample:tesserae --size 384 --tile 128 -o tiles.png
        strip tiles 256 whole.png tiles.png ;;
    one-pass)
        run apply sample:chelsea --style starry -o a.png
        run apply sample:chelsea --style starry=0.5,scream=0.5 -o b.png
        run apply sample:chelsea --style sample:woodcut -o c.png
        strip one-pass 200 a.png b.png c.png ;;
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
