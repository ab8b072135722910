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


# `$` opens a comment only where a blank stands before it and none of the data forms `$SUB=`, `$[model]` follows.
_SPICE = Dialect(
    name=DialectName.SPICE,
    inline_comment=re.compile(r";|(?:(?<=\s)|^)//|(?:(?<=\s)|^)\$(?!\[|\w+\s*=)"),
    has_title_line=True,
)
_CDL = Dialect(
    name=DialectName.CDL,
    inline_comment=re.compile(r"(?<=\s)\$(?=\s)"),
    has_title_line=False,
)
DIALECTS: dict[DialectName, Dialect] = {dialect.name: dialect for dialect in (_SPICE, _CDL)}

_CDL_SIGNS = re.compile(r"^\*\.(?:PININFO|GLOBAL|BIPOLAR|RESI|CAPVAL|LDD|SCALE|EQUATION)", re.I | re.M)


def detect_dialect(text: str) -> Dialect:
    """Dialect of a netlist text: CDL where its `*.` directives occur, else SPICE."""
    return DIALECTS[DialectName.CDL if _CDL_SIGNS.search(text) else DialectName.SPICE]
