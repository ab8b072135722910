"""Fingerprints: what they ignore, what they see, and that they never change."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from naive_fingerprints import naive_fingerprints

from circuitgcl.graph.fingerprints import Fingerprint, fingerprints
from circuitgcl.graph.rails import recognise_rails
from circuitgcl.graph.stable_hashing import hash64
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

NETLISTS = Path(__file__).parents[3] / "netlists"

Prints = Callable[..., tuple[Fingerprint, dict[str, int]]]

LATCH = """.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt latch d en q vdd gnd
mpass d en s gnd nmos w=0.2u l=0.05u
xfwd s qb vdd gnd inv
xout qb q vdd gnd inv
xback q s vdd gnd inv
.ends
"""


@pytest.fixture
def prints(flat: Callable[..., FlatCircuit]) -> Prints:
    """Fingerprint of a top cell, and its exact net colours by name."""

    def of_text(text: str, top: str) -> tuple[Fingerprint, dict[str, int]]:
        circuit = flat(text, top)
        found = fingerprints(circuit, recognise_rails(circuit))[-1]
        labels = circuit.definitions[-1].net_labels
        return found, dict(zip(labels, found.net_exact.tolist(), strict=True))

    return of_text


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        ((), 13020603013274838756),
        ((1, 2), 9656660893279214603),
        (("nmos", 4), 2946664181054850715),
        ((-1,), 9376631684097872765),
        ((2**64 - 1,), 9376631684097872765),
    ],
)
def test_hash64_is_stable(parts: tuple[object, ...], value: int):
    """Checkpoints hold these hashes: a different value makes every shipped memory worthless."""
    assert hash64(parts) == value


def test_hash64_tells_sequences_apart():
    alike = [(1, 2), (2, 1), (12,), ("1", 2), ("12",), ("1", "2"), ("i",), (1, 2, 0), (1.0, 2)]
    assert len({hash64(parts) for parts in alike}) == len(alike)
    assert hash64([np.int32(7), np.uint64(8)]) == hash64([7, 8])


def test_fingerprint_is_stable(prints: Prints):
    found, colours = prints(LATCH, "latch")
    assert found.exact == 13808261119134344655
    assert found.structural == 9613640737803441431
    assert colours["s"] == 16153977434303439375


def test_names_order_and_case_do_not_matter(prints: Prints):
    other = """.subckt NOT IN OUT vdd gnd
