"""The verdict on a case, and the diagnosis of an operation in words."""

__all__: list[str] = []
