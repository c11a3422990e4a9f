"""A group of commands that names the command which was meant."""

from typing import Any

from typer.core import TyperGroup

from pp_ref.errors import meant

__all__ = ["Group"]


class Group(TyperGroup):
    """Refuses a command that does not exist, and names the nearest one: "figure4" means "figure4-left"."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the command, the command, and the other arguments."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"no command is called {name!r}{meant(name, self.commands)}")
        return super().resolve_command(ctx, args)
