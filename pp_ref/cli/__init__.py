"""The `pp-ref` command. Nothing heavy is imported before a command runs."""

from pp_ref.cli.commands import app, main

__all__ = ["app", "main"]
