"""Hashes of integers, whole arrays at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HashArray = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd


def mixed(values: HashArray) -> HashArray:
    """Every bit of a value spread over all 64, one to one: the finaliser of SplitMix64.

    Source: G. Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014.

    Args:
        values: any shape, which the result has too.
    """
    out = values + GOLDEN
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        out ^= out >> np.uint64(shift)
        out *= np.uint64(factor)
    out ^= out >> np.uint64(31)
    return out
