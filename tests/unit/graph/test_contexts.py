"""Contexts, against an enumeration that looks at every pair of every instance."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from naive_contexts import Occurrences, Tied, naive_occurrences

from circuitgcl.graph import local_pairs
from circuitgcl.graph.contexts import ContextKind, ContextTable, TerminalTable, context_table, terminal_table
from circuitgcl.graph.fingerprints import Fingerprint, fingerprints
from circuitgcl.graph.rails import recognise_rails
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist
from circuitgcl.parasitics import match_nets, read_parasitics

NETLISTS = Path(__file__).resolve().parents[3] / "netlists"
OPENRAM = NETLISTS / "openram"
needs_openram = pytest.mark.skipif(not OPENRAM.is_dir(), reason="no openram designs here")
Flatten = Callable[..., FlatCircuit]


def contexts_of(circuit: FlatCircuit) -> tuple[ContextTable, TerminalTable, tuple[Fingerprint, ...]]:
    rails = recognise_rails(circuit)
    prints = fingerprints(circuit, rails)
    terminals = terminal_table(circuit, prints)
    return context_table(circuit, rails, terminals, prints), terminals, prints


def occurrences(table: ContextTable) -> Occurrences:
    pair, context = table.pair[table.occurrence_pair], table.occurrence_context
    rows = zip(
        pair[:, 0].tolist(),
        pair[:, 1].tolist(),
        table.key_exact[context].tolist(),
        table.key_structural[context].tolist(),
        strict=True,
    )
    return Counter(rows)


def tied(table: ContextTable) -> Tied:
    keys = table.key_exact[table.tied_context], table.key_structural[table.tied_context]
    return Counter(zip(table.tied_net.tolist(), *(key.tolist() for key in keys), strict=True))


def check_against_naive(circuit: FlatCircuit) -> ContextTable:
    table, _, prints = contexts_of(circuit)
    expected, expected_tied = naive_occurrences(circuit, recognise_rails(circuit), prints)
    assert (occurrences(table) == expected) is True  # no diff of thousands of hashes
    assert (tied(table) == expected_tied) is True
    assert table.pair_count == len({key[:2] for key in expected})
    return table


def names(circuit: FlatCircuit, table: ContextTable) -> set[tuple[str, str]]:
    flat = circuit.net_names()
    return {(flat[a], flat[b]) for a, b in table.pair.tolist()}


def test_ota(ota: FlatCircuit):
    """One leaf: all 21 pairs of its seven signal nets, once."""
    table = check_against_naive(ota)
    assert table.pair_count == len(table.occurrence_pair) == 7 * 6 // 2
    assert set(table.kind.tolist()) == {ContextKind.SAME}


def test_bit_array(bit_array: Callable[[int, int], FlatCircuit]):
    circuit = bit_array(3, 4)
    table = check_against_naive(circuit)
    flat = circuit.net_names()
    where = {name: position for position, name in enumerate(flat)}

    def between(a: str, b: str) -> Counter[tuple[ContextKind, int]]:
        chosen = (table.pair == sorted((where[a], where[b]))).all(axis=1)[table.occurrence_pair]
        rows = table.occurrence_context[chosen]
        kinds, coordinates = table.kind[rows].tolist(), table.coordinate[rows].tolist()
        return Counter((ContextKind(k), c) for k, c in zip(kinds, coordinates, strict=True))

    same, beside, below = (ContextKind.SAME, 0), (ContextKind.NEIGHBOUR, 0), (ContextKind.NEIGHBOUR, 1)
    # one bit line pair runs past three cells, and faces itself across two boundaries in both orders
    assert between("bl_1", "br_1") == {same: 3 + 1, below: 2 * 2}
    assert between("bl_1", "bl_2") == {same: 1, beside: 3}
    assert between("wl_0", "wl_1") == {same: 1, below: 4}
    assert between("wl_0", "bl_0") == {same: 1 + 1, beside: 1, below: 1}
    assert between("xbit_r0_c0/q", "xbit_r1_c0/nq") == {below: 1}
    assert between("xbit_r0_c0/q", "xbit_r1_c1/q") == {}


def test_nested_blocks_of_different_cells(flat: Flatten):
    """Leaves of neighbouring blocks face each other in order, whatever their kind; unlike blocks do not."""
    text = """.subckt a x y gnd
