"""Hashes of whole arrays: 64 bits for every row, order kept or not as the caller needs.

Two of n distinct things share a hash with probability n² / 2⁶⁵, a few in a billion for a million classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuitgcl.hashing import GOLDEN, HashArray, mixed


def combined(first: HashArray, *others: HashArray) -> HashArray:
    """Hash of tuples, [R] from columns of [R]; order matters."""
    out = mixed(first)
    for column in others:
        out ^= column
        out = mixed(out)
    return out


def unordered(first: HashArray, second: HashArray) -> HashArray:
    """Hash of unordered pairs, [R]."""
    return combined(np.minimum(first, second), np.maximum(first, second))


def hashed(numbers: NDArray[np.integer]) -> HashArray:
    """Hash of every integer."""
    return mixed(numbers.astype(np.int64).view(np.uint64))


def row_hashes(rows: NDArray[np.floating] | NDArray[np.integer]) -> HashArray:
    """Hash of every row of [R, F] numbers by their bits; minus zero counts as zero."""
    out = np.full(len(rows), GOLDEN, np.uint64)
    for column in _words(rows).T:
        out ^= column
        out = mixed(out)
    return out


def distinct_rows(
    rows: NDArray[np.floating] | NDArray[np.integer],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first of every set of equal rows, [D] in the order of hashes, and the set of every row, [R]."""
    _, first, group = np.unique(row_hashes(rows), return_index=True, return_inverse=True)
    return first, group.ravel()


def _words(rows: NDArray[np.floating] | NDArray[np.integer]) -> HashArray:
    """The bits of every row in 64-bit words, two single-precision numbers in one."""
    if rows.dtype.kind != "f":
        return rows.astype(np.int64).view(np.uint64)
    if rows.dtype.itemsize == 4:
        even = np.zeros((len(rows), rows.shape[1] + rows.shape[1] % 2), np.float32)
        even[:, : rows.shape[1]] += rows
        return even.view(np.uint64)
    return (rows.astype(np.float64) + 0.0).view(np.uint64)


def multisets(index: NDArray[np.integer], items: HashArray, size: int) -> HashArray:
    """Hash of the multiset of items at every index, [size]: the sum of the items, hashes themselves."""
    total = np.zeros(size, np.uint64)
    np.add.at(total, index, items)
    return total


def segment_multisets(offset: NDArray[np.int64], items: HashArray) -> HashArray:
    """The same for consecutive segments of `items`, `offset` [size + 1] giving their bounds."""
    total = np.zeros(len(items) + 1, np.uint64)
    np.cumsum(items, out=total[1:])
    return total[offset[1:]] - total[offset[:-1]]
