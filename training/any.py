"""Train the network for any painting that is in the package.

python training/any.py --photos PHOTOS --paintings PAINTINGS --base styles.safetensors --out any.safetensors [--steps N]
    [--settings FILE.toml]

It starts from BASE, the trained network of many styles. Goes on after a kill, and with more steps after its end, from
the state that it keeps beside OUT, as long as BASE is what it was. With --ship FILE it trains nothing, but writes OUT
in half precision to FILE.
"""

from following import arguments, follow, settings_of, ship
from impasto.tasks.train_any import train_any_steps
from impasto.tasks.train_options import TrainAnySettings


def main() -> None:
    parser = arguments(__doc__)
    args = parser.parse_args()
    if args.ship:
        ship(args.out, args.ship)
        return
    base = {"base": str(args.base)} if args.base else {}
    settings = TrainAnySettings.from_mapping(settings_of(args, **base))
    follow(train_any_steps(args.photos, args.paintings, settings, out=args.out), args.out, args.sheet_every)


if __name__ == "__main__":
    main()
