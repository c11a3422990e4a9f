"""Tables of what is refused."""


def refusals(table):
    """Rows (*arguments, error, message) of {error: [(*arguments, message), ...]}, for `pytest.mark.parametrize`."""
    return [(*arguments, error, message) for error, rows in table.items() for *arguments, message in rows]
