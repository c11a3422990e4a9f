"""XML and HTML as trees: whatever a candidate says is text there, and what may not be shown is replaced."""

from typing import Any
from xml.etree import ElementTree

from pp_ref.oracle.reports.words import printable

__all__ = ["Element", "element"]

Element = ElementTree.Element


def element(tag: str, *children: Element | str, **attributes: Any) -> Element:
    """An element with these children. Of an attribute, `_` is written `-`, and the last `_` of `class_` is dropped."""
    made = Element(
        tag, {name.rstrip("_").replace("_", "-"): printable(str(value)) for name, value in attributes.items()}
    )
    for child in children:
        if not isinstance(child, str):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + printable(child)
        else:
            made.text = (made.text or "") + printable(child)
    return made
