"""Which subcircuits of a SPICE extraction hold its cards, and whether it can be read as one flat cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from circuitgcl.parasitics.blocks import TextBlock, decode, read_blocks
from circuitgcl.parasitics.records import OffsetArray

SPECTRE_WORDS = frozenset({b"simulator", b"subckt", b"inline", b"include", b"ahdl_include", b"parameters"})
SPECTRE_PRIMITIVES = frozenset({b"capacitor", b"resistor"})
_DEFINITION = re.compile(rb"(?mi)^[ \t]*\.(?:subckt|macro)[ \t]+(\S+)")
_INSTANCE = re.compile(rb"(?mi)^[ \t]*x[^\n]*")
_BLANK_LINES = re.compile(rb"\n\s+")  # and what indents the next one
_STRUCTURE = re.compile(
    rb"(?mi)^[ \t]*(?:(?:simulator|(?:inline[ \t]+)?subckt|include)[ \t]"
    rb"|[a-z]\S*[ \t]+(?:\(|\S+[ \t]+\S+[ \t]+(?:capacitor|resistor)[ \t]))"
)


PART_NAME = re.compile(r"\.(?:pex|pxi)\b", re.I)  # of what a Calibre netlist includes


class NotFlatError(Exception):
    """The text has levels, includes or the syntax of Spectre: not for a reader of one flat cell."""


def looks_structured(path: str | Path) -> bool:
    """Whether a file defines several subcircuits, instantiates one, or is written in Spectre's language.

    Raises:
        ParasiticsError: the file cannot be read.
    """
    defined: list[bytes] = []
    masters: set[bytes] = set()
    rest = b""  # the last statement, which the next block may continue
    for block in chain(read_blocks(path), (TextBlock(data=b"*\n", first_line=0),)):
        joined = _BLANK_LINES.sub(b"\n", rest + block.data).replace(b"\n+", b" ")
        text, feed, rest = joined.rstrip(b"\n").rpartition(b"\n")
        text, rest = text + feed, rest + b"\n"
        defined += map(bytes.lower, _DEFINITION.findall(text))
        masters.update(master_of(card.split()) for card in _INSTANCE.findall(text))
        if _STRUCTURE.search(text):
            return True
    return len(defined) > 1 or not masters.isdisjoint(defined)


def is_spectre(fields: Sequence[bytes]) -> bool:
    """Whether a statement is of Spectre's language: its keyword or primitive, or nodes in parentheses."""
    if fields[0].lower() in SPECTRE_WORDS or (len(fields) > 1 and fields[1].startswith(b"(")):
        return True
    return len(fields) > 4 and fields[3] in SPECTRE_PRIMITIVES


def before_parameters(fields: list[bytes]) -> list[bytes]:
    """Fields of a card before its first `key=value`."""
    if b"=" not in b"".join(fields):
        return fields
    first = next(i for i, word in enumerate(fields) if b"=" in word)
    return fields[: first - (fields[first].startswith(b"="))]  # a blank may stand before the sign


def master_of(fields: list[bytes]) -> bytes:
    """Subcircuit of an instance card, in lower case."""
    words = before_parameters(fields)
    return words[-1].lower() if words else b""


def is_network_of_a_net(master: bytes) -> bool:
    """Whether a subcircuit, in lower case, is one in which Calibre puts a net's network (`pm_top%net`)."""
    return master.startswith(b"pm_") and b"%" in master


def includes_a_part(path: str | Path, fields: Sequence[bytes]) -> bool:
    """Whether an `.include` may bring capacitors: its file exists, or has the name of such a part."""
    name = decode(b" ".join(fields[1:])).strip("\"'")
    return PART_NAME.search(name) is not None or _exists(Path(path).parent / name)


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name the file system cannot take
        return False


class Scopes:
    """Which subcircuit each line lies in, and that all capacitors and resistors lie in the same one."""

    def __init__(self) -> None:
        self._stack: list[int] = [0]
        self._begin: list[int] = [0]  # line of each scope
        self._names: list[str] = [""]  # of all scopes met; 0 is the top of the file
        self._changes: list[tuple[int, int]] = [(0, 0)]  # line, scope from that line on
        self._home: int | None = None
        self._home_line = 0

    @property
    def home(self) -> int:
        """Number of the subcircuit of the capacitors, counted as they begin from 1; 0 for the top."""
        return self._home or 0

    @property
    def home_name(self) -> str:
        """Subcircuit of the capacitors; empty for the top of the file."""
        return self._names[self._home or 0]

    @property
    def home_line(self) -> int:
        """Line of the first card placed, 0 before it."""
        return self._home_line

    @property
    def open_name(self) -> str:
        """Innermost subcircuit that is open; empty outside."""
        return self._names[self._stack[-1]]

    @property
    def open_line(self) -> int:
        """Where the innermost open subcircuit begins."""
        return self._begin[self._stack[-1]]

    def enter(self, name: str, line: int) -> None:
        """A subcircuit begins."""
        self._names.append(name)
        self._begin.append(line)
        self._stack.append(len(self._names) - 1)
        self._changes.append((line, self._stack[-1]))

    def leave(self, line: int) -> None:
        """The innermost subcircuit ends."""
        if len(self._stack) > 1:
            self._stack.pop()
        self._changes.append((line, self._stack[-1]))

    def claim(self, lines: OffsetArray) -> None:
        """Place cards of a block [K lines].

        Raises:
            NotFlatError: one of them lies outside the others' subcircuit.
        """
        change_lines = np.array([line for line, _ in self._changes])
        place = np.searchsorted(change_lines, lines, side="right") - 1
        for change, first in zip(*np.unique(place, return_index=True), strict=True):
            scope = self._changes[change][1]
            if self._home is None:
                self._home, self._home_line = scope, int(lines[first])
            if scope != self._home:
                raise NotFlatError
        del self._changes[:-1]
