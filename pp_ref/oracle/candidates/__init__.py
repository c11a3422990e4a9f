"""Who is judged: functions in this process or another, or answers in files; what they return and how they behave."""

__all__: list[str] = []
