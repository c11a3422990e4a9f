"""Read the project's docstrings for the site: their tables of arguments become sections of numpydoc.

A docstring has a summary, paragraphs, a table with a line an argument, "returns" and "raises" (the name, two or more
spaces, what it is; what follows is indented), and a section of examples.
"""

import re
from typing import Any

ENTRY = re.compile(r"(\S.*?) {2,}(\S.*)")
SECTIONS = {"returns": "Returns", "yields": "Yields", "raises": "Raises"}
LITERAL = re.compile(r"(``.*?``|`.*?`)")
PAGE = re.compile(r"docs/(\w+)\.md(#(?:[\w-]|\\_)+)?")  # the pages of modules lie in docs/api


def linked(found: re.Match[str]) -> str:
    """Return a link to a page, and to a heading of it."""
    place = (found[2] or "").replace("\\", "")
    return f"`{found[1]}{place} <../{found[1]}.html{place}>`__"


def paragraphs(lines: list[str]) -> list[list[str]]:
    """Divide lines at empty ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [each for each in found if each]


def escaped(text: str) -> str:
    """Return text in which |, * and _ stand for themselves; what is between backquotes is code."""
    parts = LITERAL.split(text)
    return "".join(
        f"``{part.strip('`')}``\\ " if number % 2 else re.sub(r"([|*_\\])", r"\\\1", part)
        for number, part in enumerate(parts)
    )


def entries(lines: list[str]) -> list[tuple[str, str]] | None:
    """Return (name, text) of each line of a table, whose texts begin in one column, or None for other lines."""
    columns = [match.start(2) for line in lines if (match := ENTRY.fullmatch(line))]
    if not columns or lines[0].startswith(" "):
        return None
    column, found = min(columns), []
    for line in lines:
        if match := ENTRY.fullmatch(line):
            found.append((match[1], match[2]))
        elif not line[:column].strip():
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        elif line[column - 1 : column] == " ":
            found.append((line[:column].strip(), line[column:]))
        else:
            return None
    return found


def as_numpydoc(lines: list[str]) -> list[str]:
    """Return the lines of a docstring as numpydoc reads them."""
    start = lines.index("Examples") if "Examples" in lines else len(lines)
    said: list[str] = []
    sections: dict[str, list[str]] = {}
    for paragraph in paragraphs(lines[:start]):
        if all(line.startswith("    ") for line in paragraph):
            said += ["::", "", *paragraph, ""]
        elif (table := entries(paragraph)) and said:
            for name, text in table:
                section = SECTIONS.get(name, "Parameters")
                item = [escaped(name), f"    {escaped(text)}"] if section == "Parameters" else [f"    {escaped(text)}"]
                sections.setdefault(section, [section, "-" * len(section)]).extend(item)
        else:
            said += [*map(escaped, paragraph), ""]
    for section in ("Parameters", *SECTIONS.values()):
        said += [*sections.get(section, []), ""]
    return [PAGE.sub(linked, line) for line in said] + lines[start:]


def process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Replace the lines of a docstring, before numpydoc reads them."""
    lines[:] = as_numpydoc(lines)
