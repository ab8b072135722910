"""Hashes of integers as arrays, to compare multisets by their sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuitgcl.hashing import HashArray


def sums_by_key(keys: NDArray[np.integer], values: HashArray) -> tuple[NDArray[np.int64], HashArray]:
    """Distinct keys, ascending, and the sum of the values of each, modulo 2^64."""
    if not len(keys):
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[first].astype(np.int64), np.add.reduceat(values, first)
