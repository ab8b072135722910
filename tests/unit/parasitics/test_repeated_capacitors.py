from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.parasitics import Parasitics, SkippedCards, read_spice
from circuitgcl.parasitics.records import GROUND
from circuitgcl.parasitics.spice.repeated import MOVED_AND_KEPT, TWICE, counted_once

ONE_SIDE = "C1 a b 1f\nC2 b c 2f\nC3 a 0 5f\nC4 a b 3f\n"
OTHER_SIDE = "C5 b a 3f\nC6 c b 2f\nC7 b a 1f\n"


def read(tmp_path: Path, text: str) -> Parasitics:
    path = tmp_path / "x.sp"
    path.write_text(text)
    return read_spice(path)


def test_coupling_listed_by_both_nodes_is_counted_once(tmp_path: Path) -> None:
    once, twice = read(tmp_path, ONE_SIDE), read(tmp_path, ONE_SIDE + OTHER_SIDE)
    assert once.nodes == twice.nodes
    np.testing.assert_allclose(twice.pair_farad, [4e-15, 2e-15], rtol=1e-12)
    np.testing.assert_array_equal(twice.ground_farad, [5e-15, 0, 0])
    assert not once.skipped_cards
    assert twice.skipped_cards == (SkippedCards(kind=TWICE, count=3, first_line=1),)


@pytest.mark.parametrize(
    "changed",
    [("C7 b a 1f\n", ""), ("C6 c b 2f", "C6 c b 2.1f"), ("C6 c b 2f", "C6 b c 2f"), ("C7 b a", "C7 c a")],
)
def test_a_single_exception_means_that_all_count(tmp_path: Path, changed: tuple[str, str]) -> None:
    text = (ONE_SIDE + OTHER_SIDE).replace(*changed)
    total = sum(float(line.split()[3][:-1]) * 1e-15 for line in text.splitlines() if " 0 " not in line)
    found = read(tmp_path, text)
    assert found.coupling_total_farad == pytest.approx(total, rel=1e-12)
    assert not found.skipped_cards


def test_two_capacitors_between_two_nodes_are_two(tmp_path: Path) -> None:
    assert read(tmp_path, "C1 a b 1f\nC2 b a 1f\n").coupling_total_farad == pytest.approx(2e-15)


def test_coupling_moved_to_ground_and_kept_is_told(tmp_path: Path) -> None:
    moved = "C1 a b 1f\nC2 a 0 1f\nC3 0 b 1f\nC4 b c 2f\nC5 b 0 2f\nC6 c 0 2f\nC7 a 0 9f\n"
    found = read(tmp_path, moved)
    assert found.skipped_cards == (SkippedCards(kind=MOVED_AND_KEPT, count=2, first_line=1),)
    assert found.coupling_total_farad == pytest.approx(3e-15)
    assert not read(tmp_path, moved.replace("C6 c 0 2f", "C6 c 0 2.2f")).skipped_cards


CARDS = st.lists(
    st.tuples(st.integers(-1, 3), st.integers(-1, 3), st.sampled_from([1e-15, 2e-15])), max_size=12
)


@given(cards=CARDS, seed=st.integers(0, 99))
def test_the_order_of_cards_does_not_matter(cards: list[tuple[int, int, float]], seed: int) -> None:
    """Doubling every coupling halves; shuffling changes nothing."""
    one_way = [(min(a, b), max(a, b), f) for a, b, f in cards]
    doubled = one_way + [(b, a, f) for a, b, f in one_way if a != b and a != GROUND]
    order = np.random.default_rng(seed).permutation(len(doubled))
    a, b, f = (np.array([doubled[i][k] for i in order]) for k in range(3))
    kept = counted_once(a.astype(np.int32), b.astype(np.int32), f.astype(float), 1, [])
    coupled = [(x, y) for x, y, _ in one_way if GROUND != x != y]
    expected = len(one_way) if len(set(coupled)) >= 2 else len(doubled)
    assert int(kept.sum()) == expected
