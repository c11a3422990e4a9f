"""Tests of the messages for what is refused."""

import pytest


def refuses(call, table):
    """A test that call(*arguments) raises the error with the message, for each row of a table.

    table  {error: [(*arguments, message), ...]}; a message is a regular expression
    """
    rows = [(arguments, error, message) for error, refused in table.items() for *arguments, message in refused]

    @pytest.mark.parametrize(("arguments", "error", "message"), rows)
    def test(arguments, error, message):
        with pytest.raises(error, match=message):
            call(*arguments)

    return test
