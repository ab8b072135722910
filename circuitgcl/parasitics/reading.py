"""Front door to extraction results: tell the format from the content and call its reader.

A further format is one reader module and one entry in `_READERS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import read_blocks
from circuitgcl.parasitics.dspf import read_dspf
from circuitgcl.parasitics.magic_ext import read_magic_ext
from circuitgcl.parasitics.records import Parasitics, tie_to_ground
from circuitgcl.parasitics.spef import read_spef
from circuitgcl.parasitics.spice import read_spice


class ExtractionFormat(Enum):
    """What kind of text a file holds."""

    SPICE = "SPICE C-netlist"
    DSPF = "DSPF"
    SPEF = "SPEF"
    MAGIC_EXT = "Magic .ext"
    MARKUP = "HTML or XML"


_READERS: dict[ExtractionFormat, Callable[[str | Path], Parasitics]] = {
    ExtractionFormat.SPICE: read_spice,
    ExtractionFormat.DSPF: read_dspf,
    ExtractionFormat.SPEF: read_spef,
    ExtractionFormat.MAGIC_EXT: read_magic_ext,
}

_SNIFFED_BYTES = 1 << 16

# The first line that one of these recognises decides; SPICE has no mark of its own and is what remains.
_MARKS: tuple[tuple[ExtractionFormat, re.Pattern[bytes]], ...] = (
    (ExtractionFormat.MARKUP, re.compile(rb"<[!?A-Za-z]")),
    (ExtractionFormat.SPEF, re.compile(rb"\*(SPEF|C_UNIT|NAME_MAP|D_NET)\b")),
    (
        ExtractionFormat.DSPF,
        re.compile(rb"\*\|\s*(DSPF|DIVIDER|DELIMITER|BUSBIT|GROUND_NET|NET|I|S)\b|\*\|P\s*\("),
    ),
    (
        ExtractionFormat.MAGIC_EXT,
        re.compile(rb'(timestamp|scale|resistclasses|node)\s+["\d]|tech \S+$|substrate "'),
    ),
)


def sniff_format(text: bytes) -> ExtractionFormat:
    """Format of the first lines of a file."""
    for line in text.splitlines():
        for kind, mark in _MARKS:
            if mark.match(line.lstrip()):
                return kind
    return ExtractionFormat.SPICE


def read_parasitics(path: str | Path, *, ground_names: Iterable[str] = ()) -> Parasitics:
    """Read an extraction result; the format is told from the content, not from the file name.

    Args:
        path: plain or gzip'd text.
        ground_names: nets besides `0` to treat as the reference node, case ignored (for example `gnd`).

    Raises:
        ParasiticsError: the file cannot be read, its format is not supported, or its content is malformed.
    """
    first = next(read_blocks(path, block_bytes=_SNIFFED_BYTES), None)
    if first is None:
        raise ParasiticsError("this file is empty.", location=SourceLocation(str(path), 0))
    kind = sniff_format(first.data)
    reader = _READERS.get(kind)
    if reader is None:
        supported = ", ".join(known.value for known in _READERS)
        raise ParasiticsError(
            f"this looks like {kind.value}, which is not supported yet; expected one of: {supported}.",
            location=SourceLocation(str(path), 1),
        )
    return tie_to_ground(reader(path), ground_names)
