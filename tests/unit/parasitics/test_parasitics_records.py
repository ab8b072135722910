from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.parasitics import Parasitics, tie_to_ground, to_net_level
from circuitgcl.parasitics.records import GROUND, sum_capacitors


def pin_level() -> Parasitics:
    """Two pieces of net n, two of net m, one of gnd; 1 fF steps."""
    return Parasitics(
        design="d",
        source="d.sp",
        nodes=("n", "x1:G", "m", "x1:D", "gnd"),
        ground_farad=np.array([1.0, 2.0, 4.0, 8.0, 16.0]),
        pair_a=np.array([0, 0, 1, 2, 2], dtype=np.int32),
        pair_b=np.array([1, 2, 3, 3, 4], dtype=np.int32),
        pair_farad=np.array([0.5, 0.25, 0.125, 3.0, 5.0]),
        nets=("n", "m", "gnd"),
        node_net=np.array([0, 0, 1, 1, 2], dtype=np.int32),
        pin_offset=np.array([0, 0, 1, 1, 3, 3]),
        pin_names=("x1:G", "x1:D", "x2:S"),
    )


def test_net_level_by_hand() -> None:
    net = to_net_level(pin_level())
    assert net.nodes == net.nets == ("n", "m", "gnd")
    np.testing.assert_array_equal(net.ground_farad, [3.0, 12.0, 16.0])
    assert list(zip(net.pair_a, net.pair_b, net.pair_farad, strict=True)) == [(0, 1, 0.375), (1, 2, 5.0)]
    assert [net.pins_of(i) for i in range(3)] == [("x1:G",), ("x1:D", "x2:S"), ()]
    assert net.ground_total_farad == pin_level().ground_total_farad == 31.0
    assert pin_level().coupling_total_farad - net.coupling_total_farad == 3.5
    assert not net.is_pin_level
    assert to_net_level(net) is net


def test_tied_to_ground_by_hand() -> None:
    tied = tie_to_ground(pin_level(), ["GND"])
    assert tied.nodes == ("n", "x1:G", "m", "x1:D")
    assert tied.nets == ("n", "m")
    np.testing.assert_array_equal(tied.ground_farad, [1.0, 2.0, 9.0, 8.0])
    assert 4 not in tied.pair_b
    assert [tied.pins_of(i) for i in range(4)] == [(), ("x1:G",), (), ("x1:D", "x2:S")]


def test_tying_a_net_ties_all_its_pieces() -> None:
    tied = tie_to_ground(pin_level(), ["m"])
    assert tied.nodes == ("n", "x1:G", "gnd")
    np.testing.assert_array_equal(tied.ground_farad, [1.25, 2.125, 21.0])
    assert tied.nets == ("n", "gnd")
    np.testing.assert_array_equal(tied.node_net, [0, 0, 1])


def test_tying_and_reducing_commute() -> None:
    one = to_net_level(tie_to_ground(pin_level(), ["gnd"]))
    other = tie_to_ground(to_net_level(pin_level()), ["gnd"])
    assert one.nodes == other.nodes
    np.testing.assert_array_equal(one.ground_farad, other.ground_farad)
    np.testing.assert_array_equal(one.pair_farad, other.pair_farad)


@given(
    st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5), st.integers(0, 1000)), max_size=40),
    st.randoms(use_true_random=False),
)
def test_summed_capacitors_match_a_dictionary(cards: list[tuple[int, int, int]], rng: object) -> None:
    ground = [0.0] * 6
    pairs: dict[tuple[int, int], float] = {}
    for a, b, farad in cards:
        low, high = min(a, b), max(a, b)
        if low == high:
            continue
        if low == GROUND:
            ground[high] += farad
        else:
            pairs[low, high] = pairs.get((low, high), 0.0) + farad
    swapped = [(b, a, f) for a, b, f in cards]
    rng.shuffle(swapped)  # type: ignore[attr-defined]
    for order in (cards, swapped):
        a, b, farad = np.array(order, dtype=np.int64).reshape(-1, 3).T
        got_ground, pair_a, pair_b, pair_farad = sum_capacitors(6, a, b, farad.astype(float))
        assert got_ground.tolist() == ground
        assert list(zip(pair_a.tolist(), pair_b.tolist(), strict=True)) == sorted(pairs)
        assert pair_farad.tolist() == [pairs[key] for key in sorted(pairs)]


def test_no_capacitors_at_all() -> None:
    empty = np.empty(0, dtype=np.int64)
    ground, pair_a, _, _ = sum_capacitors(0, empty, empty, np.empty(0))
    assert ground.shape == pair_a.shape == (0,)


def test_records_cannot_be_reassigned() -> None:
    with pytest.raises(AttributeError):
        pin_level().design = "other"  # type: ignore[misc]
