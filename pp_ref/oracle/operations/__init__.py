"""What is judged: the table of operations, their definitions, the cases drawn for them, and their exact values."""

__all__: list[str] = []
