"""Front door to extraction results: tell the format from the content and call its reader.

A further format is one reader module and one entry in `_READERS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum
from pathlib import Path

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import read_blocks
from circuitgcl.parasitics.dspf import read_dspf
from circuitgcl.parasitics.magic import read_magic_ext
from circuitgcl.parasitics.records import Parasitics, SkippedCards, tie_to_ground
from circuitgcl.parasitics.spef import read_spef
from circuitgcl.parasitics.spice import read_spice


class ExtractionFormat(Enum):
    """What kind of text a file holds."""

    SPICE = "SPICE C-netlist"
    DSPF = "DSPF"
    SPEF = "SPEF"
    MAGIC_EXT = "Magic .ext"
    MARKUP = "HTML or XML"
    LAYOUT = "LEF or DEF"
    LIBERTY = "Liberty"
    VERILOG = "Verilog"


_READERS: dict[ExtractionFormat, Callable[[str | Path], Parasitics]] = {
    ExtractionFormat.SPICE: read_spice,
    ExtractionFormat.DSPF: read_dspf,
    ExtractionFormat.SPEF: read_spef,
    ExtractionFormat.MAGIC_EXT: read_magic_ext,
}

RECOGNISED_GROUND = (
    ", taken for the reference node"  # ends a note of `skipped_cards`, after `net` and its name
)

_SNIFFED_BYTES = 1 << 16
_PROMISES = {  # suffixes that no other format goes by
    ".spef": ExtractionFormat.SPEF,
    ".dspf": ExtractionFormat.DSPF,
    ".ext": ExtractionFormat.MAGIC_EXT,
}

# Nets that are the reference node of a file without capacitors to node `0`, the likeliest first.
_GROUND_SPELLINGS = (
    *(
        "vsubs",
        "subs",
        "substrate",
        "psub",
        "psubstrate",
        "sub",
        "sub!",
        "gnd!",
        "0!",
        "gnd",
        "ground",
        "ground!",
    ),
    *("vss!", "vss"),
)

# The first line that one of these recognises decides; SPICE has no mark of its own and is what remains.
_MARKS: tuple[tuple[ExtractionFormat, re.Pattern[bytes]], ...] = (
    (ExtractionFormat.MARKUP, re.compile(rb"<[!?A-Za-z]")),
    (
        ExtractionFormat.LAYOUT,
        re.compile(rb"(VERSION|NAMESCASESENSITIVE|DIVIDERCHAR|MACRO|DESIGN)\s+\S+\s*;"),
    ),
    (ExtractionFormat.LIBERTY, re.compile(rb"library\s*\(")),
    (ExtractionFormat.VERILOG, re.compile(rb"`timescale\b|module\s+\S+\s*[(;]")),
    (ExtractionFormat.SPEF, re.compile(rb"\*(SPEF|C_UNIT|NAME_MAP|D_NET|R_NET)\b")),
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


def read_parasitics(
    path: str | Path, *, ground_names: Iterable[str] = (), top: str | None = None
) -> Parasitics:
    """Read an extraction result; the format is told from the content.

    A name that promises one format (`.spef`, `.dspf`, `.ext`) over another one's content is refused: such a
    file was mixed up, or has lost its beginning. Any other name will do.

    Where a SPICE file has no capacitor to node `0` and no `ground_names` are given, a net that is called like
    ground (`VSUBS`, `gnd!`, `vss`, …) is taken for the reference node, and listed in `skipped_cards`.

    Args:
        path: plain or gzip'd text.
        ground_names: nets besides `0` to treat as the reference node, case ignored (for example `gnd`).
        top: subcircuit to read, for SPICE files with several designs.

    Raises:
        ParasiticsError: the file cannot be read, its format is not supported or not that of its name, or its
            content is malformed.
    """
    first = next(read_blocks(path, block_bytes=_SNIFFED_BYTES), None)
    if first is None:
        raise ParasiticsError("this file is empty.", location=SourceLocation(str(path), 0))
    kind = sniff_format(first.data)
    reader = _READERS.get(kind)
    if reader is None:
        supported = ", ".join(known.value for known in _READERS)
        raise ParasiticsError(
            f"this looks like {kind.value}, which is no extraction result; expected one of: {supported}.",
            location=SourceLocation(str(path), 1),
        )
    _check_name(Path(path), kind)
    names = list(ground_names)
    if kind is ExtractionFormat.SPICE:
        found = read_spice(path, top=top)
        return tie_to_ground(found, names) if names else _with_recognised_ground(found)
    found = reader(path)
    if top is not None and top.casefold() != found.design.casefold():
        raise ParasiticsError(
            f"there is no {top} in this file; it holds {found.design}.", location=SourceLocation(str(path), 0)
        )
    return tie_to_ground(found, names)


def _check_name(path: Path, kind: ExtractionFormat) -> None:
    suffix = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
    promised = _PROMISES.get(suffix.lower(), kind)
    if promised is not kind:
        raise ParasiticsError(
            f"this looks like {kind.value}, but {suffix} stands for {promised.value}; "
            "expected the content that the name promises. Rename the file if it is the right one.",
            location=SourceLocation(str(path), 1),
        )


def _with_recognised_ground(found: Parasitics) -> Parasitics:
    """The same with a net called like ground as the reference node, where nothing else is."""
    if found.ground_farad.any() or not len(found.pair_a):
        return found
    nets = {net.casefold(): net for net in found.nets}
    ground = next((nets[spelling] for spelling in _GROUND_SPELLINGS if spelling in nets), None)
    if ground is None:
        return found
    note = SkippedCards(kind=f"net {ground}{RECOGNISED_GROUND}", count=1, first_line=1)
    tied = tie_to_ground(found, [ground])
    return replace(tied, skipped_cards=(*found.skipped_cards, note))
