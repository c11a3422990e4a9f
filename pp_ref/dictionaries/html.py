"""A dictionary as a table in HTML, for notebooks: what made it, and a line with a picture for each column."""

import struct
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any
from zlib import compress, crc32

import numpy as np
from numpy.typing import NDArray

from pp_ref.dictionaries.columns import Column

__all__ = ["columns_html", "grey_png"]

SHOWN = 10  # columns at most


def columns_html(caption: str, columns: Sequence[Column], shape: tuple[int, ...]) -> str:
    """Return the table of a dictionary over a space of this shape.

    For images (height, width, channels) it has a picture of the middle atom of each column, U[:, k // 2].
    """
    heads = ("column", "kept", "structure", "condition", "rank", "an atom")
    rows: list[tuple[str, ...]] = []
    for j, column in enumerate(columns[:SHOWN]):
        kept, atom = f"{column.alpha.size} of {len(column.U)}", column.U[:, column.alpha.size // 2]
        picture = _picture(atom, shape)
        rows.append((str(j), kept, column.structure, f"{column.condition:.3g}", str(column.rank), picture))
    if (left := len(columns) - SHOWN) > 0:
        rows.append((f"and {left} more", *[""] * 5))
    lines = [_line("th", heads), *(_line("td", row) for row in rows)]
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}</table>"


def grey_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return an image (height, width) in the format PNG, 0 black and 255 white."""
    height, width = pixels.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels])  # a filter of 0 before each row
    parts = (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", compress(rows.tobytes())),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in parts:
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc32(name + data))
    return content


def _picture(atom: NDArray[Any], shape: tuple[int, ...]) -> str:
    """The atom as an image, the mean of its channels, zero grey; nothing unless its space has two axes of sites."""
    if len(shape) != 3:
        return ""
    image = atom.reshape(shape).mean(axis=2)
    pixels = np.round(127.5 + 127.5 * image / max(abs(image).max(), np.finfo(float).tiny)).astype(np.uint8)
    data = b64encode(grey_png(pixels)).decode()
    return f'<img alt="" height="56" style="image-rendering: pixelated" src="data:image/png;base64,{data}">'


def _line(tag: str, cells: tuple[str, ...]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"
