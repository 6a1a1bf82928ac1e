"""The command line: flags become settings, a task runs and reports its steps, and a picture is written."""

from impasto.cli.app import app, main

__all__ = ["app", "main"]
