from __future__ import annotations

import pytest

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.elements import Element, add_element, parse_element
from circuitgcl.schema import DeviceType

HERE = SourceLocation("deck.sp", 7)


def parsed(text: str) -> Element:
    element = parse_element(text, HERE)
    assert element is not None
    return element


@pytest.mark.parametrize(
    ("text", "kind", "nodes", "model", "parameters"),
    [
        ("M1 d g s b nch W=1u L=60n", "NMOS", "d g s b", "nch", {"w": "1u", "l": "60n"}),
        ("mp1 (d g s b) pmos_lvt w='a*2' m=2", "PMOS", "d g s b", "pmos_lvt", {"w": "'a*2'", "m": "2"}),
        ("Q1 c b e qnpn", "NPN", "c b e", "qnpn", {}),
        ("Q1 c b e s pnp5 area=2", "PNP", "c b e s", "pnp5", {"area": "2"}),
        ("Q1 c b e npn 4", "NPN", "c b e", "npn", {}),
        ("Q1 c b e npn off", "NPN", "c b e", "npn", {}),
        ("R1 a b 10k", "RESISTOR", "a b", "", {"r": "10k"}),
        ("R1 a b rpoly w=1u l=10u", "RESISTOR", "a b", "rpoly", {"w": "1u", "l": "10u"}),
        ("R1 a b '2*r0' tc1=0", "RESISTOR", "a b", "", {"r": "'2*r0'", "tc1": "0"}),
        ("R1 a b R=10k", "RESISTOR", "a b", "", {"r": "10k"}),
        ("RR0 a b 10k $[rpoly] $SUB=gnd!", "RESISTOR", "a b gnd!", "rpoly", {"r": "10k"}),
        ("RR0 a b rl $SUB = gnd! $[rpoly] m=2", "RESISTOR", "a b gnd!", "rpoly", {"r": "rl", "m": "2"}),
        ("QQ0 c b e $SUB=s $[vpnp] area=1", "PNP", "c b e s", "vpnp", {"area": "1"}),
        ("MM0 d g s b $[pch] w=1u", "PMOS", "d g s b", "pch", {"w": "1u"}),
        ("C1 a b 44.84fF", "CAPACITOR", "a b", "", {"c": "44.84fF"}),
        ("C1 a b mim 1p", "CAPACITOR", "a b", "mim", {"c": "1p"}),
        ("C1 a b -1p", "CAPACITOR", "a b", "", {"c": "-1p"}),
        ("L1 a b .5n", "INDUCTOR", "a b", "", {"l": ".5n"}),
        ("D1 a k dmod area=2", "DIODE", "a k", "dmod", {"area": "2"}),
        ("D1 a k dmod 1e-12 4e-6 m=2", "DIODE", "a k", "dmod", {"area": "1e-12", "pj": "4e-6", "m": "2"}),
        ("D1 a k dmod 2 area=3 off", "DIODE", "a k", "dmod", {"area": "3"}),
        ("D1 a k", "DIODE", "a k", "", {}),
        ("J1 d g s njf1", "JFET", "d g s", "njf1", {}),
        ("Vdd vdd 0 dc 1.8", "SOURCE", "vdd 0", "", {}),
        ("I1 a b pulse(0 1 2)", "SOURCE", "a b", "", {}),
        ("E1 a b c d 10", "SOURCE", "a b c d", "", {}),
        ("M1 d g s b nch 60n 1u", "NMOS", "d g s b", "nch", {"l": "60n", "w": "1u"}),
        ("M1 d g s e p b soi w=1u", "NMOS", "d g s e p b", "soi", {"w": "1u"}),
        ("M1 d g s b nch off w=1u", "NMOS", "d g s b", "nch", {"w": "1u"}),
        ("Q1 c b e s t hbt area=1", "NPN", "c b e s t", "hbt", {"area": "1"}),
        ("R1 a b sub rppd w=1u", "RESISTOR", "a b sub", "rppd", {"w": "1u"}),
        ("DD0 a k $[ndio] area=1p", "DIODE", "a k", "ndio", {"area": "1p"}),
        ("J1 d g s b pjf1", "JFET", "d g s b", "pjf1", {}),
        ("S1 a b c d smod", "OTHER", "a b c d", "smod", {}),
        ("S1 a b c d smod on", "OTHER", "a b c d", "smod", {}),
        ("W1 a b vsense wmod", "OTHER", "a b", "wmod", {}),
        ("W1 a b vsense wmod OFF", "OTHER", "a b", "wmod", {}),
        ("T1 a b c d z0=50", "OTHER", "a b c d", "", {"z0": "50"}),
        ("O1 a b c d ltra", "OTHER", "a b c d", "ltra", {}),
        ("A1 [a b] out gate", "OTHER", "a b out", "gate", {}),
        ("Y1 a 0 b 0 lossy", "OTHER", "a 0 b 0", "lossy", {}),
        ("N1 d g s b osdi_nmos w=1u", "OTHER", "d g s b", "osdi_nmos", {"w": "1u"}),
        ("E1 a b vcvs c d 10", "SOURCE", "a b c d", "", {}),
        ("G1 a b VCR PWL(1) c d 0,1k 1,2k", "SOURCE", "a b", "", {}),
        ("E1 a b VCVS PWL(1) c d 0,1 1,2", "SOURCE", "a b", "", {}),
        ("E1 a b vol='v(c)*2'", "SOURCE", "a b", "", {}),
        ("E1 a b value {v(c)}", "SOURCE", "a b", "", {}),
        ("G1 a b POLY(2) c d e f 0", "SOURCE", "a b", "", {}),
        ("F1 a b vsense 2", "SOURCE", "a b", "", {}),
        ("B1 a b i='v(c)'", "SOURCE", "a b", "", {}),
    ],
)
def test_devices(text: str, kind: str, nodes: str, model: str, parameters: dict[str, str]) -> None:
    card = parsed(text)
    assert card.kind is DeviceType[kind]
    assert card.nodes == tuple(nodes.split())
    assert (card.name, card.master) == (text.split()[0], model)
    assert card.parameters == parameters