mn x y gnd gnd nmos w=1u l=0.1u
.ends
.subckt b x y gnd
mn y x z gnd nmos w=1u l=0.1u
mm z x gnd gnd nmos w=1u l=0.1u
.ends
.subckt ab x y gnd
x1 x y gnd a
x2 x y gnd b
.ends
.subckt ba x y gnd
x1 x m gnd b
x2 m y gnd a
.ends
.subckt top n0 n1 n2 n3 gnd vdd
xu0 n0 n1 gnd ab
xu1 n1 n2 gnd ba
xu2 n2 n3 gnd ab
xu3 n3 vdd gnd a
rload n3 vdd 1k
xw_0_0 n0 n3 gnd a
xw_0_1 vdd n1 gnd a
xw_1_1 n1 n2 gnd a
.ends
"""
    table = check_against_naive(flat(text, "top"))
    assert (table.kind == ContextKind.NEIGHBOUR).sum() > 20


def test_large_leaf(flat: Flatten):
    """Beyond 64 nets only near ones pair: two devices apart, never across a net that many devices share."""
    stages = 40
    rows = ["mstart n0 in gnd gnd nmos w=1u l=0.1u"]
    for i in range(stages):
        rows.append(f"mn{i} n{i + 1} n{i} s_{i} gnd nmos w=1u l=0.1u")
        rows.append(f"me{i} s_{i} en gnd gnd nmos w=1u l=0.1u")
        rows.append(f"mp{i} n{i + 1} n{i} vdd vdd pmos w=1u l=0.1u")
    circuit = flat("\n".join([".subckt line in en vdd gnd", *rows, ".ends\n"]))
    found = names(circuit, check_against_naive(circuit))
    either = found | {(b, a) for a, b in found}
    assert ("n4", "n5") in either
    assert ("s_4", "n6") in either  # through n5
    assert ("n4", "n7") in either  # three steps along a bus
    assert ("n4", "n8") not in either
    assert ("en", "s_30") in either
    assert ("s_4", "s_30") not in either  # through en alone, which 40 devices share


def large_neighbours(ports: int, kinds: str) -> str:
    """Rows of chains of 70 nets, the first ones of which are ports."""
    names = [f"p{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(70)]
    header, inner = " ".join(names[:ports]), names[ports:]
    cards = [f"m{a} {a} {b} gnd gnd nmos w=1u l=0.1u" for a, b in pairwise(names)]
    tie = f"mtie {names[0]} {names[-1]} gnd gnd nmos w=2u l=0.1u"
    bodies = [
        "\n".join([f".subckt {kind} {header} gnd", *cards, *([tie] if kind == "other" else []), ".ends"])
        for kind in ("chain", "other")
    ]
    own = [" ".join(f"{letter}{name}" for name in names[:ports]) for letter in "st"]
    rows = [f"xrow_{i} {own[i]} gnd {kind}" for i, kind in enumerate(kinds.split())]
    assert len(inner) == 70 - ports
    return "\n".join([*bodies, f".subckt top {' '.join(own)} gnd", *rows, ".ends", ""])


@pytest.mark.parametrize(
    ("ports", "kinds", "pairs"),
    [
        (3, "chain chain", 3 * 3 + 67),  # ports all meet, inner nets each their like
        (3, "chain other", 3 * 3),
        (66, "chain chain", 70),  # too many ports: each net its like
        (66, "chain other", 0),
    ],
)
def test_large_neighbours_meet_at_ports_and_like_nets(flat: Flatten, ports: int, kinds: str, pairs: int):
    circuit = flat(large_neighbours(ports, kinds), "top")
    table, terminals, _ = contexts_of(circuit)
    beside = table.kind[table.occurrence_context] == ContextKind.NEIGHBOUR
    ends = table.occurrence_pair[beside]
    assert (len(ends), len(np.unique(ends))) == (pairs, pairs)
    sides = np.stack([table.side_a, table.side_b])[:, table.occurrence_context[beside]]
    low, high = terminals.local[sides]
    if kinds == "chain chain":
        like = {a for a, b in zip(low.tolist(), high.tolist(), strict=True) if a == b}
        assert like == set(range(71)) - {ports}  # all but ground, which follows the ports
    assert ((low < ports) == (high < ports)).all()


def test_buses_beyond_the_budget(flat: Flatten):
    """Two families of 65 nets would make 4,225 pairs in a body of 13 blocks: only aligned ones remain."""
    width, share = 65, 5

    def ports(first: int, last: int) -> str:
        return " ".join(f"{bus}_{i}" for bus in "ab" for i in range(first, last))

    text = "\n".join(
        [
            f".subckt block {ports(0, share)} gnd",
            *(f"m{i} a_{i} b_{i} gnd gnd nmos w=1u l=0.1u" for i in range(share)),
            f".ends\n.subckt top {ports(0, width)} gnd",
            *(f"x{first} {ports(first, first + share)} gnd block" for first in range(0, width, share)),
            ".ends\n",
        ]
    )
    circuit = flat(text, "top")
    pairs = names(circuit, check_against_naive(circuit))
    assert ("a_4", "b_5") in pairs
    assert ("a_4", "b_6") not in pairs


def test_a_netlist_of_single_names_pairs_what_cells_share(flat: Flatten, monkeypatch: pytest.MonkeyPatch):
    """Nets of a synthesised block have nothing but their cells in common."""
    letters = [f"{x}{y}" for x in "abcdefgh" for y in "abcdefgh"]
    text = "\n".join(
        [
            ".subckt buf a y gnd\nmn y a gnd gnd nmos w=1u l=0.1u\n.ends",
            f".subckt top {' '.join(letters)} gnd",
            *(f"xu{a}{b} {a} {b} gnd buf" for a, b in pairwise(letters)),
            ".ends\n",
        ]
    )
    circuit = flat(text, "top")
    everything = names(circuit, contexts_of(circuit)[0])
    assert len(everything) == 64 * 63 // 2
    monkeypatch.setattr(local_pairs, "MAX_CROSSINGS", 1000)
    assert names(circuit, contexts_of(circuit)[0]) == set(pairwise(letters))


@pytest.mark.parametrize(("width", "is_far_pair"), [(16, True), (17, False)])
def test_narrow_and_wide_buses(flat: Flatten, width: int, is_far_pair: bool):
    """All lines of a narrow bus may run side by side; of a wide one those few steps apart."""
    lines = " ".join(f"d{bit}" for bit in range(width))
    gates = [f"x{bit} d{bit} q{bit}x vdd gnd inv" for bit in range(width)]
    inverter = [
        ".subckt inv a y vdd gnd",
        "m1 y a gnd gnd nmos w=1u l=0.1u",
        "m2 y a vdd vdd pmos w=1u l=0.1u",
        ".ends",
    ]
    text = "\n".join([*inverter, f".subckt top {lines} vdd gnd", *gates, ".ends\n"])
    circuit = flat(text, "top")
    found = names(circuit, check_against_naive(circuit))
    either = found | {(b, a) for a, b in found}
    assert ("d0", "d3") in either
    assert (("d0", "d9") in either) is is_far_pair


def test_rails_of_one_instance_only(flat: Flatten):
    """A cell with one input tied to a rail somewhere still has contexts there where it is none."""
    text = """.subckt nand a b y vdd gnd
