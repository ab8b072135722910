"""Encrypted parts of netlist files: nobody can read them, so they are found and left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from circuitgcl.netlist.dialects import Dialect
from circuitgcl.netlist.lexing import Statements

_REST_OF_LINE = r"[^\n]*\n?"
_ENCRYPTED = tuple(
    (signs, re.compile(pattern, re.I | re.M | re.S))
    for signs, pattern in (
        # Cadence, IEEE 1735; the markers stand in comments or pragmas
        (
            ("begin_protected",),
            rf"^[^\n]*\bbegin_protected\b.*?(?:^[^\n]*\bend_protected\b{_REST_OF_LINE}|\Z)",
        ),
        (("$CDNENC",), rf"^\$CDNENCSTART.*?(?:^\$CDNENCFINISH{_REST_OF_LINE}|\Z)"),  # PSpice
        # HSPICE names the method behind `.prot`; a bare one hides readable text from listings
        ((".prot", ".PROT"), rf"^[ \t]*\.prot(?:ect)?[ \t]+[a-z]\w*.*?(?:^[ \t]*\.unprot{_REST_OF_LINE}|\Z)"),
        (("Encrypted File",), rf"^\*[ \t]*LTspice Encrypted File.*?(?:^\*[ \t]*End\b{_REST_OF_LINE}|\Z)"),
    )
)


def readable_parts(
    statements: Statements, dialect: Dialect, report: Callable[[int], None]
) -> Iterator[Statements]:
    """The statements outside encrypted parts.

    Args:
        statements: of a file, or of a part of it, at their begin.
        dialect: their rules.
        report: called with the line number of every encrypted part, in its turn.
    """
    text, begin, stop, line = statements.text, statements.position, statements.stop, statements.line
    parts = _encrypted_parts(text, begin, stop)
    if not parts:
        yield statements
        return
    for first, last in parts:
        if first < begin:  # inside another one
            continue
        yield Statements(text, dialect, start=begin, stop=first, line=line)
        line += text.count("\n", begin, first)
        report(line)
        line += text.count("\n", first, last)
        begin = last
    yield Statements(text, dialect, start=begin, stop=stop, line=line)


def _encrypted_parts(text: str, begin: int, stop: int) -> list[tuple[int, int]]:
    """Begin and end of every encrypted part, in order."""
    return sorted(
        match.span()
        for signs, pattern in _ENCRYPTED
        if any(text.find(sign, begin, stop) >= 0 for sign in signs)
        for match in pattern.finditer(text, begin, stop)
    )
