"""Distances of nets in a body: against resistances between single transistors, by hand, and invariances."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import exp, log1p, sqrt

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.graph import build_graph
from circuitgcl.graph.contexts import ContextKind
from circuitgcl.graph.feature_schema import PAIR_FEATURES, PLACEMENT_FEATURES
from circuitgcl.graph.placement import MAX_PLACED, compactness, placement_features
from circuitgcl.netlist import FlatCircuit

NAMES = [feature.name for feature in PLACEMENT_FEATURES]
COMPACT = "compactness"  # of a net, under its name twice
RAILS = {"vdd", "gnd"}
NETS = ("a", "b", "c", "d", "vdd", "gnd")
Flat = Callable[..., FlatCircuit]
Card = tuple[str, str, str, str, int]  # polarity, drain, gate, source, copies
Rows = dict[tuple[str, str], dict[str, float]]


def deck(cards: list[Card]) -> str:
    lines = [
        f"m{n} {d} {g} {s} sub {kind}mos w=1u l=1u m={copies}"
        for n, (kind, d, g, s, copies) in enumerate(cards)
    ]
    return "\n".join([*lines, ""])


def features(circuit: FlatCircuit) -> Rows:
    """Columns of every pair of nets of the top body, the same from either side, and compactness of each."""
    body = circuit.definitions[circuit.instance_definition[0]]
    names = list(body.net_labels)
    pairs = np.array(list(combinations(range(len(names)), 2)))
    is_rail = np.array([name in RAILS for name in names])
    found = placement_features(circuit, body, pairs, is_rail)
    widths = compactness(circuit, body, is_rail)
    np.testing.assert_array_equal(placement_features(circuit, body, pairs[:, ::-1], is_rail), found)
    alone = {(name, name): {COMPACT: value} for name, value in zip(names, widths.tolist(), strict=True)}
    return alone | {
        (min(names[a], names[b]), max(names[a], names[b])): dict(zip(NAMES, row.tolist(), strict=True))
        for (a, b), row in zip(pairs.tolist(), found, strict=True)
    }


def same(one: Rows, other: Rows) -> bool:
    return one.keys() == other.keys() and all(row == pytest.approx(other[ends]) for ends, row in one.items())


def resistors(single: list[tuple[str, ...]]) -> nx.Graph:
    """Links of (polarity, drain, gate, source), every pair of transistors and terminals by itself."""
    joined = {net: sum(net in ends for _, *ends in single) for net in NETS}
    graph = nx.Graph()
    graph.add_nodes_from(range(len(single)))
    for one, other in combinations(range(len(single)), 2):
        (p1, d1, g1, s1), (p2, d2, g2, s2) = single[one], single[other]
        conductance = 0.02 / (len(single) - 1)
        for net in set(NETS) - RAILS:
            ways = 4.0 if p1 == p2 else 0.5
            kinds = [(g1 == net, g2 == net, 1.0 if p1 == p2 else 2.0)]
            kinds += [(net in (d1, s1), net in (d2, s2), ways)]
            kinds += [(g1 == net, net in (d2, s2), 0.5), (net in (d1, s1), g2 == net, 0.5)]
            conductance += sum(link / (joined[net] - 1) for here, there, link in kinds if here and there)
        graph.add_edge(one, other, conductance=conductance)
    return graph


def loops(cards: list[Card]) -> Rows:
    """The columns, one transistor at a time."""
    single = [card[:4] for card in cards for _ in range(card[4])]
    graph = resistors(single)

    def distance(i: int, j: int) -> float:
        if i == j:
            return 0.0
        return sqrt(nx.resistance_distance(graph, i, j, weight="conductance", invert_weight=False))

    pins = {
        net: [i for i, (_, d, g, s) in enumerate(single) for _ in range((g == net) + (net in (d, s)))]
        for net in NETS
    }

    def mean(a: list[int], b: list[int]) -> float:
        return sum(distance(i, j) for i in a for j in b) / (len(a) * len(b))

    def towards(a: list[int], b: list[int]) -> float:
        return sum(min(distance(i, j) for j in b) for i in a) / len(a)

    found = {(net, net): {COMPACT: 1 / (1 + mean(own, own))} for net, own in pins.items() if own}
    for one, other in combinations(sorted(NETS), 2):
        a, b = pins[one], pins[other]
        if not a or not b:
            continue
        found[one, other] = {
            "mean_proximity": 1 / (1 + mean(a, b)),
            "nearest_proximity": 1 / (1 + min(distance(i, j) for i in a for j in b)),
            "facing_proximity": 1 / (1 + (towards(a, b) + towards(b, a)) / 2),
            "centre_proximity": 1 / (1 + mean(a, b) - mean(a, a) / 2 - mean(b, b) / 2),
            "close_devices": log1p(sum(exp(-2 * distance(i, j)) for i in set(a) for j in set(b))),
        }
    return found


CARDS = st.lists(
    st.tuples(st.sampled_from("np"), *(st.sampled_from(NETS) for _ in range(3)), st.integers(1, 2)),
    min_size=1,
    max_size=5,
)
FLAT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


@FLAT
@given(cards=CARDS)
def test_distances_are_resistances_between_single_transistors(cards: list[Card], flat: Flat) -> None:
    found = features(flat(deck(cards)))
    expected = loops(cards)
    for ends, row in found.items():
        assert row == pytest.approx(expected.get(ends, dict.fromkeys(row, 0.0)), abs=2e-6), ends


@FLAT
@given(cards=CARDS, seed=st.randoms(use_true_random=False))
def test_neither_order_nor_the_way_to_write_copies_matters(
    cards: list[Card], seed: np.random.Generator, flat: Flat
) -> None:
    apart = [(*card[:4], 1) for card in cards for _ in range(card[4])]
    seed.shuffle(apart)
    turned = [(kind, s, g, d, copies) for kind, d, g, s, copies in apart]
    assert same(features(flat(deck(cards))), features(flat(deck(turned))))


def test_two_transistors_in_series(flat: Flat) -> None:
    """One link: the shared diffusion, 4, and that of any two, 0.02."""
    found = features(flat(deck([("n", "out", "a", "mid", 1), ("n", "mid", "b", "gnd", 1)])))
    near = 1 / (1 + 1 / sqrt(4.02))
    at = dict.fromkeys(NAMES, near) | {"close_devices": log1p(exp(-2 / sqrt(4.02)))}
    assert found["a", "b"] == pytest.approx(at, abs=1e-6)
    assert found["a", "out"]["mean_proximity"] == 1.0
    assert found["a", "mid"]["nearest_proximity"] == 1.0
    assert found["a", "a"][COMPACT] == 1.0
    half = 1 / (1 + 0.5 / sqrt(4.02))  # of two devices with two, half the pairs are one device twice
    assert found["mid", "mid"][COMPACT] == pytest.approx(half, abs=1e-6)


def test_mirrored_halves_are_alike(flat: Flat) -> None:
    """Resistances do not choose between the halves of a latch, as one eigenvector of many would."""
    half = [("n", "{}", "{}", "gnd", 1), ("p", "{}", "{}", "vdd", 1), ("n", "{}", "wl", "b{}", 1)]
    cards = [
        (kind, d.format(one), g.format(other), s.format(one), copies)
        for one, other in (("q", "r"), ("r", "q"))
        for kind, d, g, s, copies in half
    ]
    found = features(flat(deck(cards)))
    assert found["bq", "q"] == found["br", "r"]
    assert found["bq", "r"] == found["br", "q"]
    assert found["q", "wl"] == found["r", "wl"]
    assert found["bq", "q"]["mean_proximity"] > found["bq", "r"]["mean_proximity"]


def test_a_chain_lies_in_its_order(flat: Flat) -> None:
    """The farther down a chain of inverters, the farther away."""
    cards = [
        (kind, f"n{i + 1}", f"n{i}", rail, 1) for i in range(6) for kind, rail in (("n", "gnd"), ("p", "vdd"))
    ]
    found = features(flat(deck(cards)))
    for name in NAMES[:4]:
        column = [found["n0", f"n{i}"][name] for i in range(1, 7)]
        assert column == sorted(column, reverse=True), name
        assert column[1] > column[-1] > 0


def test_other_devices_have_places_too(flat: Flat) -> None:
    found = features(flat("r1 a b 1k\nc1 b c 2f\n"))
    assert found["a", "b"]["nearest_proximity"] == 1.0
    assert found["a", "c"]["mean_proximity"] == pytest.approx(1 / (1 + 1 / sqrt(0.52)), abs=1e-6)


@pytest.mark.parametrize("copies", [MAX_PLACED - 1, MAX_PLACED], ids=["largest", "too large"])
def test_what_has_no_place_is_zero(flat: Flat, copies: int) -> None:
    cards: list[Card] = [("n", "a", "b", "gnd", copies), ("n", "c", "d", "a", 1)]
    found = features(flat(deck(cards)))
    assert all(any(row.values()) == (copies < MAX_PLACED) for ends, row in found.items() if "sub" not in ends)
    assert not any(any(row.values()) for ends, row in found.items() if "sub" in ends)


def test_only_nets_of_one_body_have_distances(bit_array: Callable[[int, int], FlatCircuit]) -> None:
    graph = build_graph(bit_array(2, 2))
    first = [feature.name for feature in PAIR_FEATURES].index(NAMES[0])
    placed = graph.pair_features[:, first : first + len(NAMES)]
    leaf = graph.terminals.is_leaf[graph.contexts.side_a] & (graph.contexts.kind == ContextKind.SAME)
    assert (placed[leaf, :4] > 0).all()
    assert not placed[~leaf].any()
    assert not leaf.all()
