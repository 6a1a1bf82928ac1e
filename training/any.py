"""Train the network for any painting that is in the package.

python training/any.py --photos PHOTOS --paintings PAINTINGS --base styles.safetensors --out any.safetensors [--steps N]

It starts from BASE, the trained network of many styles. Goes on after a kill, and with more steps after its end, from
the state that it keeps beside OUT, as long as BASE is what it was. With --ship FILE it trains nothing, but writes OUT
in half precision to FILE.
"""

from pathlib import Path

import torch

from following import arguments, follow, ship
from impasto.tasks.train_any import train_any_steps
from impasto.tasks.train_options import TrainAnySettings


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--base", type=Path)
    args = parser.parse_args()
    if args.ship:
        ship(args.out, args.ship)
        return
    if args.threads:
        torch.set_num_threads(args.threads)
    base = str(args.base) if args.base else None
    settings = TrainAnySettings(steps=args.steps, batch=args.batch, base=base, checkpoint_every=100)
    follow(train_any_steps(args.photos, args.paintings, settings, out=args.out), args.out, args.sheet_every)


if __name__ == "__main__":
    main()
