"""Index structure in names: `bl[3]`, `Xbit_r12_c7`, `net_0_4` are members of families with coordinates.

Nothing here knows a naming scheme: every run of digits is a coordinate, and the name without them is the
family. Case does not matter; a run longer than nine digits is a hash or a date, no coordinate.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.hashing import combined, hashed, segment_multisets
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.hashing import HashArray

MAX_BUS_STEP = 3
MAX_DIGITS = 9


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


@dataclass(frozen=True, kw_only=True)
class IndexSteps:
    """Pairs of names of one family whose coordinates differ by a given step in exactly one place, S rows."""

    lower: Index  # [S] name with the lower index
    upper: Index  # [S]
    place: Index  # [S] which coordinate steps, counted from the end
    value: Index  # [S] the lower index


@dataclass(frozen=True, kw_only=True)
class IndexedNames:
    """Families and coordinates of n names, c coordinates in all."""

    family: HashArray  # [n] hash of the name without its digits and of the number of its coordinates
    offset: Index  # [n + 1] bounds of each name's coordinates
    coordinate: Index  # [c]

    @classmethod
    def of(cls, names: Iterable[str]) -> IndexedNames:
        """Index structure of names, none of which holds a line feed."""
        text = "".join(f"{name}\n" for name in names).casefold()
        if not text.isascii():
            text = re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text)
        letters = np.frombuffer(text.encode(), np.uint8)
        ends = np.flatnonzero(letters == ord("\n"))
        is_digit = (letters >= ord("0")) & (letters <= ord("9"))
        starts_run = is_digit.copy()
        starts_run[1:] &= ~is_digit[:-1]
        begin = np.flatnonzero(starts_run)
        name = np.searchsorted(ends, begin)
        length = np.bincount(np.cumsum(starts_run)[is_digit] - 1, minlength=len(begin))
        is_coordinate = length <= MAX_DIGITS
        begin, length = begin[is_coordinate], length[is_coordinate]
        place = positions(begin, length)
        power = 10 ** (np.repeat(begin + length - 1, length) - place)
        digits = offsets(length)
        total = np.concatenate([[0], np.cumsum((letters[place] - ord("0")).astype(np.int64) * power)])
        offset = offsets(np.bincount(name[is_coordinate], minlength=len(ends)))
        return cls(
            family=combined(_family_text(letters, is_digit, starts_run, ends), hashed(np.diff(offset))),
            offset=offset,
            coordinate=(total[digits[1:]] - total[digits[:-1]]).astype(np.int64),
        )

    @property
    def count(self) -> Index:
        """Number of coordinates of every name, [n]."""
        return np.diff(self.offset)

    @property
    def last(self) -> Index:
        """Last coordinate of every name, [n]; -1 where there is none."""
        found = np.full(len(self.family), -1)
        indexed = self.count > 0
        found[indexed] = self.coordinate[self.offset[1:][indexed] - 1]
        return found

    def take(self, rows: NDArray[np.integer]) -> IndexedNames:
        """Index structure of some of the names."""
        counts = self.count[rows]
        return IndexedNames(
            family=self.family[rows],
            offset=offsets(counts),
            coordinate=self.coordinate[positions(self.offset[rows], counts)],
        )

    def steps(self, step: int) -> IndexSteps:
        """Pairs whose coordinates differ by `step` in exactly one place; of equal names the last counts."""
        name = np.repeat(np.arange(len(self.family)), self.count)
        place = np.arange(len(self.coordinate)) - self.offset[name]
        # linear in the coordinates, so that the code of a neighbour is a sum away
        weight = hashed(place) | np.uint64(1)
        code = self.family + segment_multisets(self.offset, self.coordinate.astype(np.uint64) * weight)
        order = np.argsort(code, kind="stable")
        sought = code[name] + np.uint64(step) * weight
        found = order[np.maximum(np.searchsorted(code[order], sought, side="right") - 1, 0)]
        hit = np.flatnonzero((code[found] == sought) & (found != name))
        name = name[hit]
        return IndexSteps(
            lower=name,
            upper=found[hit],
            place=self.count[name] - 1 - place[hit],
            value=self.coordinate[hit],
        )

    def relation(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.int8]:
        """`IndexRelation` of pairs of names, [p]; symmetric."""
        indexed_a, indexed_b = self.count[a] > 0, self.count[b] > 0
        same = self.family[a] == self.family[b]
        differing, distance = self.differences(a, b, same)
        is_step = same & (differing == 1) & (distance <= MAX_BUS_STEP)
        gap = np.abs(self.last[a] - self.last[b])
        relations = np.select(
            [~indexed_a & ~indexed_b, indexed_a != indexed_b, is_step, same, gap == 0, gap == 1],
            [
                IndexRelation.NONE,
                IndexRelation.ONE_INDEXED,
                IndexRelation.BUS_STEP_1 + distance - 1,
                IndexRelation.BUS_FAR,
                IndexRelation.CROSS_SAME,
                IndexRelation.CROSS_STEP_1,
            ],
            IndexRelation.CROSS_FAR,
        )
        return relations.astype(np.int8)

    def differences(
        self, a: NDArray[np.integer], b: NDArray[np.integer], same: NDArray[np.bool_]
    ) -> tuple[Index, Index]:
        """Number of coordinates that differ and the sum of the distances, [p]; 0 outside families."""
        counts = np.where(same, self.count[a], 0)
        apart = np.abs(
            self.coordinate[positions(self.offset[a], counts)]
            - self.coordinate[positions(self.offset[b], counts)]
        )
        pair = np.repeat(np.arange(len(counts)), counts)
        differing = np.bincount(pair[apart > 0], minlength=len(counts))
        distance = np.bincount(pair, weights=apart, minlength=len(counts))
        return differing, distance.astype(np.int64)


def _family_text(
    letters: NDArray[np.uint8], is_digit: NDArray[np.bool_], starts_run: NDArray[np.bool_], ends: Index
) -> HashArray:
    """Hash of every name with each run of digits replaced by one mark, [n]."""
    kept = np.flatnonzero(~is_digit | starts_run)
    symbol = np.where(starts_run[kept], np.uint8(0), letters[kept])
    bounds = np.concatenate([np.zeros(1, np.int64), np.searchsorted(kept, ends) + 1])
    place = np.arange(len(kept)) - np.repeat(bounds[:-1], np.diff(bounds))
    return segment_multisets(bounds, combined(symbol.astype(np.uint64), place.astype(np.uint64)))