m1 y a n gnd nmos w=1u l=0.1u
m2 n b gnd gnd nmos w=1u l=0.1u
m3 y a vdd vdd pmos w=1u l=0.1u
m4 y b vdd vdd pmos w=1u l=0.1u
.ends
.subckt top in other out vdd gnd
x0 in vdd mid vdd gnd nand
x1 mid other out vdd gnd nand
x2 gnd out last vdd gnd nand
.ends
"""
    circuit = flat(text, "top")
    table = check_against_naive(circuit)
    assert not recognise_rails(circuit)[table.pair].any()
    assert ("other", "out") in names(circuit, table)
    flat = circuit.net_names()
    inside = table.kind[table.tied_context] == ContextKind.SAME
    own = Counter(flat[net] for net in table.tied_net[inside].tolist())
    assert own == {"in": 1, "mid": 1, "x0/n": 1, "out": 1, "last": 1, "x2/n": 1}


@pytest.fixture(scope="module")
def array() -> Callable[[str], FlatCircuit]:
    return lambda name: flatten(read_netlist(OPENRAM / f"{name}.sp.gz"))


@needs_openram
@pytest.mark.parametrize("name", ["fpdk45_2x16__port_data", "scn4m_4x16__wordline_driver_array"])
def test_sram_block(array: Callable[[str], FlatCircuit], name: str):
    table = check_against_naive(array(name))
    assert table.pair_count > 100


DIGEST = """
import hashlib, sys
from circuitgcl.graph import build_graph
from circuitgcl.netlist import flatten, read_netlist
c = build_graph(flatten(read_netlist(sys.argv[1]))).contexts
print(hashlib.sha1(c.key_exact.tobytes() + c.occurrence_pair.tobytes() + c.pair.tobytes()).hexdigest())
"""


@needs_openram
def test_tables_are_consistent_and_the_same_in_every_process(array: Callable[[str], FlatCircuit]):
    name = "fpdk45_2x16__bank"
    circuit = array(name)
    table, terminals, _ = contexts_of(circuit)
    code = table.pair[:, 0].astype(np.int64) * circuit.net_count + table.pair[:, 1]
    assert (table.pair[:, 0] < table.pair[:, 1]).all()
    assert (np.diff(code) > 0).all()
    assert not recognise_rails(circuit)[table.pair].any()
    assert np.array_equal(np.unique(table.occurrence_pair), np.arange(table.pair_count))
    mentioned = np.concatenate([table.occurrence_context, table.tied_context])
    assert np.array_equal(np.unique(mentioned), np.arange(len(table.kind)))
    neighbour = table.kind == ContextKind.NEIGHBOUR
    assert terminals.is_leaf[table.side_a[neighbour]].all()
    assert (terminals.definition[table.side_a] == terminals.definition[table.side_b])[~neighbour].all()
    command = [sys.executable, "-c", DIGEST, str(OPENRAM / f"{name}.sp.gz")]
    outputs = {
        subprocess.run(
            command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@needs_openram
def test_cells_keep_their_contexts_from_block_to_macro(array: Callable[[str], FlatCircuit]):
    """What was learned on the bit cell array alone is found again in the whole memory."""
    macro, _, _ = contexts_of(array("fpdk45_2x16"))
    block, terminals, _ = contexts_of(array("fpdk45_2x16__bitcell_array"))
    of_leaf = terminals.is_leaf[block.side_a] & terminals.is_leaf[block.side_b]
    assert of_leaf.sum() > 50
    assert set(block.key_exact[of_leaf].tolist()) <= set(macro.key_exact.tolist())


@needs_openram
def test_candidates_hold_nearly_all_coupling(array: Callable[[str], FlatCircuit]):
    circuit = array("fpdk45_2x16")
    extracted = read_parasitics(OPENRAM / "fpdk45_2x16.pex.sp.gz")
    table, _, _ = contexts_of(circuit)
    net = match_nets(extracted, circuit.net_names()).node_to_net
    rails = recognise_rails(circuit)
    a, b = net[extracted.pair_a], net[extracted.pair_b]
    wanted = (a >= 0) & (b >= 0) & (extracted.pair_farad > 1e-17)
    wanted &= (rails[a] == 0) & (rails[b] == 0)
    candidates = {tuple(pair) for pair in table.pair.tolist()}
    low, high = np.minimum(a, b)[wanted].tolist(), np.maximum(a, b)[wanted].tolist()
    held = np.array([pair in candidates for pair in zip(low, high, strict=True)])
    farad = extracted.pair_farad[wanted]
    assert farad[held].sum() >= 0.97 * farad.sum()
    assert table.pair_count < 10 * len(farad)
