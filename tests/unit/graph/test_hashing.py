"""Hashes of arrays keep apart what differs and together what does not."""

from __future__ import annotations

import numpy as np

from circuitgcl.graph.hashing import (
    combined,
    hashed,
    multisets,
    row_hashes,
    segment_multisets,
    unordered,
)


def test_distinct_numbers_keep_distinct_hashes():
    assert len(np.unique(hashed(np.arange(-5000, 5000)))) == 10_000


def test_tuples_are_ordered_and_pairs_need_not_be():
    a, b = hashed(np.arange(100)), hashed(np.arange(100) + 7)
    assert (combined(a, b) != combined(b, a)).all()
    assert np.array_equal(unordered(a, b), unordered(b, a))
    assert (combined(a) != a).all()


def test_rows_are_compared_by_value():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0], [0.0, 1.0 + 1e-7]], np.float32)
    first, second, third, fourth = row_hashes(rows).tolist()
    assert first == second
    assert len({first, third, fourth}) == 3
    assert row_hashes(np.zeros((3, 0))).tolist() == [row_hashes(np.zeros((1, 0)))[0]] * 3


def test_multisets_forget_order_but_count():
    items = hashed(np.array([1, 2, 2, 1, 2, 1, 1, 2]))
    total = multisets(np.array([0, 0, 0, 1, 1, 1, 2, 2]), items, 4)
    assert total[0] != total[1]  # {1, 2, 2} and {1, 1, 2}
    assert total[2:3] == items[:1] + items[1:2]
    assert total[3] == 0
    assert np.array_equal(segment_multisets(np.array([0, 3, 6, 8, 8]), items), total)
