"""Pair-relative encodings: values by hand, naive counts, symmetry, and what must not matter."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph, build_graph, net_numbers, path_profiles
from circuitgcl.graph.pair_encodings import PAIR_ENCODINGS, PairStructure, pair_encoding_schema
from circuitgcl.graph.path_profiles import MAX_HOPS, path_counts
from circuitgcl.graph.pins import pin_role_codes
from circuitgcl.netlist import FlatCircuit
from circuitgcl.netlist.names import NameList
from circuitgcl.schema import PinRole

Flat = Callable[..., FlatCircuit]
Array = Callable[[int, int], FlatCircuit]
NAMES = [column.name for column in pair_encoding_schema()]

BLOCKS = """.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt pair in out vdd gnd
xfirst in mid vdd gnd inv
xsecond mid out vdd gnd inv
.ends
.subckt top p q s vdd gnd
xleft p q vdd gnd pair
xright q s vdd gnd pair
md s s gnd gnd nmos w=1u l=0.1u
.ends
"""


class Encoded:
    """Encodings of pairs of a graph, by names of nets and of device pins (`device:position`)."""

    def __init__(self, graph: CircuitGraph) -> None:
        self.graph, self.structure = graph, PairStructure(graph)
        circuit = graph.circuit
        self.node = {name: number for number, name in enumerate(circuit.net_names())}
        for device, name in enumerate(circuit.device_names()):
            for position, pin in enumerate(range(*circuit.pin_offset[device : device + 2])):
                self.node[f"{name}:{position}"] = circuit.net_count + pin

    def __call__(self, a: str, b: str) -> dict[str, float]:
        row = self.structure.encode(np.array([[self.node[a], self.node[b]]]))[0]
        return {name: value for name, value in zip(NAMES, row.tolist(), strict=True) if value}


@pytest.fixture
def blocks(flat: Flat) -> Encoded:
    return Encoded(build_graph(flat(BLOCKS)))


def log(count: float) -> float:
    return float(np.float32(np.log1p(count)))


def test_columns_have_names_of_their_own():
    assert len(set(NAMES)) == len(NAMES)
    assert sum(len(encoding.columns) for encoding in PAIR_ENCODINGS) == len(NAMES)


def test_two_nets_of_one_inverter(blocks: Encoded):
    found = blocks("p", "xleft/mid")
    assert found["net_net"] == 1
    assert found["shared_gate_source_drain"] == log(2)  # both transistors of the first inverter
    assert "shared_gate_gate" not in found
    assert found["walks_1"] == log(2)
    assert "walks_2" not in found
    assert "same_instance" not in found
    assert found["levels_apart"] == 1
    # p: two gates; mid: two drains, two gates
    assert (found["smaller_fan_out"], found["fan_out_ratio"]) == (log(2), pytest.approx(np.log(5 / 3)))


def test_walks_go_through_devices(blocks: Encoded):
    """p to q by way of mid: two times two transistors; and back and forth for the longer ones."""
    found = blocks("p", "q")
    assert found["walks_2"] == log(4)
    assert "walks_1" not in found
    assert "walks_3" not in found
    # p-mid-p-mid-q, p-mid-q-mid-q and p-mid-q-(xright/mid)-q, each of 2^4
    assert found["walks_4"] == log(3 * 16)
    assert (found["net_index_none"], found["same_instance"], found["same_cell"]) == (1, 1, 1)


def test_two_pins_of_one_device(blocks: Encoded):
    found = blocks("xleft/xfirst/mn:0", "xleft/xfirst/mn:1")
    assert (found["pin_pin"], found["same_device"], found["same_instance"]) == (1, 1, 1)
    assert found["common_depth"] == 2
    assert found["touches_gate"] == 1  # the drain's device touches the gate's net as a gate
    assert found["touches_source_drain"] == 1


def test_a_pin_whose_device_touches_the_net(blocks: Encoded):
    found = blocks("xleft/xfirst/mp:1", "xleft/mid")  # a gate, and the net of the same device's drain
    assert (found["pin_net"], found["touches_source_drain"]) == (1, 1)
    assert "touches_gate" not in found
    assert "same_device" not in found
    far = blocks("xleft/xfirst/mp:1", "s")
    assert not {name for name in far if name.startswith("touches")}


def test_siblings_and_cousins(blocks: Encoded):
    sisters = blocks("xleft/xfirst/mn:0", "xleft/xsecond/mn:0")
    assert (sisters["siblings"], sisters["same_cell"], sisters["common_depth"]) == (1, 1, 1)
    cousins = blocks("xleft/xfirst/mn:0", "xright/xfirst/mn:0")
    assert "siblings" not in cousins
    assert (cousins["levels_apart"], cousins["same_cell"]) == (4, 1)
    assert "common_depth" not in cousins  # the top is at depth 0


def test_a_diode_connected_device_shares_nothing_with_itself(blocks: Encoded):
    found = blocks("s", "s")
    assert found["same_net"] == 1
    assert not {name for name in found if name.startswith(("shared", "walks_1", "net_index"))}


def test_array_indices(bit_array: Array):
    found = Encoded(build_graph(bit_array(3, 4)))
    near, far = found("bl_0", "bl_1"), found("bl_0", "bl_3")
    assert (near["net_index_bus_step_1"], far["net_index_bus_step_3"]) == (1, 1)
    assert (near["net_index_distance"], far["net_index_distance"]) == (log(1), log(3))
    assert found("bl_1", "br_1")["net_index_cross_same"] == 1
    row, column = found("xbit_r1_c1/q", "xbit_r1_c2/q"), found("xbit_r0_c1/q", "xbit_r2_c1/nq")
    assert (row["instance_index_bus_step_1"], row["instance_index_equal_coordinates"]) == (1, 0.5)
    assert (column["instance_index_bus_step_2"], column["instance_index_distance"]) == (1, log(2))
    assert not {name for name in found("bl_0", "xbit_r0_c0/q") if "index" in name}


def test_run_length_is_that_of_the_smaller_net(bit_array: Array):
    """A bit line joins the bits of its column, 4; a word line those of its row, 2."""
    found = Encoded(build_graph(bit_array(4, 2)))
    # width of the six transistors times gate and two diffusions, in channel lengths
    area = (4 + 6 + 2 + 6 + 2 + 4) * (1 + 2 * 2.5)
    assert found("bl_0", "wl_0")["run_length"] == pytest.approx(np.log1p(np.sqrt(2 * area)), rel=1e-5)
    assert found("bl_0", "bl_1")["run_length"] == pytest.approx(np.log1p(np.sqrt(4 * area)), rel=1e-5)


def all_pairs(graph: CircuitGraph, count: int = 1500) -> np.ndarray:
    nodes = graph.circuit.net_count + graph.circuit.pin_count
    return np.random.default_rng(0).integers(0, nodes, (count, 2))


@pytest.mark.parametrize("size", [(3, 4), (1, 1)])
def test_both_orders_are_equal_to_the_last_bit(bit_array: Array, size: tuple[int, int]):
    graph = build_graph(bit_array(*size))
    pair, structure = all_pairs(graph), PairStructure(graph)
    forward = structure.encode(pair)
    assert np.array_equal(forward, structure.encode(pair[:, ::-1]))
    assert np.isfinite(forward).all()
    order = np.random.default_rng(1).permutation(len(pair))
    assert np.array_equal(structure.encode(pair[order]), forward[order])


def naive_walks(graph: CircuitGraph, most: int) -> Iterator[np.ndarray]:
    circuit, n = graph.circuit, graph.circuit.net_count
    nets_of = [
        {net for net in circuit.pin_net[start:stop].tolist() if graph.rails[net] == 0}
        for start, stop in zip(circuit.pin_offset[:-1], circuit.pin_offset[1:], strict=True)
    ]
    one, devices = np.zeros((n, n), np.int64), np.zeros(n, np.int64)
    for nets in nets_of:
        for net in nets:
            devices[net] += 1
        for a, b in combinations(sorted(nets), 2):
            one[a, b] += 1
            one[b, a] += 1
    passing = np.diag((devices <= most).astype(np.int64))
    walks = one
    for _ in range(MAX_HOPS):
        yield walks
        walks = walks @ passing @ one


@pytest.mark.parametrize(("most", "chunk"), [(64, 1 << 22), (5, 7)])
def test_walks_are_powers_of_the_adjacency(
    bit_array: Array, ota: FlatCircuit, monkeypatch: pytest.MonkeyPatch, most: int, chunk: int
):
    monkeypatch.setattr(path_profiles, "MAX_PASS_FANOUT", most)
    monkeypatch.setattr(path_profiles, "_CHUNK", chunk)
    for circuit in (bit_array(3, 3), ota):
        graph = build_graph(circuit)
        a, b = np.indices((circuit.net_count, circuit.net_count)).reshape(2, -1)
        found = path_counts(graph, np.stack([a, b], axis=1))
        for hops, expected in enumerate(naive_walks(graph, most)):
            assert np.array_equal(found[:, hops].reshape(expected.shape), expected)


def test_shared_devices_against_sets(ota: FlatCircuit):
    graph = build_graph(ota)
    roles = pin_role_codes(ota)
    encoded = Encoded(graph)
    groups = {PinRole.GATE: "gate", PinRole.SOURCE_DRAIN: "source_drain", PinRole.BULK: "bulk"}
    names = ota.net_names()
    for a, b in combinations(range(ota.net_count), 2):
        expected: dict[str, int] = {}
        for device in range(ota.device_count):
            pins = range(*ota.pin_offset[device : device + 2])
            kinds = [
                {groups.get(PinRole(roles[p]), "other") for p in pins if ota.pin_net[p] == net}
                for net in (a, b)
            ]
            for column in {
                name for x in kinds[0] for y in kinds[1] for name in (f"shared_{x}_{y}", f"shared_{y}_{x}")
            } & set(NAMES):
                expected[column] = expected.get(column, 0) + 1
        found = {k: v for k, v in encoded(names[a], names[b]).items() if k.startswith("shared")}
        assert found == {column: log(count) for column, count in expected.items()}


def encodings_by_name(
    graph: CircuitGraph, rename: Callable[[str], str] = str
) -> dict[tuple[str, str], list[float]]:
    encoded = Encoded(graph)
    names = sorted(encoded.node, key=rename)
    pairs = [(a, b) for a, b in combinations(names, 2)]
    rows = encoded.structure.encode(np.array([[encoded.node[a], encoded.node[b]] for a, b in pairs]))
    return {(rename(a), rename(b)): row for (a, b), row in zip(pairs, rows.tolist(), strict=True)}


def test_order_of_cards_and_instances_does_not_matter(flat: Flat):
    cards = [re.split(r"(?m)^\.subckt", BLOCKS)[k] for k in (1, 2, 3)]
    shuffled = []
    for number, block in enumerate(cards):
        head, *body = block.strip().splitlines()
        random.Random(number).shuffle(inner := body[:-1])
        shuffled.append("\n".join([f".subckt {head}", *inner[::-1], body[-1]]))
    one = encodings_by_name(build_graph(flat(BLOCKS, "top")))
    assert encodings_by_name(build_graph(flat("\n".join(shuffled[::-1]) + "\n", "top"))) == one


def test_names_without_index_do_not_matter(flat: Flat):
    renamed = re.sub(r"\bmid\b", "between", BLOCKS).replace("xleft", "xport").replace("xfirst", "xone")
    back = {"between": "mid", "xport": "xleft", "xone": "xfirst"}

    def rename(name: str) -> str:
        return re.sub("|".join(back), lambda word: back[word[0]], name)

    assert encodings_by_name(build_graph(flat(renamed)), rename) == encodings_by_name(
        build_graph(flat(BLOCKS))
    )


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ([[0, 10**6]], "endpoint 1000000; top has nets 0 to 6 and pins 7 to"),
        ([[-1, 0]], "endpoint -1"),
        ([0, 1], "shape"),
        ([[0.5, 1.0]], "integers"),
    ],
)
def test_unknown_endpoints_are_refused(blocks: Encoded, pair: list, message: str):
    with pytest.raises(DataError, match=message):
        blocks.structure.encode(np.array(pair))


def test_no_pairs_at_all(blocks: Encoded):
    assert blocks.structure.encode(np.zeros((0, 2), np.int64)).shape == (0, len(NAMES))


def test_endpoints_by_name(blocks: Encoded):
    named = [("xleft/mid", "q"), ("XLEFT/xfirst/MP:2", "p"), ("md:1", "xright/xsecond/mn:3")]
    numbers = [
        (blocks.node["xleft/mid"], blocks.node["q"]),
        (blocks.node["xleft/xfirst/mp:1"], blocks.node["p"]),
        (blocks.node["md:0"], blocks.node["xright/xsecond/mn:2"]),
    ]
    assert np.array_equal(blocks.structure.encode_named(named), blocks.structure.encode(np.array(numbers)))
    assert net_numbers(blocks.graph.circuit, ["q", "XLEFT/mid"]).tolist() == [
        blocks.node["q"],
        blocks.node["xleft/mid"],
    ]
    assert blocks.structure.encode_named([]).shape == (0, len(NAMES))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            ("q", "xleft/mit"),
            "deck.sp: a pair names net 'xleft/mit', which top does not have; did you mean 'xleft/mid'?",
        ),
        (("q", "zzz"), "deck.sp: a pair names net 'zzz', which top does not have; it has 7, named by path"),
        (("xleft/xfirst/m:1", "q"), "a pair names device 'xleft/xfirst/m', which top does not have"),
        (("md:5", "q"), "a pair names pin md:5; device md has pins 1 to 4"),
        (("md:0", "q"), "a pair names pin md:0; device md has pins 1 to 4"),
        (("md:g", "q"), "a pair names net 'md:g'"),
        (("", "q"), "a pair names net ''"),
    ],
)
def test_unknown_names_are_refused(blocks: Encoded, pair: tuple[str, str], message: str):
    with pytest.raises(DataError, match=re.escape(message)):
        blocks.structure.encode_named([pair])


def test_names_that_differ_by_case_only_have_to_be_spelled(blocks: Encoded):
    labels = NameList.of(
        ["p", "P", "s", "vdd", "gnd", *list(blocks.graph.circuit.definitions[-1].net_labels)[5:]]
    )
    top = replace(blocks.graph.circuit.definitions[-1], net_labels=labels)
    circuit = replace(blocks.graph.circuit, definitions=(*blocks.graph.circuit.definitions[:-1], top))
    assert net_numbers(circuit, ["P", "p", "S"]).tolist() == [1, 0, 2]
    assert net_numbers(replace(circuit), ["p"]).tolist() == [0]
