"""Nets that feed a circuit as rails do, but are driven in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from circuitgcl.graph.device_bodies import Bodies
from circuitgcl.graph.feeding import feeding_nets
from circuitgcl.graph.net_sums import NetSums
from circuitgcl.graph.rails import guess_rails
from circuitgcl.graph.virtual_supplies import describe_supplies, virtual_supplies
from circuitgcl.netlist import FlatCircuit

Flatten = Callable[..., FlatCircuit]

INVERTER = """.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=1u l=0.1u
mn y a gnd gnd nmos w=1u l=0.1u
.ends
"""


def feeding(circuit: FlatCircuit) -> set[str]:
    sums = NetSums.of(circuit, Bodies.of(circuit))
    return set(circuit.net_names(np.flatnonzero(feeding_nets(circuit, sums)).tolist()))


def virtual(circuit: FlatCircuit) -> set[str]:
    kinds = guess_rails(circuit).kinds
    return set(circuit.net_names(np.flatnonzero(virtual_supplies(circuit, kinds)).tolist()))


def ring(supply: str, ground: str) -> str:
    return "".join(f"x{n} n{n} n{(n + 1) % 3} {supply} {ground} inv\n" for n in range(3))


def test_a_switched_rail_and_a_switched_ground(flat: Flatten):
    switches = "mh up en vdd vdd pmos w=9u l=0.1u\nmf down enb gnd gnd nmos w=9u l=0.1u\n"
    text = f"{INVERTER}.subckt top en enb n0 vdd gnd\n{switches}{ring('up', 'down')}.ends\n"
    circuit = flat(text, "top")
    assert feeding(circuit) == virtual(circuit) == {"up", "down"}
    rows = describe_supplies(circuit, guess_rails(circuit))
    assert {row["net"]: (row["kind"], row["evidence"]) for row in rows} == {
        "vdd": ("supply", "name"),
        "gnd": ("ground", "name"),
        "up": ("virtual", "feeds gates"),
        "down": ("virtual", "feeds gates"),
    }


def test_a_rail_feeds_too_but_is_none(flat: Flatten):
    circuit = flat(f"{INVERTER}.subckt top n0 vdd gnd\n{ring('vdd', 'gnd')}.ends\n", "top")
    assert feeding(circuit) == {"vdd", "gnd"}
    assert virtual(circuit) == set()


SIGNALS = {
    "the tail of a differential pair": """m1 x a tail gnd nmos w=1u l=0.1u
m2 y b tail gnd nmos w=1u l=0.1u
m3 tail c gnd gnd nmos w=1u l=0.1u
""",
    "the tail of a latch": """m1 x y tail gnd nmos w=1u l=0.1u
m2 y x tail gnd nmos w=1u l=0.1u
m3 x y vdd vdd pmos w=1u l=0.1u
m4 y x vdd vdd pmos w=1u l=0.1u
m5 tail c gnd gnd nmos w=1u l=0.1u
""",
    "the middle of a complex gate": "".join(
        f"mp{k} mid {g} vdd vdd pmos w=1u l=0.1u\nmq{k} y {g}2 mid vdd pmos w=1u l=0.1u\n"
        f"mn{k} y {g} z{k} gnd nmos w=1u l=0.1u\nmo{k} z{k} {g}2 gnd gnd nmos w=1u l=0.1u\n"
        for k, g in enumerate("abcd")
    ),
    "a multiplexer's output": "".join(f"m{g} y {g} in_{g} gnd nmos w=1u l=0.1u\n" for g in "abcde"),
    "the output of a NAND": "".join(f"mp{k} y {g} vdd vdd pmos w=1u l=0.1u\n" for k, g in enumerate("abcd"))
    + "m1 y a s gnd nmos w=1u l=0.1u\nm2 s b gnd gnd nmos w=1u l=0.1u\n",
}


@pytest.mark.parametrize("body", SIGNALS.values(), ids=SIGNALS)
def test_signals_are_no_supplies(flat: Flatten, body: str):
    assert virtual(flat(f".subckt top a b c vdd gnd\n{body}.ends\n")) == set()


def test_called_as_a_supply_and_used_as_one(flat: Flatten):
    """Inside an instance a plain `vdd` is virtual, too; a name alone, without sources, is not."""
    text = (
        f"{INVERTER}.subckt block a y gnd\nmsw vdd a y y pmos w=1u l=0.1u\nx1 a y vdd gnd inv\n.ends\n"
        ".subckt top a y vreg vddi vdd gnd\nxb a y gnd block\nx1 a y2 vreg gnd inv\nx2 y2 y vreg gnd inv\n"
        "m1 y vddi gnd gnd nmos w=1u l=0.1u\n.ends\n"
    )
    assert virtual(flat(text, "top")) == {"xb/vdd", "vreg"}
    named = describe_supplies(flat(text, "top"), guess_rails(flat(text, "top")))
    assert {row["net"] for row in named if row["evidence"] == "name" and row["kind"] == "virtual"} == {
        "xb/vdd",
        "vreg",
    }


def test_it_counts_through_the_hierarchy(flat: Flatten):
    """Four cells with one inverter each, or one cell with four: the same."""
    cells = f"{INVERTER}.subckt top a b c d e gnd\n" + "".join(
        f"x{n} {'abcd'[n]} {'bcde'[n]} up gnd inv\n" for n in range(4)
    )
    body = "".join(
        f"mp{n} {'bcde'[n]} {'abcd'[n]} up up pmos w=1u l=0.1u\n"
        f"mn{n} {'bcde'[n]} {'abcd'[n]} gnd gnd nmos w=1u l=0.1u\n"
        for n in range(4)
    )
    flat_text = f".subckt top a b c d e gnd\n{body}.ends\n"
    assert "up" in feeding(flat(cells + ".ends\n", "top")) & feeding(flat(flat_text))
