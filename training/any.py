"""Train the network for any painting that is in the package.

python training/any.py --photos PHOTOS --paintings PAINTINGS --out any.safetensors [--steps N] [--settings FILE.toml]

The settings are the defaults of `impasto train any`. A killed run continues with the same command, and a finished one
with more steps, from the checkpoint beside OUT. With --ship FILE nothing is trained: OUT is written to FILE in half
precision.
"""

from following import arguments, follow, settings_of, ship
from impasto.settings.train import TrainAnySettings
from impasto.tasks.training.any_style import train_any_steps


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
