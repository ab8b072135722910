"""Which nets are rails: by pattern, by name, by bulk ties."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from circuitgcl.graph.rails import (
    RailEvidence,
    RailKind,
    guess_rails,
    is_virtual_supply_name,
    rail_kind_of_name,
    recognise_rails,
)
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
        "VPS",
        "KAPWR",
        "LOWLVPWR",
        "VPWRIN",
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
        "vpsel",
        "pwr_good",
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


def evidence(circuit: FlatCircuit, patterns: Sequence[str] = ()) -> dict[str, tuple[RailKind, RailEvidence]]:
    guess = guess_rails(circuit, patterns)
    rows = zip(circuit.net_names(), guess.kinds.tolist(), guess.evidence.tolist(), strict=True)
    found = {name: (RailKind(kind), RailEvidence(told)) for name, kind, told in rows}
    assert all((kind == 0) == (told == 0) for kind, told in found.values())
    return {name: row for name, row in found.items() if row[0]}


def test_every_rail_says_what_told_it(flat: Flatten):
    told = evidence(flat(BY_BULK))
    assert told == {
        "down": (RailKind.GROUND, RailEvidence.BULK),
        "up": (RailKind.SUPPLY, RailEvidence.BULK),
    }
    assert evidence(flat(INVERTER)) == {
        "vdd": (RailKind.SUPPLY, RailEvidence.NAME),
        "gnd": (RailKind.GROUND, RailEvidence.NAME),
    }
    assert evidence(flat(INVERTER), ["vdd"]) == {"vdd": (RailKind.SUPPLY, RailEvidence.USER)}


DECLARED = """.global hot cold clk
.subckt inv a y
mn y a cold cold nmos w=1u l=0.1u
mp y a hot hot pmos w=1u l=0.1u
mc y clk cold cold nmos w=1u l=0.1u
.ends
.subckt top in out
x1 in mid inv
x2 mid out inv
.ends
"""


def test_global_nets_that_nothing_reads_are_rails(flat: Flatten):
    assert evidence(flat(DECLARED, "top")) == {
        "hot": (RailKind.SUPPLY, RailEvidence.GLOBAL),
        "cold": (RailKind.GROUND, RailEvidence.GLOBAL),
    }


BENCH = """mp out in 5 5 pmos w=1u l=0.1u
mn out in 0 0 nmos w=1u l=0.1u
ms out in2 tap 0 nmos w=1u l=0.1u
vsup 5 0 3.3
vin in 0 1
vtap tap 0 1
isup 7 0 1u
rl 7 out 1k
"""


def test_a_voltage_source_makes_a_rail_of_what_feeds(flat: Flatten):
    """Node 5 has the well; `in` is read, `tap` feeds nothing, a current source drives a signal."""
    assert evidence(flat(BENCH)) == {
        "0": (RailKind.GROUND, RailEvidence.NAME),
        "5": (RailKind.SUPPLY, RailEvidence.SOURCE),
    }
    floating = BENCH.replace("vsup 5 0 3.3", "vsup 5 7 3.3")
    assert "5" not in evidence(flat(floating))


def test_a_port_called_like_a_rail_that_feeds_is_one(flat: Flatten):
    text = INVERTER + (
        ".subckt top a y vdd gnd vdd_filter vdd_ok\n"
        "x1 a y vdd gnd inv\nx2 a y2 vdd_filter gnd inv\nx3 y2 vdd_ok vdd gnd inv\n.ends\n"
    )
    assert evidence(flat(text, "top")) == {
        "vdd": (RailKind.SUPPLY, RailEvidence.NAME),
        "gnd": (RailKind.GROUND, RailEvidence.NAME),
        "vdd_filter": (RailKind.SUPPLY, RailEvidence.NAME),
    }


WELLS = """.subckt cell a y vdd vss {wells}
mn y a vss {pwell} nmos w=1u l=0.1u
mp y a vdd {nwell} pmos w=1u l=0.1u
.ends
"""


def wells(nwell: str, pwell: str, ports: str = "") -> str:
    return WELLS.format(nwell=nwell, pwell=pwell, wells=ports or f"{nwell} {pwell}")


def test_a_port_with_nothing_but_bulks_is_a_well(flat: Flatten):
    told = evidence(flat(wells("vnw", "vpw")))
    assert told["vnw"] == (RailKind.SUPPLY, RailEvidence.BULK)
    assert told["vpw"] == (RailKind.GROUND, RailEvidence.BULK)
    # neither an inner net nor one that a gate, a channel or a resistor is on as well
    assert evidence(flat(wells("vnw", "vpw", "vnw"))).keys() == {"vdd", "vss", "vnw"}
    for more in ("mx y vnw vss vpw nmos w=1u l=1u\n", "mx y a vnw vpw nmos w=1u l=1u\n", "rx vnw y 1k\n"):
        assert evidence(flat(wells("vnw", "vpw").replace(".ends", f"{more}.ends"))).keys() == {
            "vdd",
            "vss",
            "vpw",
        }


def test_bulks_outweigh_what_a_well_is_called(flat: Flatten):
    """A substrate that PMOS are tied to is none; vdd and gnd are what they are called."""
    assert evidence(flat(wells("sub", "vpb"))) == {
        "vdd": (RailKind.SUPPLY, RailEvidence.NAME),
        "vss": (RailKind.GROUND, RailEvidence.NAME),
        "sub": (RailKind.SUPPLY, RailEvidence.NAME),
        "vpb": (RailKind.GROUND, RailEvidence.NAME),
    }
    assert rails_by_name(flat(wells("sub", "vpb")), ["sub"]) == {"sub": RailKind.SUPPLY}
    swapped = rails_by_name(flat(wells("vss", "vdd", "other")))
    assert (swapped["vdd"], swapped["vss"]) == (RailKind.SUPPLY, RailKind.GROUND)


def test_where_both_polarities_have_their_bulks_the_width_tells(flat: Flatten):
    """Silicon on insulator: one back gate under all devices."""
    text = "vhigh vd 0 1.5\nvlow vs 0 0\n" + "".join(
        f"mn{i} o{i + 1} o{i} vs vs vs n1 w=5u l=1u\nmp{i} o{i + 1} o{i} vd vs vd p1 w=9u l=1u\n"
        for i in range(4)
    )
    told = evidence(flat(f"{text}.model n1 nmos\n.model p1 pmos\n"))
    assert told["vs"] == (RailKind.GROUND, RailEvidence.SOURCE)
    assert told["vd"] == (RailKind.SUPPLY, RailEvidence.SOURCE)


def test_a_driven_net_that_feeds_gates_may_be_read(flat: Flatten):
    stages = "".join(
        f"mn{i} o{i + 1} o{i} 0 0 nmos w=1u l=1u\nmp{i} o{i + 1} o{i} 7 7 pmos w=1u l=1u\n" for i in range(3)
    )
    text = f"{stages}mtie o3 7 0 0 nmos w=1u l=1u\n"
    assert evidence(flat(f"vsup 7 0 5\n{text}"))["7"] == (RailKind.SUPPLY, RailEvidence.SOURCE)
    assert "7" not in evidence(flat(text))


def test_what_the_netlist_states_of_ports(flat: Flatten):
    text = ".subckt cell a y up down\n{}mn y a down x nmos w=1u l=1u\nmp y a up x2 pmos w=1u l=1u\n.ends\n"
    assert evidence(flat(text.format("*.PININFO a:I y:O up:P down:G\n"))) == {
        "up": (RailKind.SUPPLY, RailEvidence.STATED),
        "down": (RailKind.GROUND, RailEvidence.STATED),
    }
    both_power = flat(text.format("*.PININFO a:I y:O up:P down:P\n"))
    assert rails_by_name(both_power) == {"up": RailKind.SUPPLY, "down": RailKind.GROUND}
    assert evidence(flat(text.format("*.PININFO a:I y:O up:B down:B\n"))) == {}
    assert rails_by_name(both_power, ["!down"]) == {"up": RailKind.SUPPLY}


def test_a_rail_of_an_array_is_called_like_one(flat: Flatten):
    text = (
        INVERTER + ".subckt top a y vdd gnd VDDARRAY!\nx1 a y vdd gnd inv\nx2 y q VDDARRAY! gnd inv\n.ends\n"
    )
    assert evidence(flat(text, "top"))["VDDARRAY!"] == (RailKind.SUPPLY, RailEvidence.NAME)


OWN_WELLS = """.subckt top a b c x y z down
m1 x a down w1 nmos w=3u l=0.1u
m2 y b down w2 nmos w=2u l=0.1u
m3 z c down w3 nmos w=2u l=0.1u
.ends
"""


def test_most_of_the_width_where_bulks_tell_nothing(flat: Flatten):
    """All 7 um hang on `down`, 3 um on `x` at most; where one output has all of it, neither is told."""
    assert evidence(flat(OWN_WELLS)) == {"down": (RailKind.GROUND, RailEvidence.WIDTH)}
    joined = OWN_WELLS.replace("m2 y", "m2 x").replace("m3 z", "m3 x")
    assert evidence(flat(joined)) == {}


def test_what_is_no_rail_can_be_said(flat: Flatten):
    circuit = flat(BY_BULK)
    assert rails_by_name(circuit, ["!up"]) == {"down": RailKind.GROUND}
    assert rails_by_name(circuit, ["!U*", "!down"]) == {}
    assert rails_by_name(circuit, ["*", "!in", "!out", "!mid"]).keys() == {"up", "down"}
    assert rails_by_name(flat(INVERTER), ["!vdd", "! gnd"]) == {}


HIERARCHY = (
    INVERTER
    + """.subckt core in out vddi gnd