MA gnd IN OUT gnd NMOS W=200n L=50n
MB vdd IN OUT vdd PMOS W=400n L=50n
.ends
.subckt keeper data strobe state vdd gnd
xthird state inner vdd gnd NOT
xfirst inner middle vdd gnd NOT
xsecond middle state vdd gnd NOT
mgate inner strobe data gnd NMOS W=0.2u L=0.05u
.ends
"""
    renamed = {"d": "data", "en": "strobe", "q": "state", "s": "inner", "qb": "middle"}
    (first, colours), (second, others) = prints(LATCH, "latch"), prints(other, "keeper")
    assert (first.exact, first.structural) == (second.exact, second.structural)
    assert all(colours[old] == others[new] for old, new in renamed.items())
    assert len(set(colours.values())) == len(colours)


@pytest.mark.parametrize(
    ("old", "new", "is_same_structure"),
    [
        ("w=0.4u", "w=0.41u", True),
        ("w=0.2u l=0.05u\n.ends\n.subckt latch", "w=0.2u l=0.06u\n.ends\n.subckt latch", True),
        ("vdd vdd pmos w=0.4u", "vdd vdd pmos m=2 w=0.4u", True),
        ("gnd gnd nmos", "gnd gnd nmos_lvt", False),
        ("d en q vdd", "en d q vdd", False),
        ("xback q s vdd gnd inv", "xback qb s vdd gnd inv", False),
        ("xback q s vdd gnd inv", "xback q s vdd gnd inv\nxmore q s vdd gnd inv", False),
        ("d en q vdd gnd", "d en q vdd gnd spare", False),
    ],
    ids=["width", "length", "multiplier", "model", "port_order", "connection", "device", "port"],
)
def test_what_changes_a_fingerprint(prints: Prints, old: str, new: str, is_same_structure: bool):
    assert LATCH.count(old) == 1
    (first, _), (second, _) = prints(LATCH, "latch"), prints(LATCH.replace(old, new), "latch")
    assert first.exact != second.exact
    assert (first.structural == second.structural) is is_same_structure


KEEPER = """.subckt keeper en vdd gnd
ma {q} {nq} tail gnd nmos w=0.2u l=0.05u
mb {nq} {q} tail gnd nmos w=0.2u l=0.05u
mc {q} {nq} vdd vdd pmos w=0.2u l=0.05u
md {nq} {q} vdd vdd pmos w=0.2u l=0.05u
mt tail en gnd gnd nmos w=0.2u l=0.05u
.ends
"""


def test_mirrored_nets_are_told_apart_by_name(prints: Prints):
    first, colours = prints(KEEPER.format(q="q", nq="nq"), "keeper")
    assert colours["q"] != colours["nq"]
    lines = KEEPER.format(q="q", nq="nq").splitlines()
    again, shuffled = prints("\n".join([lines[0], *reversed(lines[1:-1]), ".ends\n"]), "keeper")
    assert again.exact == first.exact
    assert shuffled == colours
    other, renamed = prints(KEEPER.format(q="y", nq="X").replace("keeper", "kp"), "kp")
    assert other.exact == first.exact
    assert (renamed["y"], renamed["X"]) == (colours["q"], colours["nq"])  # still second and first by name


def test_names_do_not_decide_what_structure_tells(prints: Prints):
    """Middles of a long chain differ only by their distance from the ends, many rounds away."""
    length, rng = 24, random.Random(5)

    def chain(names: list[str]) -> str:
        nets = ["first", *names, "last"]
        rows = [f"m{i} {b} {a} gnd gnd nmos w=1u l=0.1u" for i, (a, b) in enumerate(pairwise(nets))]
        return "\n".join([".subckt chain first last gnd", *rows, ".ends\n"])

    names = [f"n{i}" for i in range(length)]
    shuffled = rng.sample(names, length)
    (first, colours), (second, others) = prints(chain(names), "chain"), prints(chain(shuffled), "chain")
    assert first.exact == second.exact
    assert [colours[name] for name in names] == [others[name] for name in shuffled]


def test_parts_are_those_of_any_array_size(bit_array: Callable[[int, int], FlatCircuit]):
    parts = {}
    for rows, columns in ((2, 3), (5, 4)):
        circuit = bit_array(rows, columns)
        found = fingerprints(circuit, recognise_rails(circuit))
        parts[rows] = dict(zip(circuit.definitions[-1].net_labels, found[-1].net_part.tolist(), strict=True))
        cells = {d.name: f.exact for d, f in zip(circuit.definitions, found, strict=True)}
        parts[rows]["cell"] = cells["bit"]
    assert parts[2]["cell"] == parts[5]["cell"]
    for name in ("bl_0", "br_1", "wl_0", "vdd"):
        assert parts[2][name] == parts[5][name]
    assert len({parts[5][name] for name in ("bl_0", "bl_3", "br_0", "wl_0", "wl_4")}) == 3


def assert_as_naive(circuit: FlatCircuit) -> None:
    rails = recognise_rails(circuit)
    for found, expected in zip(fingerprints(circuit, rails), naive_fingerprints(circuit, rails), strict=True):
        assert (found.exact, found.structural) == (expected.exact, expected.structural)
        for name in ("net_exact", "net_structural", "net_part"):
            assert getattr(found, name).tolist() == getattr(expected, name)


@pytest.mark.parametrize("path", sorted(NETLISTS.glob("*.sp")), ids=lambda path: path.stem)
def test_fingerprints_are_the_naive_ones(path: Path):
    assert_as_naive(flatten(read_netlist(path)))


@pytest.mark.parametrize("name", ["fpdk45_2x16", "scn4m_2x16_1rw1r"])
def test_fingerprints_of_memories_are_the_naive_ones(name: str):
    assert_as_naive(flatten(read_netlist(NETLISTS / "openram" / f"{name}.sp.gz")))
