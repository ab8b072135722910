"""Hashes of integers as arrays, to compare multisets by their sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HashArray = NDArray[np.uint64]


def mixed(values: HashArray) -> HashArray:
    """Well-mixed 64-bit values, one to one: the finaliser of SplitMix64 (G. Steele et al., OOPSLA 2014)."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: HashArray = z ^ (z >> np.uint64(31))
    return result


def sums_by_key(keys: NDArray[np.integer], values: HashArray) -> tuple[NDArray[np.int64], HashArray]:
    """Distinct keys, ascending, and the sum of the values of each, modulo 2^64."""
    if not len(keys):
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[first].astype(np.int64), np.add.reduceat(values, first)
