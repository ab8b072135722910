"""The array forms of stable hashes are the scalar one, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.graph import stable_hashing
from circuitgcl.graph.segments import offsets
from circuitgcl.graph.stable_hashing import hash64, hash64_rows, hash64_segments

WORDS = st.integers(0, 2**64 - 1) | st.integers(0, 2)


@pytest.fixture(params=[0, 10_000], ids=["alike rows once", "every row"], autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stable_hashing, "FEW", request.param)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(WORDS, min_size=width, max_size=width))))
def test_rows(rows: list[list[int]]):
    array = np.array(rows, np.uint64).reshape(len(rows), -1 if rows else 1)
    assert hash64_rows(array).tolist() == [hash64(row) for row in rows]


@given(st.lists(st.lists(WORDS, max_size=4)), st.sampled_from(["", "parts"]))
def test_segments(rows: list[list[int]], prefix: str):
    values = np.array([word for row in rows for word in row], np.uint64)
    bounds = offsets(np.array([len(row) for row in rows], np.int64))
    expected = [hash64((prefix, *row) if prefix else row) for row in rows]
    assert hash64_segments(bounds, values, prefix).tolist() == expected
