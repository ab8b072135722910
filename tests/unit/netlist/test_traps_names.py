"""Traps of names, and of the Spectre language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from circuit_views import mos, sizes, skipped, topology, values

from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

FlattenDeck = Callable[..., FlatCircuit]
WriteDeck = Callable[..., Path]


# names


def test_buses_in_brackets_of_two_kinds(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\nR1 a[0] a<0> 1\nX1 a[1] a<1> s\n.subckt s b[1] b<1>\nR1 b[1] b<1> 1\n.ends\n"
    )
    assert topology(circuit) == {"R1": "RESISTOR a[0] a<0>", "X1/R1": "RESISTOR a[1] a<1>"}


def test_vector_instances(flatten_deck: FlattenDeck) -> None:
    """One bit is one instance; a range stands for as many, and deals out ranges of its length."""
    circuit = flatten_deck(
        "* t\nXR1[63] net1[63] a cell\nXI<1:0> net<1:0> a cell\nRB[0:1] p[7:6] q 5\n"
        ".subckt cell p q\nR1 p q 1\n.ends\n"
    )
    assert topology(circuit) == {
        "XR1[63]/R1": "RESISTOR net1[63] a",
        "XI<1>/R1": "RESISTOR net<1> a",
        "XI<0>/R1": "RESISTOR net<0> a",
        "RB[0]": "RESISTOR p[7] q",
        "RB[1]": "RESISTOR p[6] q",
    }


def test_escaped_characters(flatten_deck: FlattenDeck) -> None:
    r"""SPICE keeps `\%` as spelled; in Spectre `\%` and `%` are the same name."""
    spice = flatten_deck("* t\nC1 n\\%1 genblk1\\[3\\].x 1f\n")
    assert topology(spice) == {"C1": "CAPACITOR n\\%1 genblk1\\[3\\].x"}
    spectre = flatten_deck(
        "simulator lang=spectre\nsubckt PM_INV\\%GND ( 1 7 )\nr1 ( 1 7 ) resistor r=5.2\nends PM_INV\\%GND\n"
        "x1 ( a\\<1\\> net\\[3\\] ) PM_INV\\%GND\nr2 ( a<1> b ) resistor r=2\n"
    )
    assert topology(spectre) == {
        "x1/r1": "RESISTOR (resistor) a<1> net[3]",
        "r2": "RESISTOR (resistor) a<1> b",
    }


def test_hierarchy_separators_in_extracted_names(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\nMXI0/MM1 xi1.n2 xi1:g xi1/s 0 nch w=1u l=60n\nMXI0.M1 a/b.c:d#2 x y 0 nch w=1u l=60n\n"
        "RXI0/R1:2 xi1:g XI1:1 1\n"
    )
    assert topology(circuit) == {
        "MXI0/MM1": "NMOS (nch) xi1.n2 xi1:g xi1/s 0",
        "MXI0.M1": "NMOS (nch) a/b.c:d#2 x y 0",
        "RXI0/R1:2": "RESISTOR xi1:g XI1:1",
    }


def test_magics_names(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.subckt inv_1 A Y VPWR VGND VNB w_n38_261#\n"
        "X0 Y A VGND VNB sky130_fd_pr__nfet_01v8 w=650000u l=150000u\n"
        "X1 Y a_172_68# VPWR w_n38_261# sky130_fd_pr__pfet_01v8_hvt w=1e+06u l=150000u\n.ends\n"
    )
    assert topology(circuit) == {
        "X0": "NMOS (sky130_fd_pr__nfet_01v8) Y A VGND VNB",
        "X1": "PMOS (sky130_fd_pr__pfet_01v8_hvt) Y a_172_68# VPWR w_n38_261#",
    }


def test_exclamation_marks_in_names(flatten_deck: FlattenDeck) -> None:
    """`vdd!` is a name like others unless a statement makes it global."""
    circuit = flatten_deck("* t\n.subckt s a\nR1 a vdd! 1\nR2 a gnd! 1\n.ends\n.global gnd!\nX1 n! s\n")
    assert topology(circuit) == {"X1/R1": "RESISTOR n! X1/vdd!", "X1/R2": "RESISTOR n! gnd!"}


# Spectre


def test_a_spectre_netlist(write_deck: WriteDeck) -> None:
    """Parentheses, subckt and ends, parameters, models, and suffixes that tell `M` from `m`."""
    circuit = flatten(
        read_netlist(
            write_deck(
                """// Generated for: spectre
