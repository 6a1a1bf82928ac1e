"""The command line: flags from settings in, a task's steps watched, a picture out."""

from impasto.cli.app import app, main

__all__ = ["app", "main"]
