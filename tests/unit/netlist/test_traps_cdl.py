"""Traps of CDL, and of xschem's netlists, which also speak in comments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from circuit_views import mos, sizes, skipped, topology

from circuitgcl.netlist import FlatCircuit, Netlist, flatten, read_netlist

FlattenDeck = Callable[..., FlatCircuit]
ReadDeck = Callable[[str], Netlist]
WriteDeck = Callable[..., Path]


def test_a_slash_before_the_cell(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """.SUBCKT top a b c VDD VSS
XI2 a b c VDD VSS / CELL p=6E-08
XI3 c a b VDD VSS / CELL
.ENDS
.SUBCKT CELL a b c vdd vss p=1u
MN0 c a vss vss nch w=p l=60n
MP0 c b vdd vdd pch w='2*p' l=60n
.ENDS
"""
    )
    assert circuit.name == "top"
    assert topology(circuit) == {
        "XI2/MN0": "NMOS (nch) c a VSS VSS",
        "XI2/MP0": "PMOS (pch) c b VDD VDD",
        "XI3/MN0": "NMOS (nch) b c VSS VSS",
        "XI3/MP0": "PMOS (pch) b a VDD VDD",
    }
    assert sizes(circuit) == {
        "XI2/MN0": mos(60e-9, 60e-9),
        "XI2/MP0": mos(120e-9, 60e-9),
        "XI3/MN0": mos(1e-6, 60e-9),
        "XI3/MP0": mos(2e-6, 60e-9),
    }


def test_starred_statements_count(read_deck: ReadDeck) -> None:
    """`*.GLOBAL` and `*.SCALE` change the circuit; the others are listed, not taken for comments."""
    netlist = read_deck(
        """*.BIPOLAR
*.RESI = 2000
*.SCALE MICRON
*.BUSDELIMITER <
*.GLOBAL vdd!:P
+        gnd!:G
*.PIN vdd!
.PARAM
* a comment
.SUBCKT c a
*.PININFO a:I
MM0 vdd! a gnd! gnd! nch w=2 l=0.06 m=1
.ENDS
.SUBCKT t a
XI0 a / c
RR0 vdd! gnd! 1
.ENDS
"""
    )
    assert netlist.dialect == "cdl"
    assert netlist.global_nets == ("vdd!", "gnd!")
    circuit = flatten(netlist)
    assert topology(circuit) == {
        "XI0/MM0": "NMOS (nch) vdd! a gnd! gnd!",
        "RR0": "RESISTOR vdd! gnd!",
    }
    assert sizes(circuit)["XI0/MM0"] == mos(2e-6, 60e-9)
    assert skipped(circuit) == [
        ("*.bipolar", 1),
        ("*.resi", 2),
        ("*.busdelimiter", 4),
        ("*.pin", 7),
        (".param", 8),
    ]


def test_pin_information_is_not_taken_for_ports(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(".SUBCKT c b a\n*.PININFO a:I b:O\n*+ c:B\nRR0 a b 1\n.ENDS\n")
    definition = circuit.definitions[-1]
    assert list(definition.net_labels[: definition.port_count]) == ["b", "a"]


@pytest.mark.parametrize(
    "header",
    ["**.subckt top a,b,c", "**.subckt top a , b ,c", "**.subckt top a b\n*+ c", "**.subckt top a b c"],
)
def test_a_commented_top_subcircuit_names_the_top_level(write_deck: WriteDeck, header: str) -> None:
    netlist = read_netlist(
        write_deck(
            f"""** sch_path: top.sch
{header}
*.ipin a
*.opin b
R1 a b 1k
XM1 c a 0 0 sky130_fd_pr__nfet_01v8 L=0.15 W=1 nf=1 mult=1 m=1
**** begin user architecture code
.param k=1
**** end user architecture code
**.ends
.end
"""
        )
    )
    assert (netlist.dialect, netlist.main.parameters) == ("xschem", {"k": "1"})
    circuit = flatten(netlist)
    definition = circuit.definitions[-1]
    assert circuit.name == "top"
    assert list(definition.net_labels[: definition.port_count]) == ["a", "b", "c"]
    assert topology(circuit) == {"R1": "RESISTOR a b", "XM1": "NMOS (sky130_fd_pr__nfet_01v8) c a 0 0"}
    assert skipped(circuit) == []
