"""Which nets are rails: by pattern, by name, by bulk ties."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from circuitgcl.graph.rails import RailKind, rail_kind_of_name, recognise_rails
from circuitgcl.netlist import FlatCircuit

Flatten = Callable[..., FlatCircuit]


def rails_by_name(circuit: FlatCircuit, patterns: Sequence[str] = ()) -> dict[str, RailKind]:
    kinds = recognise_rails(circuit, patterns).tolist()
    return {n: RailKind(k) for n, k in zip(circuit.net_names(), kinds, strict=True) if k}


@pytest.mark.parametrize(
    "name",
    [
        "0",
        "gnd",
        "GND!",
        "vss",
        "VSSA",
        "agnd",
        "dvss",
        "gnda",
        "gnd_io",
        "vgnd",
        "VNB",
        "vsub",
        "substrate",
        "vss[0]",
        "gnd1",
        "vss2",
        "pgnd",
    ],
)
def test_ground_names(name: str):
    assert rail_kind_of_name(name) is RailKind.GROUND


@pytest.mark.parametrize(
    "name",
    [
        "vdd",
        "VDD!",
        "vcc",
        "VPWR",
        "vpb",
        "vdda",
        "avdd",
        "dvdd",
        "avdd_core",
        "vdd_io",
        "vdd1",
        "vdd[0]",
        "vdd3v3",
        "VDD1V8",
        "vdd1p2",
        "vbat",
    ],
)
def test_supply_names(name: str):
    assert rail_kind_of_name(name) is RailKind.SUPPLY


@pytest.mark.parametrize(
    "name",
    [
        "vref",
        "bl",
        "vin",
        "vout",
        "en_vdd",
        "vddok",
        "vssen",
        "s0",
        "00",
        "q",
        "gnd_sense",
        "dd",
        "v",
        "dd_out",
        "subtract",
        "power_good",
        "x/vdd",
        "net_vdd",
    ],
)
def test_signal_names(name: str):
    assert rail_kind_of_name(name) is RailKind.SIGNAL


INVERTER = """.subckt inv a y vdd gnd
mn y a gnd gnd nmos w=1u l=0.1u
mp y a vdd vdd pmos w=1u l=0.1u
.ends
"""


def test_local_supplies_are_no_rails(flat: Flatten):
    """A gated supply is called vdd inside the cells, but something in the circuit drives it."""
    text = INVERTER + (
        ".subckt top in out en vdd gnd\nmsw virtual en vdd vdd pmos w=9u l=0.1u\n"
        "xi in out virtual gnd inv\nxhidden in out gnd cell\n.ends\n"
        ".subckt cell a y gnd\nmn y a gnd gnd nmos w=1u l=0.1u\nmp y a vdd vdd pmos w=1u l=0.1u\n.ends\n"
    )
    assert rails_by_name(flat(text, "top")) == {"vdd": RailKind.SUPPLY, "gnd": RailKind.GROUND}
    assert "xhidden/vdd" in flat(text, "top").net_names()


def test_global_and_internal_top_nets_are_rails(flat: Flatten):
    text = (
        ".global vdd!\n.subckt inv a y\n"
        "mn y a 0 0 nmos w=1u l=0.1u\nmp y a vdd! vdd! pmos w=1u l=0.1u\n.ends\n"
        ".subckt top in out\nx1 in mid inv\nx2 mid out inv\nc1 out vss 1f\n.ends\n"
    )
    expected = {"vdd!": RailKind.SUPPLY, "0": RailKind.GROUND, "vss": RailKind.GROUND}
    assert rails_by_name(flat(text, "top")) == expected


BY_BULK = """.subckt top in out up down
m1 mid in down down nmos w=1u l=0.1u
m2 out mid down down nmos w=1u l=0.1u
m3 mid in up up pmos w=1u l=0.1u
m4 out mid up up pmos w=1u l=0.1u
m5 out in mid mid pmos w=1u l=0.1u
.ends
"""


def test_ports_tied_to_most_bulks_are_rails(flat: Flatten):
    assert rails_by_name(flat(BY_BULK)) == {"down": RailKind.GROUND, "up": RailKind.SUPPLY}


def test_an_internal_net_tied_to_most_bulks_is_none(flat: Flatten):
    text = BY_BULK.replace("in out up down", "in out up")
    assert rails_by_name(flat(text)) == {"up": RailKind.SUPPLY}


def test_half_of_the_bulks_are_no_majority(flat: Flatten):
    text = BY_BULK.replace("m4 out mid up up", "m4 out mid up mid")
    assert rails_by_name(flat(text)) == {"down": RailKind.GROUND}


def test_names_outweigh_bulks_of_the_wrong_polarity(flat: Flatten):
    """Swapped bulks must neither turn a supply into a ground nor add a second rail of a kind."""
    devices = "mn out in gnd vdd nmos w=1u l=1u\nmp out in vdd gnd pmos w=1u l=1u\n"
    text = f".subckt top in out vdd gnd\n{devices}.ends\n"
    assert rails_by_name(flat(text)) == {"vdd": RailKind.SUPPLY, "gnd": RailKind.GROUND}
    odd = text.replace("gnd", "well")  # tied to PMOS bulks, and no other supply-like port is left
    assert rails_by_name(flat(odd)) == {"vdd": RailKind.SUPPLY}


def test_patterns_replace_recognition(flat: Flatten):
    assert rails_by_name(flat(BY_BULK), ["UP", "do*"]) == {"down": RailKind.GROUND, "up": RailKind.SUPPLY}
    assert rails_by_name(flat(BY_BULK), ["up"]) == {"up": RailKind.SUPPLY}
    assert rails_by_name(flat(BY_BULK), ["nothing"]) == {}


def test_patterns_keep_the_kind_a_name_tells(flat: Flatten):
    circuit = flat(INVERTER)
    assert rails_by_name(circuit, ["vdd", "gnd", "a"]) == {
        "vdd": RailKind.SUPPLY,
        "gnd": RailKind.GROUND,
        "a": RailKind.SUPPLY,
    }
