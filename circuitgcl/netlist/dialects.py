"""What differs between netlist dialects, as data; `detect_dialect` guesses from the text itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class DialectName(StrEnum):
    """Dialects the reader knows."""

    SPICE = "spice"
    CDL = "cdl"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Lexical rules of one dialect."""

    name: DialectName
    inline_comment: re.Pattern[str]  # matches from the comment marker on
    has_title_line: bool  # whether the first line of a main file may be free text
    star_directives: bool  # whether `*.` opens a directive instead of a comment


# `$` opens a comment only where a blank stands before it and no data follows (`$SUB=gnd!`, `$[model]`).
_SPICE = Dialect(
    name=DialectName.SPICE,
    inline_comment=re.compile(r";|(?:(?<=\s)|^)//|(?:(?<=\s)|^)\$(?!\[|\w+\s*=)"),
    has_title_line=True,
    star_directives=False,
)
_CDL = Dialect(
    name=DialectName.CDL,
    inline_comment=re.compile(r"(?<=\s)\$(?=\s)"),
    has_title_line=False,
    star_directives=True,
)
DIALECTS: dict[DialectName, Dialect] = {dialect.name: dialect for dialect in (_SPICE, _CDL)}

_CDL_SIGNS = re.compile(r"^\*\.(?:PININFO|GLOBAL|BIPOLAR|RESI|CAPVAL|LDD|SCALE|EQUATION)", re.I | re.M)
_SPECTRE_SIGNS = re.compile(
    r"^[ \t]*(?:simulator[ \t]+lang[ \t]*=[ \t]*spectre|(?:inline[ \t]+)?subckt[ \t]+\S)", re.I | re.M
)
_SPICE_SIGNS = re.compile(r"^[ \t]*\.subckt[ \t]", re.I | re.M)


def detect_dialect(text: str) -> Dialect:
    """Dialect of a netlist text: CDL where its `*.` directives occur, else SPICE."""
    return DIALECTS[DialectName.CDL if _CDL_SIGNS.search(text) else DialectName.SPICE]


def find_spectre(text: str) -> int:
    """1-based line of the first statement that only Spectre understands, or 0."""
    match = _SPECTRE_SIGNS.search(text)
    if match is None or _SPICE_SIGNS.search(text):
        return 0
    return text.count("\n", 0, match.start()) + 1
