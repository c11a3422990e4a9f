"""What all commands have in common: the command that was meant is named, and help shows no type of a flag."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandFunctionType

from pp_ref.errors import meant

__all__ = ["App", "Group"]


def _without_types_of_flags(options: list[Any]) -> list[Any]:
    """The same options, of which flags show no "<bool>": it reads as if they took a value."""
    for option in options:
        if getattr(option, "is_flag", False):
            option.metavar = ""
    return options


class Command(TyperCommand):
    """A command whose help shows the names of flags alone."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the arguments and options."""
        return _without_types_of_flags(super().get_params(ctx))


class Group(TyperGroup):
    """Refuses a command that does not exist, and names the nearest one: "figure4" means "figure4-left"."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options."""
        return _without_types_of_flags(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the command, the command, and the other arguments."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"no command is called {name!r}{meant(name, self.commands)}")
        return super().resolve_command(ctx, args)


class App(typer.Typer):
    """A group of such commands, which shows its help if none is given."""

    def __init__(self, cls: type[Group] = Group, no_args_is_help: bool = True, **settings: Any) -> None:
        super().__init__(cls=cls, no_args_is_help=no_args_is_help, suggest_commands=False, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Return the decorator of a command."""
        return super().command(name, cls=Command, **settings)
