"""QR codes on a terminal."""

import sys
from itertools import zip_longest

import segno
from rich.console import Console
from rich.style import Style
from rich.text import Text

_QUIET_ZONE = 4
"""Modules of light around the code that a scanner needs, by ISO/IEC 18004."""


def show_qr(content: str) -> bool:
    """Shows it beside the output, two modules to a character. Returns False where no terminal can show it.

    Black on white whatever the terminal's own colours are. Without colours (NO_COLOR) the light modules are
    drawn, which is right on a dark terminal and inverted on a light one.
    """
    console = Console(stderr=True)
    lines = _lines(content, coloured=console.color_system is not None and not console.no_color)
    if not sys.stderr.isatty() or console.width < lines[0].cell_len or not _has_blocks(console):
        return False
    for line in lines:
        console.print(line, no_wrap=True, highlight=False)
    return True


def _lines(content: str, *, coloured: bool) -> list[Text]:
    code = segno.make_qr(content, error="l")
    rows = [list(row) for row in code.matrix_iter(border=_QUIET_ZONE)]
    light = [0] * len(rows[0])
    pairs = zip_longest(rows[0::2], rows[1::2], fillvalue=light)
    draw = _coloured if coloured else _uncoloured
    return [draw(upper, lower) for upper, lower in pairs]


def _coloured(upper: list[int], lower: list[int]) -> Text:
    line = Text()
    for above, below in zip(upper, lower, strict=True):
        line.append("▀", Style(color=_colour(above), bgcolor=_colour(below)))
    return line


def _colour(module: int) -> str:
    return "#000000" if module else "#ffffff"


def _uncoloured(upper: list[int], lower: list[int]) -> Text:
    glyphs = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return Text("".join(glyphs[bool(a), bool(b)] for a, b in zip(upper, lower, strict=True)))


def _has_blocks(console: Console) -> bool:
    return console.encoding.lower().replace("-", "") == "utf8"