x1 in mid vddi gnd inv
x2 mid out vddi gnd inv
.ends
.subckt top in out vdd gnd
msw local in vdd vdd pmos w=9u l=0.1u
xa in m local gnd core
xb m out sense[3] gnd core
ms sense[3] in vdd vdd pmos w=9u l=0.1u
.ends
"""
)


def test_inner_nets_are_named_by_path(flat: Flatten):
    circuit = flat(HIERARCHY, "top")
    assert "xa/mid" in circuit.net_names()
    base = {"vdd": RailKind.SUPPLY, "gnd": RailKind.GROUND}
    assert rails_by_name(circuit) == base
    assert rails_by_name(circuit, ["mid"]) == {}  # of the top cell, which has none
    assert rails_by_name(circuit, ["*/MID"]).keys() == {"xa/mid", "xb/mid"}
    assert rails_by_name(circuit, ["vdd", "xb/mid"]).keys() == {"vdd", "xb/mid"}
    assert rails_by_name(circuit, ["sense[3]"]) == {"sense[3]": RailKind.SUPPLY}


@pytest.mark.parametrize("name", ["vddi", "VVDD", "virtual_vdd", "vdd_int", "vddsw", "gnd_v", "vreg", "vssi"])
def test_names_of_virtual_supplies(name: str):
    assert is_virtual_supply_name(name)
    assert rail_kind_of_name(name) is RailKind.SIGNAL


@pytest.mark.parametrize("name", ["vdd", "vref", "vddok", "in", "q", "vin", "virtual", "gndsense"])
def test_names_that_are_none(name: str):
    assert not is_virtual_supply_name(name)
