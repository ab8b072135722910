"""Hashes that stand in checkpoints: BLAKE2b over tagged parts, the same on every machine and in all releases.

The array forms give what `hash64` gives for the same parts, every distinct row worked out once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.hashing import combined, distinct_rows, segment_multisets
from circuitgcl.graph.segments import Index, offsets, positions
from circuitgcl.hashing import HashArray

_MASK = (1 << 64) - 1
_INTEGER, _TEXT = b"i", b"s"
_PART_BYTES = 9  # tag and eight bytes, little-endian
FEW = 500  # rows up to which looking for equal ones takes longer than hashing all


def hash64(parts: Iterable[object]) -> int:
    """Stable 64-bit hash of a sequence of numbers and texts."""
    content = b"".join(
        _INTEGER + (int(part) & _MASK).to_bytes(8, "little")
        if isinstance(part, (int, np.integer))
        else _TEXT + str(part).encode() + b"\x00"
        for part in parts
    )
    return _digest(content)


def _digest(content: bytes | memoryview) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def hash64_rows(rows: HashArray) -> HashArray:
    """`hash64` of every row of [R, F] integers."""
    if len(rows) > FEW:
        first, group = distinct_rows(rows.view(np.int64))
        found: HashArray = _rows_one_by_one(rows[first])[group]
        return found
    return _rows_one_by_one(rows)


def _rows_one_by_one(rows: HashArray) -> HashArray:
    """`hash64` of every row of [R, F] integers, alike or not."""
    size = rows.shape[1] * _PART_BYTES
    content = memoryview(_encoded(rows.ravel()))
    return np.array([_digest(content[at : at + size]) for at in range(0, len(content), size)], np.uint64)


def hash64_segments(offset: Index, values: HashArray, prefix: str = "") -> HashArray:
    """`hash64` of consecutive segments of integers, each after `prefix` where there is one.

    Args:
        offset: [S + 1] bounds of the segments.
        values: [offset[-1]] integers.
        prefix: text before each.
    """
    counts = np.diff(offset)
    if len(counts) > FEW:
        place = np.arange(len(values)) - np.repeat(offset[:-1], counts)
        sums = segment_multisets(offset, combined(values, place.astype(np.uint64)))
        alike = combined(sums, counts.astype(np.uint64))
        _, first, inverse = np.unique(alike, return_index=True, return_inverse=True)
        chosen = values[positions(offset[first], counts[first])]
        found: HashArray = _segments_one_by_one(offsets(counts[first]), chosen, prefix)[inverse]
        return found
    return _segments_one_by_one(offset, values, prefix)


def _segments_one_by_one(offset: Index, values: HashArray, prefix: str) -> HashArray:
    bounds = (offset * _PART_BYTES).tolist()
    content = memoryview(_encoded(values))
    head = _TEXT + prefix.encode() + b"\x00" if prefix else b""
    found = [
        _digest(head + content[start:end] if head else content[start:end]) for start, end in pairwise(bounds)
    ]
    return np.array(found, np.uint64)


def _encoded(values: NDArray[np.uint64]) -> bytes:
    """Integers as `hash64` writes them."""
    out = np.empty(len(values), np.dtype([("tag", "S1"), ("value", "<u8")]))
    out["tag"], out["value"] = _INTEGER, values
    return out.tobytes()
