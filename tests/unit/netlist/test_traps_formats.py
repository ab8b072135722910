"""Traps of extraction results given as schematics: read where they hold a netlist, else refused truly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from circuit_views import mos, sizes, topology, values

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

FlattenDeck = Callable[..., FlatCircuit]
WriteDeck = Callable[..., Path]


def test_a_dspf_file_is_read_as_the_netlist_it_is(flatten_deck: FlattenDeck) -> None:
    """Its comments say what belongs together; without them, every node is a net."""
    circuit = flatten_deck(
        """*|DSPF 1.3
*|DESIGN inv
*|DIVIDER /
*|DELIMITER :
*|GROUND_NET 0
.SUBCKT inv a y vdd
*|NET a 0.0046PF
*|P (a I 0 0 0)
*|I (XI14/xC0:T2 XI14/xC0 T2 B 0 1.03 1.34)
*|S (a:1 0 0)
R1 a a:1 10
C1 a:1 0 0.0046PF
MXI14/M0 y MXI14/M0:g 0 0 nch w=1u l=60n $X=100 $Y=200
.ENDS
"""
    )
    assert topology(circuit) == {
        "R1": "RESISTOR a a:1",
        "C1": "CAPACITOR a:1 0",
        "MXI14/M0": "NMOS (nch) y MXI14/M0:g 0 0",
    }
    assert values(circuit) == {"R1": 10.0, "C1": 4.6e-15}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            '*SPEF "IEEE 1481-1998"\n*DESIGN "top"\n*D_NET *1 0.1\n*CAP\n1 *1 0.1\n*END\n',
            "deck.sp:1: the file is SPEF, an extraction result; expected a SPICE netlist",
        ),
        (
            '// a comment\n\n// another\n*SPEF "IEEE 1481-1998"\n',
            "deck.sp:1: the file is SPEF, an extraction result; expected a SPICE netlist",
        ),
        (
            "timestamp 1640000000\nversion 8.3\ntech sky130A\nstyle ngspice()\nscale 1000 1 500000\n",
            "deck.sp:1: the file is a Magic .ext file, an extraction result; expected a SPICE netlist",
        ),
    ],
)
def test_extraction_results_without_a_netlist_are_refused(
    write_deck: WriteDeck, text: str, reason: str
) -> None:
    path = write_deck(text)
    for on_error in ("raise", "skip"):
        with pytest.raises(NetlistError) as caught:
            read_netlist(path, on_error=on_error)
        assert str(caught.value).replace(f"{path.parent}/", "") == reason


def test_flat_capacitors_of_magic_are_devices(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* NGSPICE file created from inv.ext - technology: sky130A

.subckt inv A Y VPWR VGND
X0 Y A VGND VGND sky130_fd_pr__nfet_01v8 ad=1.69e+11p pd=1.82e+06u as=0p ps=0u w=650000u l=150000u
X1 VPWR A Y VPWR sky130_fd_pr__pfet_01v8_hvt w=1e+06u l=150000u
C0 A Y 0.05fF
C1 Y VGND 0.11fF $ **FLOATING
C2 a_27_47# VGND 4.05e-19
.ends
"""
    )
    assert topology(circuit) == {
        "X0": "NMOS (sky130_fd_pr__nfet_01v8) Y A VGND VGND",
        "X1": "PMOS (sky130_fd_pr__pfet_01v8_hvt) VPWR A Y VPWR",
        "C0": "CAPACITOR A Y",
        "C1": "CAPACITOR Y VGND",
        "C2": "CAPACITOR a_27_47# VGND",
    }
    assert values(circuit) == {"C0": 0.05e-15, "C1": 0.11e-15, "C2": 4.05e-19}
    assert sizes(circuit)["X0"] == mos(0.65e-6, 0.15e-6, area_m2=0.169e-12, perimeter_m=1.82e-6)


def test_calibres_three_files_are_one_netlist(write_deck: WriteDeck) -> None:
    """`.pex` holds a subcircuit for each net, `.pxi` their instances, in the middle of the cell."""
    write_deck(
        "* File: inv.pex.netlist.pex\n.subckt PM_INV%A 2 5 7\nc6 7 0 0.1f\nr7 5 7 12.5\nr8 2 5 3\n.ends\n",
        "inv.pex.netlist.pex",
    )
    write_deck(
        "* File: inv.pex.netlist.INV.pxi\nx_PM_INV%A A N_A_c_1_p N_A_MM0_g PM_INV%A\ncc_1 A Y 0.0243f\n",
        "inv.pex.netlist.INV.pxi",
    )
    path = write_deck(
        """* File: inv.pex.netlist
* Program "Calibre xRC"
.include "inv.pex.netlist.pex"
.subckt INV A Y VDD VSS
* Y Y
MM0 Y N_A_MM0_g VSS VSS nch L=6e-08 W=1e-06
+ AD=1.05e-13 AS=1.05e-13
c_1 A 0 0.350944f
*
.include "inv.pex.netlist.INV.pxi"
*
.ends
""",
        "inv.pex.netlist",
    )
    circuit = flatten(read_netlist(path))
    assert circuit.name == "INV"
    assert topology(circuit) == {
        "MM0": "NMOS (nch) Y N_A_MM0_g VSS VSS",
        "c_1": "CAPACITOR A 0",
        "cc_1": "CAPACITOR A Y",
        "x_PM_INV%A/c6": "CAPACITOR N_A_MM0_g 0",
        "x_PM_INV%A/r7": "RESISTOR N_A_c_1_p N_A_MM0_g",
        "x_PM_INV%A/r8": "RESISTOR A N_A_c_1_p",
    }
    assert sizes(circuit)["MM0"] == mos(1e-6, 60e-9, area_m2=2.1e-13)
    assert values(circuit) == {
        "c_1": 0.350944e-15,
        "cc_1": 0.0243e-15,
        "x_PM_INV%A/c6": 0.1e-15,
        "x_PM_INV%A/r7": 12.5,
        "x_PM_INV%A/r8": 3.0,
    }
