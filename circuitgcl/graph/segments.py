"""Ragged arrays: consecutive segments given by offsets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


def offsets(counts: NDArray[np.integer]) -> Index:
    """Bounds of segments of the given lengths, [S + 1]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def positions(start: NDArray[np.integer], counts: NDArray[np.integer]) -> Index:
    """`start[s] + 0 … start[s] + counts[s] - 1` of every segment in a row, [sum of counts]."""
    bounds = offsets(counts)
    shift = np.asarray(start, np.int64) - bounds[:-1]
    return np.arange(bounds[-1]) + np.repeat(shift, counts)