@pytest.mark.parametrize(
    ("text", "nodes", "subcircuit", "parameters"),
    [
        ("X1 a b inv", "a b", "inv", {}),
        ("Xr[63] net1[63] a<0> vdd! inv w=2u", "net1[63] a<0> vdd!", "inv", {"w": "2u"}),
        ("XI2 a b c VDD VSS / CELL p=6E-08", "a b c VDD VSS", "CELL", {"p": "6E-08"}),
        ("X1 (a b) inv", "a b", "inv", {}),
        ("X1 a b inv params: w=2u", "a b", "inv", {"w": "2u"}),
        ("X1 portless", "", "portless", {}),
    ],
)
def test_instances(text: str, nodes: str, subcircuit: str, parameters: dict[str, str]) -> None:
    card = parsed(text)
    assert card.kind is None
    assert (card.nodes, card.master, card.parameters) == (tuple(nodes.split()), subcircuit, parameters)


def test_types_of_xyce_stand_before_the_name() -> None:
    card = parsed("YMEMRISTOR mr1 a 0 mrm")
    assert (card.name, card.nodes, card.master) == ("YMEMRISTOR!mr1", ("a", "0"), "mrm")


def test_a_mutual_inductance_connects_nothing() -> None:
    assert parse_element("K1 L1 L2 0.9", HERE) is None


def added(text: str) -> list[tuple[str, tuple[str, ...]]]:
    assembly = Assembly("deck", "deck.sp")
    add_element(assembly, text, HERE)
    return [(card.name, card.nodes) for card in assembly.finish().main.cards]


def test_an_instance_with_a_range_stands_for_several() -> None:
    assert added("XI<2:0> a<2:0> b c<5> inv") == [
        ("XI<2>", ("a<2>", "b", "c<5>")),
        ("XI<1>", ("a<1>", "b", "c<5>")),
        ("XI<0>", ("a<0>", "b", "c<5>")),
    ]
    assert added("MP[0:1] d[7:6] g s b pch w=1u") == [
        ("MP[0]", ("d[7]", "g", "s", "b")),
        ("MP[1]", ("d[6]", "g", "s", "b")),
    ]
    assert added("XR1[63] net1[63] inv") == [("XR1[63]", ("net1[63]",))]  # one bit is one instance


def test_a_range_must_fit() -> None:
    with pytest.raises(NetlistError, match=r"XI<3:0> stands for 4 instances, its node a<1:0> for 2 nets"):
        added("XI<3:0> a<1:0> inv")
    with pytest.raises(NetlistError, match="stands for more than 100,000 names"):
        added("XI<999999999:0> a inv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("M1 d g s nch", "deck.sp:7: M1 has 3 nodes; a MOSFET needs 4. Is the bulk missing?"),
        ("M1 d nch w=1u", "deck.sp:7: M1 has 1 nodes; a MOSFET needs 4."),
        ("M1", "deck.sp:7: M1 has 0 nodes; a MOSFET needs 4."),
        ("Q1 c b npn", "deck.sp:7: Q1 has 2 nodes; a BJT needs 3 or 4"),
        ("R1 a", "deck.sp:7: R1 has 1 nodes; two are needed"),
        ("V1 a", "deck.sp:7: V1 has 1 nodes; two are needed"),
        ("D1 a", "deck.sp:7: D1 has 1 nodes; 2 are needed"),
        ("J1 a b", "deck.sp:7: J1 has 2 nodes; 3 are needed"),
        ("X1", "deck.sp:7: X1 names no subcircuit"),
        ("x /", "deck.sp:7: x names no subcircuit"),
        ("x = 5", "deck.sp:7: 'x' is neither an element nor a dot card; is this a SPICE netlist?"),
        ("116 )", "deck.sp:7: '116' is neither an element nor a dot card; is this a SPICE netlist?"),
        (
            "\u00e9t\u00e9 a b",
            "deck.sp:7: '\u00e9t\u00e9' is neither an element nor a dot card; is this a SPICE netlist?",
        ),
    ],
)
def test_malformed_cards(text: str, message: str) -> None:
    with pytest.raises(NetlistError) as caught:
        parse_element(text, HERE)
    assert str(caught.value) == message
