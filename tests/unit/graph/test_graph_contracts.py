"""What must not matter to a circuit graph: the order in a file, and names where they carry no index."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np
import pytest

from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.graph.context_classes import circuit_classes
from circuitgcl.netlist import FlatCircuit

Flat = Callable[..., FlatCircuit]
ROUNDS = 3

# a bus, an array of rows, a block of cells, devices of its own in the top cell, a virtual and a real supply
TEXT = """.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt buffer in out vdd gnd
xfirst in mid vdd gnd inv
xsecond mid out vdd gnd inv
cmid mid gnd 2f
.ends
.subckt row wl bl[0] bl[1] vdd gnd
xbit_c0 wl bl[0] vdd gnd inv
xbit_c1 wl bl[1] vdd gnd inv
mpre bl[0] keep bl[1] gnd nmos w=0.3u l=0.05u
rkeep keep bl[1] 1k
.ends
.subckt top d[0] d[1] en sleep vdd gnd
xrow_0 wla d[0] d[1] vdd gnd row
xrow_1 wlb d[0] d[1] vdd gnd row
xup en wla vdd gnd buffer
xdown wla wlb gated gnd buffer
msw gated sleep vdd vdd pmos w=4u l=0.05u
dprot gnd en dio area=1p
.ends
"""

Rows = dict[Hashable, np.ndarray]


def by_name(graph: CircuitGraph, back: Callable[[str], str] = str) -> dict[str, Rows]:
    """Everything a graph says, row by row, under names that `back` maps to those of the original netlist."""
    circuit, terminals, contexts = graph.circuit, graph.terminals, graph.contexts
    net = [back(name) for name in circuit.net_names()]
    device = [back(name) for name in circuit.device_names()]
    own = [
        (circuit.definitions[d].name, back(circuit.definitions[d].net_labels[local]))
        for d, local in zip(terminals.definition.tolist(), terminals.local.tolist(), strict=True)
    ]
    met: dict[Hashable, Counter[Any]] = defaultdict(Counter)
    described: Rows = {}
    for pair, context in zip(contexts.occurrence_pair, contexts.occurrence_context, strict=True):
        keys = (contexts.key_exact[context], contexts.key_structural[context])
        ends = frozenset(net[end] for end in contexts.pair[pair].tolist())
        met[ends][tuple(int(key) for key in keys)] += 1
        described[int(keys[0])] = graph.pair_features[context]
    pins = zip(circuit.pin_device.tolist(), circuit.pin_net.tolist(), graph.pin_features, strict=True)
    ends_of: dict[Hashable, list[tuple[float, ...]]] = defaultdict(list)
    for of, on, features in pins:
        ends_of[device[of], net[on]].append(tuple(features.tolist()))
    return {
        "rails": dict(zip(net, graph.rails[:, None], strict=True)),
        "net features": dict(zip(net, graph.net_features, strict=True)),
        "device features": dict(zip(device, graph.device_features, strict=True)),
        "pin features": {ends: np.array(sorted(rows)) for ends, rows in ends_of.items()},
        "terminal features": dict(zip(own, graph.terminal_features, strict=True)),
        "terminal keys": {
            key: np.array([exact, structural])
            for key, exact, structural in zip(own, terminals.key_exact, terminals.key_structural, strict=True)
        },
        "contexts": {ends: np.array(sorted(keys.items()), dtype=object) for ends, keys in met.items()},
        "pair features": described,
    }


def classes(graph: CircuitGraph, back: Callable[[str], str] = str) -> dict[str, set[frozenset[Hashable]]]:
    """Which nets, devices and candidate pairs the quotient takes to be alike."""
    circuit, found = graph.circuit, circuit_classes(graph, ROUNDS)
    net = [back(name) for name in circuit.net_names()]
    pairs = [frozenset(net[end] for end in ends) for ends in graph.contexts.pair.tolist()]
    return {
        "net": _partition(net, found.quotient.net_class),
        "device": _partition(map(back, circuit.device_names()), found.quotient.device_class(circuit)),
        "pair": _partition(pairs, found.pair.row_class),
    }


def _partition(names: Iterable[Hashable], numbers: np.ndarray) -> set[frozenset[Hashable]]:
    groups: dict[int, set[Hashable]] = defaultdict(set)
    for name, number in zip(names, numbers.tolist(), strict=True):
        groups[number].add(name)
    return {frozenset(group) for group in groups.values()}


def differences(one: dict[str, Rows], other: dict[str, Rows]) -> list[str]:
    """What two descriptions do not agree in."""
    found = []
    for what, rows in one.items():
        if rows.keys() != other[what].keys():
            found.append(what)
        elif what in ("contexts", "terminal keys"):
            found += [what] * any(not np.array_equal(row, other[what][key]) for key, row in rows.items())
        else:  # sums of floats may come in another order
            found += [what] * any(not np.allclose(row, other[what][key], 1e-6) for key, row in rows.items())
    return found


def shuffled(seed: int) -> str:
    """The cards of every body and the definitions in another order; that of ports is part of a cell."""
    shuffler = random.Random(seed)
    bodies = []
    for block in TEXT.split(".ends\n")[:-1]:
        head, *cards = block.strip().splitlines()
        shuffler.shuffle(cards)
        bodies.append("\n".join([head, *cards, ".ends", ""]))
    shuffler.shuffle(bodies)
    return "".join(bodies)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_the_file_does_not_matter(flat: Flat, seed: int):
    one, other = build_graph(flat(TEXT, "top")), build_graph(flat(shuffled(seed), "top"))
    assert one.circuit.device_names() != other.circuit.device_names()
    assert differences(by_name(one), by_name(other)) == []
    assert classes(one) == classes(other)


RENAMED = {
    "mid": "between",
    "keep": "zz",
    "wla": "first_line",
    "wlb": "aa",
    "en": "go",
    "sleep": "nap",
    "gated": "hidden",
    "xup": "xzup",
    "xdown": "xbelow",
    "xfirst": "xone",
    "xsecond": "xanother",
    "mpre": "mxy",
    "cmid": "cx",
    "msw": "ma",
    "dprot": "da",
    "rkeep": "ra",
    "mp": "mq",
}


def renamed(text: str, names: dict[str, str]) -> str:
    return re.sub(rf"\b({'|'.join(names)})\b", lambda word: names[word[0]], text)


def test_names_without_an_index_do_not_matter(flat: Flat):
    back = {new: old for old, new in RENAMED.items()}
    one, other = build_graph(flat(TEXT, "top")), build_graph(flat(renamed(TEXT, RENAMED), "top"))
    assert set(RENAMED) & set(re.split("/", "/".join(other.circuit.net_names()))) == set()
    assert differences(by_name(one), by_name(other, lambda name: renamed(name, back))) == []
    assert classes(one) == classes(other, lambda name: renamed(name, back))


def test_case_does_not_matter(flat: Flat):
    one, other = build_graph(flat(TEXT, "top")), build_graph(flat(TEXT.upper(), "top"))
    found = by_name(other, str.casefold)
    for what in ("terminal features", "terminal keys"):
        found[what] = {(cell.casefold(), label): row for (cell, label), row in found[what].items()}
    assert differences(by_name(one), found) == []
    assert classes(one) == classes(other, str.casefold)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({"wla": "w[4]", "wlb": "w[5]"}, {"contexts", "pair features"}),  # they become neighbours of one bus
        ({"xrow_0": "xcold", "xrow_1": "xwarm"}, {"contexts", "pair features"}),  # rows no longer neighbours
        ({"gated": "vss"}, {"rails", "contexts"}),
        ({"pmos": "nmos"}, {"net features", "device features", "contexts", "terminal keys"}),
        ({"0.3u": "0.5u"}, {"net features", "device features", "contexts", "terminal keys"}),
    ],
    ids=["bus", "instances", "supplies", "types", "sizes"],
)
def test_what_does_matter_shows(flat: Flat, names: dict[str, str], what: set[str]):
    """The comparison sees what names with an index, types and sizes change."""
    back = {new: old for old, new in names.items()} if len(set(names.values())) == len(names) else {}
    one, other = build_graph(flat(TEXT, "top")), build_graph(flat(_replaced(TEXT, names), "top"))
    assert what <= set(differences(by_name(one), by_name(other, lambda name: _replaced(name, back))))


def _replaced(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text
