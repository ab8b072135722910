"""Index structure of one name, and the relation of two, in plain Python."""

from __future__ import annotations

import re
from dataclasses import dataclass

from circuitgcl.graph.indices import MAX_BUS_STEP, IndexRelation

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class IndexedName:
    """A name split into family and coordinates."""

    family: str
    coordinates: tuple[int, ...]


def indexed(name: str) -> IndexedName:
    """Split a name; digit runs longer than nine characters are hashes or dates, not coordinates."""
    coordinates = tuple(int(run) for run in _DIGITS.findall(name) if len(run) <= 9)
    return IndexedName(_DIGITS.sub("#", name.casefold()), coordinates)


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
