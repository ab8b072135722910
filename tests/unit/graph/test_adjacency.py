"""Adjacency of nets in a body: against loops over single transistors, and by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.graph.adjacency import adjacency_features
from circuitgcl.graph.feature_schema import ADJACENCY_FEATURES
from circuitgcl.graph.features import card_columns
from circuitgcl.netlist import FlatCircuit

NAMES = [feature.name for feature in ADJACENCY_FEATURES]
MICRO = 1e-6
Card = tuple[str, str, str, str, int]  # polarity, drain, gate, source, copies


def features(circuit: FlatCircuit, rails: set[str]) -> dict[tuple[str, str], dict[str, float]]:
    """Non-zero columns of every pair of nets of the top body."""
    body = circuit.definitions[circuit.instance_definition[0]]
    names = list(body.net_labels)
    pairs = np.array(list(combinations(range(len(names)), 2)))
    is_rail = np.array([name in rails for name in names])
    width = card_columns(circuit, MICRO)["width"]
    found = adjacency_features(circuit, body, pairs, is_rail, width)
    swapped = adjacency_features(circuit, body, pairs[:, ::-1], is_rail, width)
    np.testing.assert_allclose(swapped, found, atol=1e-12)
    return {
        tuple(sorted((names[a], names[b]))): {
            n: float(v) for n, v in zip(NAMES, row, strict=True) if v > 1e-9
        }
        for (a, b), row in zip(pairs.tolist(), found, strict=True)
    }


def loops(
    cards: list[tuple[str, str, str, str, int]], rails: set[str]
) -> dict[tuple[str, str], dict[str, float]]:
    """The same of (polarity, drain, gate, source, copies), one transistor of one micrometre at a time."""
    single = [card[:4] for card in cards for _ in range(card[4])]
    nets = sorted({net for card in cards for net in card[1:4]})
    places = {
        (polarity, net): sum((d == net) + (s == net) for kind, d, _, s in single if kind == polarity)
        for polarity in "np"
        for net in nets
    }
    conductance = dict.fromkeys(combinations(nets, 2), 0.0)
    for _, *ends in single:
        for pair in combinations(sorted(set(ends) - rails), 2):
            conductance[pair] += 1.0

    def between(a: str, b: str) -> float:
        return conductance[min(a, b), max(a, b)]

    found = {}
    for a, b in combinations(nets, 2):
        row = dict.fromkeys(NAMES, 0.0)
        for (p1, d1, g1, s1), (p2, d2, g2, s2) in combinations(single, 2):
            for one, other in ((a, b), (b, a)):
                row["diffusions_of_one_gate"] += (
                    (g1 == g2)
                    * (one in (d1, s1))
                    * (other in (d2, s2))
                    * ((d1 == one) + (s1 == one))
                    * ((d2 == other) + (s2 == other))
                )
            if p1 != p2:
                continue
            for net in nets:
                ways = ((d1 == net) + (s1 == net)) * ((d2 == net) + (s2 == net))
                if not ways or places[p1, net] < 2:
                    continue
                share = ways / max(places[p1, net] - 1, 1)
                where = "rail" if net in rails else "signal"
                for one, other in ((a, b), (b, a)):
                    ends_1, ends_2 = (d1 == one) + (s1 == one), (d2 == other) + (s2 == other)
                    row[f"gate_gate_beside_{where}"] += share * (g1 == one) * (g2 == other)
                    row[f"gate_diffusion_beside_{where}"] += share * (g1 == one) * ends_2
                    row[f"gate_diffusion_beside_{where}"] += share * ends_1 * (g2 == other)
                    row[f"diffusion_diffusion_beside_{where}"] += share * ends_1 * ends_2
        for _, d, g, s in single:
            for one, other in ((a, b), (b, a)):
                row["shared_gate_width"] += (g == one) * ((d == other) + (s == other))
            row["shared_channel_width"] += (d == a) * (s == b) + (d == b) * (s == a)
        row["short_conductance"] = between(a, b) + sum(
            between(a, x) * between(x, b) / (between(a, x) + between(x, b))
            for x in nets
            if x not in (a, b) and between(a, x) and between(x, b)
        )
        found[a, b] = {name: value for name, value in row.items() if value > 1e-9}
    return found


NETS = ("a", "b", "c", "d", "vdd", "gnd")
CARDS = st.lists(
    st.tuples(
        st.sampled_from("np"),
        st.sampled_from(NETS),
        st.sampled_from(NETS),
        st.sampled_from(NETS),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(cards=CARDS)
def test_adjacency_is_that_of_single_transistors(cards: list[Card], flat: Callable[..., FlatCircuit]) -> None:
    lines = [
        f"m{n} {d} {g} {s} sub {kind}mos w=1u l=1u m={copies}"
        for n, (kind, d, g, s, copies) in enumerate(cards)
    ]
    rails = {"vdd", "gnd", "sub"}
    found = features(flat("\n".join([*lines, ""])), rails)
    expected = loops(cards, rails)
    for pair, row in expected.items():
        assert found[pair] == pytest.approx(row), pair


def test_a_series_stack(flat: Callable[..., FlatCircuit]) -> None:
    """Two gates with nothing but a diffusion between them face each other."""
    stack = "m1 out a mid gnd nmos w=2u l=1u\nm2 mid b gnd gnd nmos w=2u l=1u\n"
    found = features(flat(stack), {"gnd"})
    assert found["a", "b"] == pytest.approx({"gate_gate_beside_signal": 1.0, "short_conductance": 0.5})
    assert found["a", "mid"]["shared_gate_width"] == pytest.approx(2.0)
    assert found["mid", "out"]["shared_channel_width"] == pytest.approx(2.0)
    assert found["b", "out"]["gate_diffusion_beside_signal"] == pytest.approx(1.0)


def test_copies_are_devices(flat: Callable[..., FlatCircuit]) -> None:
    card = "m{} out a mid gnd nmos w=2u l=1u{}\n"
    rest = "m9 mid b gnd gnd nmos w=2u l=1u\n"
    one = features(flat(card.format(1, " m=2") + rest), {"gnd"})
    two = features(flat(card.format(1, "") + card.format(2, "") + rest), {"gnd"})
    assert one == {pair: pytest.approx(row) for pair, row in two.items()}


def test_a_body_without_devices_says_nothing(bit_array: Callable[[int, int], FlatCircuit]) -> None:
    assert not any(features(bit_array(2, 2), set()).values())
