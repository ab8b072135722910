"""Index structure in names: `bl[3]`, `Xbit_r12_c7`, `net_0_4` are members of families with coordinates.

Nothing here knows a naming scheme: every run of digits is a coordinate, and the name without them is the
family.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

_DIGITS = re.compile(r"\d+")

MAX_BUS_STEP = 3


class IndexRelation(IntEnum):
    """How the indices of two nets of one body relate."""

    NONE = 0  # neither has an index
    ONE_INDEXED = 1
    BUS_STEP_1 = 2  # same family, one coordinate differs by 1
    BUS_STEP_2 = 3
    BUS_STEP_3 = 4
    BUS_FAR = 5
    CROSS_SAME = 6  # two families, equal last coordinate
    CROSS_STEP_1 = 7
    CROSS_FAR = 8


@dataclass(frozen=True, slots=True)
class IndexedName:
    """A name split into family and coordinates."""

    family: str
    coordinates: tuple[int, ...]


def indexed(name: str) -> IndexedName:
    """Split a name; digit runs longer than nine characters are hashes or dates, not coordinates."""
    coordinates = tuple(int(run) for run in _DIGITS.findall(name) if len(run) <= 9)
    return IndexedName(_DIGITS.sub("#", name.casefold()), coordinates)


def families(names: Sequence[str]) -> dict[tuple[str, int], list[tuple[tuple[int, ...], int]]]:
    """Members of every family as (coordinates, position in `names`), families of one included."""
    found: dict[tuple[str, int], list[tuple[tuple[int, ...], int]]] = {}
    for position, name in enumerate(names):
        split = indexed(name)
        found.setdefault((split.family, len(split.coordinates)), []).append((split.coordinates, position))
    return found


def steps(members: list[tuple[tuple[int, ...], int]], step: int) -> list[tuple[int, int, int, int]]:
    """Pairs of one family whose coordinates differ by `step` in exactly one place.

    Returns:
        (position of the lower, position of the upper, coordinate counted from the end, parity of the lower
        index).
    """
    at = dict(members)
    pairs = []
    for coordinates, position in members:
        for place, value in enumerate(coordinates):
            other = at.get((*coordinates[:place], value + step, *coordinates[place + 1 :]))
            if other is not None and other != position:
                pairs.append((position, other, len(coordinates) - 1 - place, value % 2))
    return pairs


def relation(a: IndexedName, b: IndexedName) -> IndexRelation:
    """Index relation of two net names of one body; symmetric."""
    if not a.coordinates or not b.coordinates:
        return IndexRelation.ONE_INDEXED if a.coordinates or b.coordinates else IndexRelation.NONE
    if a.family == b.family and len(a.coordinates) == len(b.coordinates):
        differences = [abs(x - y) for x, y in zip(a.coordinates, b.coordinates, strict=True) if x != y]
        if len(differences) == 1 and differences[0] <= MAX_BUS_STEP:
            return IndexRelation(IndexRelation.BUS_STEP_1 + differences[0] - 1)
        return IndexRelation.BUS_FAR
    gap = abs(a.coordinates[-1] - b.coordinates[-1])
    if gap == 0:
        return IndexRelation.CROSS_SAME
    return IndexRelation.CROSS_STEP_1 if gap == 1 else IndexRelation.CROSS_FAR
