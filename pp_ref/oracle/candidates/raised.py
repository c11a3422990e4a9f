"""What a candidate raised, in words."""

import textwrap
import traceback

from pp_ref.oracle.candidates.call import Call

__all__ = ["raised"]

CALL = Call.__init__.__code__.co_filename


def raised(error: BaseException, call: Call | None) -> str:
    """What was raised, and the line of the candidate's own file that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each.__code__ for each in (call.own if call is not None else []) if hasattr(each, "__code__")]
    files = {code.co_filename for code in own}
    where = next((frame for frame in reversed(frames) if frame.filename in files), frames[-1])
    said = textwrap.shorten(str(error)[:1000], 300)  # a message of megabytes takes minutes
    file, line = where.filename, where.lineno
    if call is not None and isinstance(error, TypeError) and frames[-1].filename == CALL and (found := call.unfit()):
        file, line, said = found
    return f"raised {type(error).__name__} at {file.rpartition('/')[2]}:{line}: {said}"
