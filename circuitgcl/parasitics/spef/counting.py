"""Counting the capacitors of a SPEF file: each coupling once, and the totals of the nets checked.

The format lists a coupling in the sections of both its nets; many files list it in one of them only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuitgcl.parasitics.records import FloatArray, IntArray

TOTAL_DIFFERS = "net total that is not the sum of its capacitors"
SIDES_DIFFER = "coupling with two values in the sections of its two nets; the larger counts"

NO_PIN = -1


@dataclass(kw_only=True, slots=True)
class Section:
    """One `*D_NET` or `*R_NET`."""

    spelled: bytes
    line: int
    total_farad: float
    last_digit_farad: float  # rounding of the total
    reduced_farad: float | None = None  # ground capacitance of a reduced net, which has no `*CAP`


@dataclass(kw_only=True, slots=True, eq=False)
class Rows:
    """Capacitors of one block; K of them."""

    point_a: IntArray  # [K] token
    point_b: IntArray  # [K] token, or GROUND
    section: IntArray  # [K]
    farad: FloatArray  # [K] farad


@dataclass(kw_only=True, slots=True, eq=False)
class Places:
    """Where each of P tokens lies."""

    net: IntArray  # [P] net, or GROUND
    pin: IntArray  # [P] pin, or NO_PIN
    point: IntArray  # [P] the token that stands for all spellings of one point


def counted_once(rows: Rows, places: Places) -> tuple[Rows, IntArray]:
    """The rows with each coupling once, however many of its two sections list it.

    Rows between the same two points add up within a section. Of the sums in the sections of the two nets the
    larger one counts; where the file is sound they are equal, or one of them is missing.

    Returns:
        The rows; sections with a coupling that the section of the other net lists with another value.
    """
    coupled = rows.point_b >= 0
    low = np.minimum(*(places.point[end[coupled]] for end in (rows.point_a, rows.point_b))).astype(np.int64)
    high = np.maximum(*(places.point[end[coupled]] for end in (rows.point_a, rows.point_b))).astype(np.int64)
    section = rows.section[coupled]
    far_side = (section == places.net[high]) & (places.net[low] != places.net[high])
    n_points = max(len(places.net), 1)
    keys, position, group = np.unique(
        2 * (low * n_points + high) + far_side, return_index=True, return_inverse=True
    )
    farad = np.bincount(group, weights=rows.farad[coupled], minlength=len(keys))
    twice = np.flatnonzero(np.diff(keys // 2) == 0)  # positions of first listings that a second one follows
    differing = twice[np.abs(farad[twice] - farad[twice + 1]) > 1e-6 * farad[twice]]
    farad[twice] = np.maximum(farad[twice], farad[twice + 1])
    once = np.delete(np.arange(len(keys)), twice + 1)
    point_a, point_b = np.divmod(keys[once] // 2, n_points)
    ground = np.flatnonzero(~coupled)
    counted = Rows(
        point_a=np.concatenate([rows.point_a[ground], point_a.astype(np.int32)]),
        point_b=np.concatenate([rows.point_b[ground], point_b.astype(np.int32)]),
        section=np.concatenate([rows.section[ground], section[position[once]]]),
        farad=np.concatenate([rows.farad[ground], farad[once]]),
    )
    return counted, section[position[differing]]


def wrong_totals(sections: list[Section], rows: Rows, row_digit_farad: float) -> IntArray:
    """Sections whose total is not the sum of what they list, beyond rounding.

    A total may be off by half the last digit of the most precise total of the file, by decimals and by
    significant digits; every row by half the last digit of rows, `row_digit_farad`.
    """
    n = len(sections)
    total = np.array([section.total_farad for section in sections])
    last_digit = np.array([section.last_digit_farad for section in sections])
    listed = np.bincount(rows.section, weights=rows.farad, minlength=n)
    listed = listed + np.array([section.reduced_farad or 0.0 for section in sections])
    n_rows = np.bincount(rows.section, minlength=n)
    total_digit = last_digit.min(initial=np.inf)
    relative = (last_digit / np.where(total > 0, total, np.inf))[total > 0].min(initial=1e-3)
    allowed = (total_digit + n_rows * min(row_digit_farad, total_digit)) / 2 + 10 * relative * total
    return np.flatnonzero(np.abs(total - listed) > allowed + 1e-9 * total).astype(np.int32)