simulator lang=spectre
global 0 vss!
parameters wn=1u rl=2M
subckt inv (a y vdd)
parameters w=wn l=60n
M0 (y a vss! vss!) nch w=w l=l nf=2 m=1
M1 (y a vdd vdd) mypch w=2*w l=l
ends inv
model nch bsim4 type=n
model mypch bsim4 {
  1: type=p lmin=1u
  2: type=p lmin=2u
}
I0 (in out vdd) inv w=3u m=2
I1 out out2 vdd inv
R0 (in out) resistor r=rl
C0 (in out) capacitor c=1m
v1 (vdd 0) vsource dc=1.2
tran1 tran stop=1u
""",
                "deck.scs",
            )
        )
    )
    assert topology(circuit) == {
        "I0/M0": "NMOS (nch) out in vss! vss!",
        "I0/M1": "PMOS (mypch) out in vdd vdd",
        "I1/M0": "NMOS (nch) out2 out vss! vss!",
        "I1/M1": "PMOS (mypch) out2 out vdd vdd",
        "R0": "RESISTOR (resistor) in out",
        "C0": "CAPACITOR (capacitor) in out",
        "v1": "SOURCE (vsource) vdd 0",
    }
    assert sizes(circuit) == {
        "I0/M0": mos(3e-6, 60e-9, fingers=2.0, multiplier=2.0),
        "I0/M1": mos(6e-6, 60e-9, multiplier=2.0),
        "I1/M0": mos(1e-6, 60e-9, fingers=2.0),
        "I1/M1": mos(2e-6, 60e-9),
        "R0": {"value": 2e6},
        "C0": {"value": 1e-3},
        "v1": {},
    }
    assert skipped(circuit) == [("tran", 20)]


def test_language_switches_inside_a_file(flatten_deck: FlattenDeck) -> None:
    """Names keep their case, numbers follow the language they stand in."""
    circuit = flatten_deck(
        """// t
simulator lang=spectre
subckt inv (a y)
M1 (y a 0 0) nch w=1u l=60n
simulator lang=spice
* a comment of SPICE
M2 y A 0 0 nch w=1u l=60n $ and another
R1 a y 1M
.subckt rc p q
C1 p q 5f
.ends
simulator lang = spectre
R2 (a y) resistor r=1M
X1 (a y) rc
ends inv
I1 (in out) inv
"""
    )
    assert topology(circuit) == {
        "I1/M1": "NMOS (nch) out in 0 0",
        "I1/M2": "NMOS (nch) out I1/A 0 0",
        "I1/R1": "RESISTOR in out",
        "I1/R2": "RESISTOR (resistor) in out",
        "I1/X1/C1": "CAPACITOR in out",
    }
    assert values(circuit) == {"I1/R1": 1e-3, "I1/R2": 1e6, "I1/X1/C1": 5e-15}


def test_a_spice_file_that_switches_to_spectre(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.subckt s p\nR1 p 0 1M\n.ends\nsimulator lang=spectre\nR2 (n 0) resistor r=1M\n"
        "simulator lang=spice\nX1 n s\n"
    )
    assert topology(circuit) == {"X1/R1": "RESISTOR n 0", "R2": "RESISTOR (resistor) n 0"}
    assert values(circuit) == {"X1/R1": 1e-3, "R2": 1e6}


def test_inline_subcircuits_are_devices(flatten_deck: FlattenDeck) -> None:
    """A kit wraps a model so; what stands inside has the name of the wrapper."""
    circuit = flatten_deck(
        """simulator lang=spectre
inline subckt pmos_lv (d g s b)
parameters w=1u l=130n
pmos_lv (d g s b) pmos_lv_mod w=w l=l
model pmos_lv_mod psp103 type=-1
ends pmos_lv
inline subckt pnpA E B C
parameters a=2p
pnpA (C B E) pnpA_mod area=a
model pnpA_mod bjt type=pnp
ends pnpA
MP0 (y a vdd vdd) pmos_lv w=2u
Q0 (e b c) pnpA a=3p
"""
    )
    assert topology(circuit) == {"MP0": "PMOS (pmos_lv) y a vdd vdd", "Q0": "PNP (pnpA) c b e"}
    assert sizes(circuit)["MP0"] == mos(2e-6, 130e-9)
