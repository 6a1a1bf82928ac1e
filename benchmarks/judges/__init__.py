"""Judge stylized pictures by networks other than those that made them, and by blind comparison.

`docs/judging.md` describes the protocol. `python -m benchmarks.judges --help` lists the commands.
"""
