"""Hyperedges that hold both nets of a pair, against sets."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.graph import shared_parts as module
from circuitgcl.graph.shared_parts import Memberships, shared_parts

NETS = 9
EDGES = st.lists(st.lists(st.integers(0, NETS - 1), max_size=7), max_size=8)
PAIRS = st.lists(st.tuples(st.integers(0, NETS - 1), st.integers(0, NETS - 1)), max_size=12)


@pytest.mark.parametrize("listed", [64, 3, 1])
def test_against_sets(monkeypatch: pytest.MonkeyPatch, listed: int):
    monkeypatch.setattr(module, "MAX_LISTED", listed)

    @given(EDGES, PAIRS)
    def check(edges: list[list[int]], pairs: list[tuple[int, int]]) -> None:
        edge = np.repeat(np.arange(len(edges)), [len(nets) for nets in edges])
        net = np.array([net for nets in edges for net in nets], np.int64)
        members = Memberships.of(edge, net, NETS)
        found = shared_parts(members, np.array(pairs, np.int64).reshape(-1, 2), NETS)
        assert np.array_equal(members.edge[found.member_a], members.edge[found.member_b])
        assert [
            (members.net[a], members.net[b]) for a, b in zip(found.member_a, found.member_b, strict=True)
        ] == [pairs[row] for row in found.pair]
        rows = zip(found.pair.tolist(), members.edge[found.member_a].tolist(), strict=True)
        expected = Counter(
            (row, number)
            for row, (a, b) in enumerate(pairs)
            for number, nets in enumerate(edges)
            if a != b and {a, b} <= set(nets)
        )
        assert Counter(rows) == expected

    check()
