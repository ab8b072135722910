"""Directions of ports, which netlist writers state in comments inside a definition.

Read are `*.PININFO A:I Y:O VDD:P` of CDL, `*.ipin A` of xschem and `* INPUT : A` of OpenRAM. A comment may
hold anything: what names no port, or states no direction, is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from circuitgcl.schema import PortDirection

StatedLine = tuple[int, list[tuple[str, PortDirection]]]  # 1-based line, (port as spelled, direction)

_DIRECTIONS = {
    **dict.fromkeys(("i", "ipin", "input"), PortDirection.INPUT),
    **dict.fromkeys(("o", "opin", "output"), PortDirection.OUTPUT),
    **dict.fromkeys(("b", "io", "iopin", "inout"), PortDirection.INOUT),
    **dict.fromkeys(("p", "power"), PortDirection.SUPPLY),
    **dict.fromkeys(("g", "ground"), PortDirection.GROUND),
}
_CONTINUED = r"[^\n]*+(?:\n(?:\*\.?)?\+[^\n]*+)*+"
_STATEMENT = re.compile(  # begins with plain characters, by which it is searched for
    rf"\n\*(?:\.pininfo[ \t](?P<typed>{_CONTINUED})"
    r"|\.(?P<pin>ipin|opin|iopin)[ \t](?P<pins>[^\n]*+)"
    r"|[ \t]*+(?P<word>input|output|inout|power|ground)[ \t]*+:(?P<ports>[^\n]*+))",
    re.I,
)


def stated_directions(text: str, begin: int, stop: int, line: int) -> Iterator[StatedLine]:
    """Directions that the comments in a part of a netlist text state, in their order.

    Args:
        text: a whole file.
        begin: where the part begins, at the begin of a line; a first line stands in no definition.
        stop: where it ends.
        line: 1-based number of the line at `begin`.
    """
    position = begin
    for match in _STATEMENT.finditer(text, max(begin - 1, 0), stop):
        line += text.count("\n", position, match.start() + 1)
        position = match.start() + 1
        stated = list(_stated(match))
        if stated:
            yield line, stated


def _stated(match: re.Match[str]) -> Iterator[tuple[str, PortDirection]]:
    if match["typed"] is not None:
        for word in match["typed"].split():
            name, _, letter = word.rpartition(":")
            direction = _DIRECTIONS.get(letter.lower())
            if name and direction is not None:
                yield name, direction
        return
    direction = _DIRECTIONS[(match["pin"] or match["word"]).lower()]
    for name in (match["pins"] or match["ports"] or "").replace(",", " ").split():
        yield name, direction
