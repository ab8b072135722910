"""Mixing of integers."""

from __future__ import annotations

import numpy as np

from circuitgcl.hashing import mixed


def test_mixing_is_the_published_finalizer():
    """First outputs of SplitMix64 with seed 0, as its reference implementation prints them."""
    seed = np.array([0, 0x9E3779B97F4A7C15], np.uint64)
    assert mixed(seed).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_mixing_leaves_its_input_and_keeps_the_shape():
    values = np.arange(6, dtype=np.uint64).reshape(2, 3)
    assert mixed(values).shape == (2, 3)
    assert np.array_equal(values, np.arange(6).reshape(2, 3))
