"""Matching against a circuit: reference node, device pins, fingers, contradictions, topology, maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.errors import ParasiticsError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist
from circuitgcl.parasitics import (
    NetMatch,
    Parasitics,
    match_circuit,
    match_nets,
    read_magic_ext,
    read_name_map,
    read_parasitics,
    to_net_level,
)
from circuitgcl.parasitics.matching.device_pins import device_pins, match_devices

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"

SCHEMATIC = """* a nand and an inverter
.subckt nand2 a b y vdd gnd
mp1 y a vdd vdd pmos w=2u l=0.1u
mp2 y b vdd vdd pmos w=2u l=0.1u
mn1 y a mid gnd nmos w=1u l=0.1u
mn2 mid b gnd gnd nmos w=1u l=0.1u
.ends
.subckt top in1 in2 out vdd gnd
xnand in1 in2 w vdd gnd nand2
mp out w vdd vdd pmos w=3u l=0.1u
mn out w gnd gnd nmos w=2u l=0.1u
.ends
"""

EXT = """timestamp 0
tech t
scale 1000 1 50
port "in1" 1 0 0 0 0 m1
node "a_0_1#" 0 10 0 0 m1 0
node "b_0_1#" 0 20 0 0 m1 0
node "c_0_1#" 0 30 0 0 m1 0
node "d_0_1#" 0 5 0 0 m1 0
node "in1" 0 40 0 0 m1 0
node "VDD" 0 50 0 0 m1 0
substrate "gnd" 0 0 0 0 pw 0
cap "a_0_1#" "b_0_1#" 7
device mosfet nfet 1 1 2 2 2 20 "gnd" "a_0_1#" 4 0 "c_0_1#" 10 0 "gnd" 10 0
device mosfet nfet 1 3 2 4 2 20 "gnd" "a_0_1#" 4 0 "gnd" 10 0 "c_0_1#" 10 0
device mosfet pfet 5 1 6 2 2 30 "VDD" "a_0_1#" 4 0 "c_0_1#" 10 0 "VDD" 10 0
device mosfet nfet 7 1 8 2 2 10 "gnd" "in1" 4 0 "a_0_1#" 10 0 "d_0_1#" 10 0
device mosfet nfet 9 1 9 2 2 10 "gnd" "b_0_1#" 4 0 "gnd" 10 0 "d_0_1#" 10 0
device mosfet pfet 7 5 8 6 2 20 "VDD" "in1" 4 0 "a_0_1#" 10 0 "VDD" 10 0
device mosfet pfet 9 5 9 6 2 20 "VDD" "b_0_1#" 4 0 "a_0_1#" 10 0 "VDD" 10 0
"""

LAYOUT = """* extracted
.subckt top 1 2 3 4 5
m0 6 1 9 5 nmos w=1u l=0.1u
m1 5 2 9 5 nmos w=1u l=0.1u
m2 4 1 6 4 pmos w=2u l=0.1u
m3 6 2 4 4 pmos w=2u l=0.1u
m4 3 6 4 4 pmos w=1.5u l=0.1u
m5 4 6 3 4 pmos w=1.5u l=0.1u
m6 3 6 5 5 nmos w=2u l=0.1u
c0 6 3 1f
.ends
"""


@pytest.fixture
def circuit(tmp_path: Path) -> FlatCircuit:
    return read(tmp_path, SCHEMATIC, "top.sp")


def read(folder: Path, text: str, name: str) -> FlatCircuit:
    path = folder / name
    path.write_text(text)
    return flatten(read_netlist(path), "top")


def extraction(pins: dict[str, list[str]], ground: float = 1.0, **others: object) -> Parasitics:
    """One node per net, with device pins; 1 F to ground each."""
    nets = tuple(pins)
    counts = [len(names) for names in pins.values()]
    return Parasitics(
        design="top",
        source="d.spf",
        nodes=nets,
        nets=nets,
        ground_farad=np.full(len(nets), ground),
        pair_a=np.zeros(0, np.int32),
        pair_b=np.zeros(0, np.int32),
        pair_farad=np.zeros(0),
        node_net=np.arange(len(nets), dtype=np.int32),
        pin_offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        pin_names=tuple(name for names in pins.values() for name in names),
        **others,  # type: ignore[arg-type]
    )


def partners(found: Parasitics, match: NetMatch) -> dict[str, str]:
    rows = zip(found.nets, match.node_to_net.tolist(), strict=True)
    return {name: match.nets[i] for name, i in rows if i >= 0}


def test_reference_node_is_the_one_ground_left_over():
    found = extraction({"a": [], "vdd": []})
    assert match_nets(found, ["a", "vdd", "gnd"]).report.reference == ("gnd",)
    two = match_nets(found, ["a", "vdd", "gnd", "vss"]).report
    assert two.reference == ()
    assert [item.reason for item in two.missing] == ["perhaps the reference node of the extraction"] * 2
    assert match_nets(found, ["a", "vdd", "x1/gnd"]).report.reference == ()
    nothing = extraction({"a": []}, ground=0.0)
    assert match_nets(nothing, ["a", "gnd"]).report.reference == ()


def test_reference_node_as_the_file_calls_it():
    found = extraction({"a": [], "gnd": []}, reference_names=("VSUB!",))
    report = match_nets(found, ["a", "gnd", "vsub"]).report
    assert report.reference == ("vsub",)
    assert report.nets_matched == 1.0


def test_nets_between_two_transistors_have_no_wire(circuit: FlatCircuit):
    names = [name for name in circuit.net_names() if name not in ("xnand/mid", "gnd")]
    report = match_circuit(extraction({name: [] for name in names}), circuit).report
    assert [item.name for item in report.missing] == ["xnand/mid"]
    assert "no wire" in report.missing[0].reason
    assert (report.nets_bare, report.nets_explained, report.extracted_matched) == (1, 1.0, 1.0)


PINS = {
    "in1": ["xnand/mp1:G", "xnand/mn1:G"],
    "n17": ["xnand/mp2:G", "xnand/mn2:G"],
    "n18": ["xnand/mp1:S", "xnand/mp2:D", "xnand/mn1:D", "mp:G", "mn:G"],
    "n19": ["mp:D", "mn:S"],
    "n20": ["xnand/mn1:S", "xnand/mn2:D"],
    "vdd": ["xnand/mp1:D", "xnand/mp2:S", "mp:S", "xnand/mp1:B"],
}
MEANT = {"in1": "in1", "n17": "in2", "n18": "w", "n19": "out", "n20": "xnand/mid", "vdd": "vdd"}


def test_device_pins_tell_nets_without_names(circuit: FlatCircuit):
    found = extraction(PINS)
    match = match_circuit(found, circuit)
    assert partners(found, match) == MEANT
    report = match.report
    assert dict(report.matched_by) == {"as written": 2, "by device pins": 4, "as reference node": 1}
    assert (report.devices_schematic, report.devices_extracted, report.devices_matched_count) == (6, 6, 6)
    assert report.contradictions == ()
    assert report.symmetric == ()


@pytest.mark.parametrize(
    ("spelling", "rung"),
    [
        (lambda pin: pin.upper(), "up to case"),
        (lambda pin: pin.replace("/", "."), "up to separators"),
        (lambda pin: pin.removeprefix("x"), "up to leading X"),
        (lambda pin: f"chip/{pin}", "without top cell"),
        (lambda pin: pin.replace(":", "@2:"), "as fingers"),
        (lambda pin: pin.replace(":", "__1:"), "as fingers"),
        (lambda pin: "m" + pin if pin.startswith("x") else pin, "up to element letters"),
        (
            lambda pin: "m." + pin.replace("/", ".") if pin.startswith("x") else pin,
            "without top cell, up to separators",
        ),
    ],
)
def test_devices_in_other_spellings(spelling: Callable[[str], str], rung: str, circuit: FlatCircuit):
    found = extraction({net: [spelling(pin) for pin in pins] for net, pins in PINS.items()})
    match = match_circuit(found, circuit, top="chip")
    assert partners(found, match) == MEANT
    assert rung in dict(match.report.devices_matched_by)
    assert match.report.devices_matched == 1.0


def test_fingers_are_counted_one_by_one(circuit: FlatCircuit):
    pins = PINS | {"n19": ["mp:D", "mp@2:D", "mp@3:S", "mn:S"], "n18": [*PINS["n18"], "mp@2:G", "mp@3:G"]}
    report = match_circuit(extraction(pins), circuit).report
    assert dict(report.devices_matched_by) == {"as written": 6, "as fingers": 2}
    assert report.devices_extracted == 8


def test_finger_names_do_not_steal_devices_of_that_name():
    state = match_devices(("m1", "m1__2", "m1__3"), ("m1", "m1__2"), ())
    assert state.partner.tolist() == [0, 1, 0]
    assert match_devices(("M7@2",), ("xa/m7", "xb/m7"), ()).partner.tolist() == [-1]


def test_pins_on_other_nets_than_in_the_schematic_are_listed(circuit: FlatCircuit):
    names = dict(zip(MEANT.values(), PINS.values(), strict=True))
    names["gnd"] = ["xnand/mn2:S", "mn:D"]
    names["in2"], names["in1"] = [names["in2"][0], names["in1"][1]], [names["in1"][0], names["in2"][1]]
    sure = [f"m{i}:G" for i in range(40)]  # enough others to trust names of devices
    more = SCHEMATIC.replace(
        "mp out", "\n".join(f"m{i} out in1 vdd vdd pmos" for i in range(40)) + "\nmp out"
    )
    names["in1"] = [*names["in1"], *sure]
    folder = Path(circuit.path).parent
    report = match_circuit(extraction(names), read(folder, more, "more.sp")).report
    assert {item.name for item in report.contradictions} == {"xnand/mn1:G", "xnand/mn2:G"}
    assert "on net in2, matched to in2; in the schematic on in1" in {
        item.reason for item in report.contradictions
    }


def test_devices_numbered_anew_are_not_trusted(circuit: FlatCircuit):
    """The extractor's `mp` is another device than the schematic's; its net names are right."""
    swap = {"mp": "mn", "mn": "mp", "xnand/mp1": "xnand/mn2", "xnand/mn2": "xnand/mp1"}
    pins = {
        MEANT[net]: [
            ":".join([swap.get(pin.split(":")[0], pin.split(":")[0]), pin.split(":")[1]]) for pin in on
        ]
        for net, on in PINS.items()
    }
    report = match_circuit(extraction(pins), circuit).report
    assert report.devices_matched_count == 0
    assert report.contradictions == ()
    assert report.extracted_matched == 1.0


def test_topology_from_a_magic_extraction(circuit: FlatCircuit, tmp_path: Path):
    path = tmp_path / "top.ext"
    path.write_text(EXT)
    found = read_magic_ext(path)
    match = match_circuit(found, circuit)
    assert partners(found, match) == {
        "in1": "in1", "VDD": "vdd", "a_0_1#": "w", "b_0_1#": "in2", "c_0_1#": "out", "d_0_1#": "xnand/mid",
    }  # fmt: skip
    report = match.report
    assert dict(report.matched_by) == {
        "as written": 1, "up to case": 1, "by topology": 4, "as reference node": 1,
    }  # fmt: skip
    assert report.devices_matched_by == (("by topology", 7),)
    assert report.capacitance_matched == 1.0


def test_topology_from_an_extracted_netlist(circuit: FlatCircuit, tmp_path: Path):
    layout = read(tmp_path, LAYOUT, "layout.sp")
    found = extraction({name: [] for name in ("1", "2", "3", "4", "5", "6", "9")})
    match = match_circuit(found, circuit, layout=lambda: layout)
    assert partners(found, match) == {
        "1": "in1", "2": "in2", "3": "out", "4": "vdd", "5": "gnd", "6": "w", "9": "xnand/mid",
    }  # fmt: skip
    assert dict(match.report.matched_by) == {"by topology": 7}
    assert match.report.devices_matched_by == (("by topology", 7),)
    with pytest.raises(ParasiticsError, match=r"no net is common .* tried as written, .*, by topology"):
        match_circuit(found, circuit)


def test_a_layout_is_not_read_where_names_suffice(circuit: FlatCircuit):
    def refuse() -> FlatCircuit:
        raise AssertionError

    match = match_circuit(extraction({name: [] for name in circuit.net_names()}), circuit, layout=refuse)
    assert match.report.nets_matched == 1.0


def test_symmetric_nets_are_marked(tmp_path: Path):
    latch = "* l\n.subckt top {0} {1} vdd gnd\n" + "".join(
        f"m{i} {{{a}}} {{{b}}} {rail} {rail} {model}\n"
        for i, (a, b, rail, model) in enumerate(
            [(0, 1, "vdd", "pmos"), (1, 0, "vdd", "pmos"), (0, 1, "gnd", "nmos"), (1, 0, "gnd", "nmos")]
        )
    ) + ".ends\n"  # fmt: skip
    circuit = read(tmp_path, latch.format("q", "qb"), "s.sp")
    layout = read(tmp_path, latch.format("n1", "n2"), "l.sp")
    found = extraction({name: [] for name in layout.net_names()})
    report = match_circuit(found, circuit, layout=layout).report
    assert dict(report.matched_by) == {"as written": 2, "by topology, up to symmetry": 2}
    assert set(report.symmetric) == {"q", "qb"}
    assert "up to symmetry: 2, " in report.summary()


def test_map_comes_first(circuit: FlatCircuit, tmp_path: Path):
    path = tmp_path / "names"
    path.write_text("// extracted  schematic\nin1 in2  # crossed on purpose\nIN2 in1\npiece in1\n")
    found = extraction({"in1": [], "in2": [], "piece": [], "out": []})
    match = match_circuit(found, circuit, name_map=read_name_map(path))
    assert partners(found, match) == {"in1": "in2", "in2": "in1", "piece": "in1", "out": "out"}
    assert dict(match.report.matched_by)["by map"] == 3


def test_pins_of_many_forms():
    found = extraction({"a": ["x1/m1:G", "port", "q1:C"], "b": ["q1:B", "x1/m1:drain", "r1:1", "m@3,-4:S"]})
    pins = device_pins(found)
    assert pins.names == ("x1/m1", "q1", "r1", "m@3,-4")
    assert pins.models == ("", "", "", "m")
    rows = [(pins.names[d], int(role)) for d, role in zip(pins.pin_device, pins.pin_role, strict=True)]
    assert rows == [("x1/m1", 0), ("x1/m1", 1), ("q1", 7), ("q1", 8), ("r1", 100), ("m@3,-4", 1)]


@pytest.mark.skipif(not DATA.is_dir(), reason="labelled data not present")
@pytest.mark.parametrize("cell", ["a2111oi_2", "dfxtp_1", "mux2_1", "fa_2", "nor4bb_4"])
def test_cells_whose_nets_have_lost_their_names(cell: str):
    """Only the devices of the Magic extraction remain; what is not symmetric must come back by itself."""
    stem = DATA / "sky130_fd_sc_hd" / f"sky130_fd_sc_hd__{cell}"
    if not stem.with_suffix(".ext").exists():
        pytest.skip("this cell is not there")
    circuit = flatten(read_netlist(stem.with_suffix(".spice")))
    named = read_magic_ext(stem.with_suffix(".ext"))
    lost = tuple(f"zz{i}" for i in range(len(named.nets)))
    found = replace(named, nodes=lost, nets=lost)
    match, meant = match_circuit(found, circuit), match_circuit(named, circuit)
    assert match.report.devices_matched == 1.0
    assert match.report.capacitance_matched == 1.0
    symmetric = set(match.report.symmetric)
    for drawn, told in zip(match.node_to_net.tolist(), meant.node_to_net.tolist(), strict=True):
        assert drawn == told or circuit.net_names([drawn])[0] in symmetric


@pytest.mark.skipif(not DATA.is_dir(), reason="labelled data not present")
@pytest.mark.parametrize("macro", ["fpdk45_2x16", "scn4m_2x16"])
def test_macro_whose_nets_have_lost_their_names(macro: str):
    """Pins still tell devices, so that all nets with devices are found again."""
    circuit = flatten(read_netlist(DATA / "openram" / f"{macro}.sp.gz"))
    named = to_net_level(read_parasitics(DATA / "openram" / f"{macro}.pin.pex.sp.gz"))
    lost = tuple(f"zz{i}" for i in range(len(named.nets)))
    match, meant = (
        match_circuit(replace(named, nodes=lost, nets=lost), circuit),
        match_circuit(named, circuit),
    )
    has_pins = np.diff(named.pin_offset) > 0
    np.testing.assert_array_equal(match.node_to_net[has_pins], meant.node_to_net[has_pins])
    assert match.report.devices_matched == 1.0
    assert match.report.contradictions == ()
    assert match.report.nets_matched_count == has_pins.sum()
