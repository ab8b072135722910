"""The text of an extraction once more: where names stand, and cards that repeat each other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from circuitgcl.parasitics.blocks import read_blocks
from circuitgcl.parasitics.reading import ExtractionFormat, sniff_format

MIN_DIGITS = 5  # significant ones; two capacitors with as many in common are one
MIN_SHARE = 0.1  # of the couplings, from which on even rounded values do not repeat by chance

_COUPLING = re.compile(rb"(?m)^[ \t]*[cC]\S*[ \t]+(\S+)[ \t]+(\S+)[ \t]+([0-9.][^\s]*)[ \t]*$")
_DIGITS = re.compile(rb"[0-9.]+")
_BOUNDARY = rb"[\s\"'=,()]"


@dataclass(frozen=True, kw_only=True)
class RepeatedCards:
    """Coupling capacitors of a SPICE extraction that say what another one says already."""

    couplings: int  # distinct pairs of nodes
    repeated: int  # cards that repeat the value of an earlier card of the same pair
    first_line: int  # of these cards, 1-based
    first_pair: tuple[str, str]


def first_lines(path: Path, names: Iterable[str]) -> dict[str, int]:
    """Lines where names are first met, 1-based; names that are not met are left out.

    Raises:
        ParasiticsError: the file cannot be read.
    """
    wanted = {name: name.encode() for name in names}
    patterns = {
        name: re.compile(
            rb"(?m)(?:^|(?<=" + _BOUNDARY + rb"))" + re.escape(text) + rb"(?=" + _BOUNDARY + rb"|$)"
        )
        for name, text in wanted.items()
    }
    found: dict[str, int] = {}
    for block in read_blocks(path):
        for name in [name for name, text in wanted.items() if text in block.data]:
            match = patterns[name].search(block.data)
            if match:
                found[name] = block.first_line + block.data.count(b"\n", 0, match.start())
                del wanted[name]
        if not wanted:
            break
    return found


def repeated_cards(path: Path) -> RepeatedCards | None:
    """Coupling cards of a SPICE extraction that repeat each other in nodes and value, whatever their order.

    Parallel capacitors of a layout hardly agree in all their digits; files that were joined or written twice
    do. None for other formats, where readers count a coupling once, and where nothing repeats.

    Raises:
        ParasiticsError: the file cannot be read.
    """
    values: dict[tuple[bytes, bytes], set[bytes]] = {}
    repeated, first_line, first_pair = 0, 0, (b"", b"")
    rounded = 0
    for block in read_blocks(path):
        if block.first_line == 1 and sniff_format(block.data) is not ExtractionFormat.SPICE:
            return None
        for match in _COUPLING.finditer(block.data):
            a, b, value = match.groups()
            if b"0" in (a, b) or a == b:
                continue
            seen = values.setdefault((a, b) if a < b else (b, a), set())
            if value not in seen:
                seen.add(value)
                continue
            repeated += 1
            rounded += _significant_digits(value) < MIN_DIGITS
            if not first_line:
                first_line = block.first_line + block.data.count(b"\n", 0, match.start())
                first_pair = a, b
    if not repeated or (repeated == rounded and repeated < MIN_SHARE * len(values)):
        return None
    a_name, b_name = (name.decode(errors="replace") for name in first_pair)
    return RepeatedCards(
        couplings=len(values), repeated=repeated, first_line=first_line, first_pair=(a_name, b_name)
    )


def _significant_digits(value: bytes) -> int:
    match = _DIGITS.match(value)
    return len(match[0].replace(b".", b"").strip(b"0")) if match else 0
