"""Traps of structure: files, scopes, definitions, and statements that end, switch or hide others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from circuit_views import mos, sizes, skipped, topology, values

from circuitgcl.errors import NetlistError, OnError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

FlattenDeck = Callable[..., FlatCircuit]
WriteDeck = Callable[..., Path]


def warnings(circuit: FlatCircuit) -> list[str]:
    """Warnings with bare file names."""
    folder = f"{Path(circuit.path).parent}/"
    return [warning.replace(folder, "") for warning in circuit.warnings]


def test_relative_includes_and_library_sections(write_deck: WriteDeck) -> None:
    write_deck(".include more/leaf.sp\n", "cells/cells.sp")
    write_deck(".subckt leaf p q\nR1 p q rload\n.ends\n", "cells/more/leaf.sp")
    write_deck(
        ".lib ff\n.param rload=1\n.endl ff\n.lib tt\n.param rload=2k\n.lib 'corners.lib' noise\n.endl\n"
        ".lib noise\n.param loud=3\n.endl\n",
        "models/corners.lib",
    )
    deck = write_deck(
        "* t\n.include 'cells/cells.sp'\n.lib \"models/corners.lib\" TT\nX1 a b leaf\nR2 a b 'loud'\n"
    )
    circuit = flatten(read_netlist(deck))
    assert topology(circuit) == {"X1/R1": "RESISTOR a b", "R2": "RESISTOR a b"}
    assert values(circuit) == {"X1/R1": 2e3, "R2": 3.0}
    assert (skipped(circuit), circuit.warnings) == ([], ())


def test_dead_absolute_paths(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.include /dead/models.sp\n.lib '/dead/kit.lib' ss\nM1 d g s b nch w=1u l='lmin'\nR1 a b 1\n"
    )
    assert sizes(circuit) == {"M1": {"width_m": 1e-6}, "R1": {"value": 1.0}}
    assert skipped(circuit) == [
        ("missing .include /dead/models.sp", 2),
        ("missing .lib /dead/kit.lib ss", 3),
        ("no value: unknown parameter 'lmin'", 4),
    ]
    assert warnings(circuit) == [
        "deck.sp:2: included file /dead/models.sp does not exist; skipped",
        "deck.sp:3: included file /dead/kit.lib does not exist; skipped",
        "deck.sp:4: unknown parameter 'lmin'; these values are left open",
    ]


def test_global_nets(flatten_deck: FlattenDeck) -> None:
    """A port of the same name hides a global net."""
    circuit = flatten_deck(
        """* t
.global gnd! VDD
.subckt leaf a
M1 a a gnd! gnd! nch w=1u l=60n
R1 a vdd 1k
.ends
.subckt mid a
X1 a leaf
.ends
.subckt own a vdd
R1 a vdd 1k
.ends
X1 n mid
X2 n other own
R1 gnd! 0 1
"""
    )
    assert topology(circuit) == {
        "X1/X1/M1": "NMOS (nch) n n gnd! gnd!",
        "X1/X1/R1": "RESISTOR n VDD",
        "X2/R1": "RESISTOR n other",
        "R1": "RESISTOR gnd! 0",
    }


def test_portless_subcircuits(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.subckt chip\nR1 a b 1\nR2 b 0 2\n.ends\nX1 chip\nX2 chip\n")
    assert topology(circuit) == {
        "X1/R1": "RESISTOR X1/a X1/b",
        "X1/R2": "RESISTOR X1/b 0",
        "X2/R1": "RESISTOR X2/a X2/b",
        "X2/R2": "RESISTOR X2/b 0",
    }


def test_unnamed_ends(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.subckt a p\nR1 p 0 1\n.ends\n"
        ".subckt b p\n.subckt c p\nC1 p 0 1f\n.ends\nX1 p a\nX2 p c\n.ends\nX1 n b\n"
    )
    assert topology(circuit) == {"X1/X1/R1": "RESISTOR n 0", "X1/X2/C1": "CAPACITOR n 0"}
    assert circuit.warnings == ()


def test_a_missing_ends_before_a_named_one(flatten_deck: FlattenDeck) -> None:
    """The outer name closes both; one that nothing closes is an error, see the bad inputs."""
    circuit = flatten_deck("* t\n.subckt a p\n.subckt b q\nR1 q 0 1\n.ends a\nR2 m n 2\n")
    assert topology(circuit) == {"R2": "RESISTOR m n"}
    assert warnings(circuit) == ["deck.sp:5: .ends a closes subcircuit a of deck.sp:2"]


def test_nested_subcircuits(flatten_deck: FlattenDeck) -> None:
    """An inner definition is seen only from inside, and hides an outer one of its name."""
    circuit = flatten_deck(
        """* t
.subckt outer p
.subckt inner q
R1 q 0 1k
.ends inner
X1 p inner
.ends outer
.subckt inner q
C1 q 0 1f
.ends
X1 n outer
X2 n inner
"""
    )
    assert topology(circuit) == {"X1/X1/R1": "RESISTOR n 0", "X2/C1": "CAPACITOR n 0"}


TWICE = ".subckt a p\nR1 p 0 1\n.ends\n.subckt A p\nR1 p 0 {}\n.ends\n"


def test_identical_definitions(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(f"* t\n{TWICE.format(1)}X1 n a\n")
    assert values(circuit) == {"X1/R1": 1.0}
    assert warnings(circuit) == ["deck.sp:5: subcircuit A is defined again, just as at deck.sp:2"]


def test_different_definitions(flatten_deck: FlattenDeck) -> None:
    """The first counts in SPICE, the last in HSPICE and Spectre."""
    spice = flatten_deck(f"* t\n{TWICE.format(2)}X1 n a\n")
    hspice = flatten_deck(f"* t\n.option post\n{TWICE.format(2)}X1 n a\n")
    spectre = flatten_deck(
        "subckt a (p)\nR1 (p 0) resistor r=1\nends a\nsubckt a (p)\nR1 (p 0) resistor r=2\nends a\nX1 (n) a\n"
    )
    assert values(spice) == {"X1/R1": 1.0}
    assert values(hspice) == {"X1/R1": 2.0}
    assert values(spectre) == {"X1/R1": 2.0}
    assert warnings(spice) == [
        "deck.sp:5: subcircuit A is defined again, unlike at deck.sp:2 (as a); the first one counts"
    ]
    assert warnings(hspice) == [
        "deck.sp:6: subcircuit A is defined again, unlike at deck.sp:3 (as a); the last one counts"
    ]


def test_names_that_differ_only_by_case(flatten_deck: FlattenDeck) -> None:
    """One name in SPICE, spelled as it first stands there; two names in Spectre."""
    spice = flatten_deck(
        "* t\n.subckt Inv A Y\nMn y a 0 0 NCH w=WN l=60n\n.ends INV\n.model nch pmos\n.param wn=1u\n"
        "X1 in OUT iNV\nx2 out IN inv\n"
    )
    assert topology(spice) == {"X1/Mn": "PMOS (NCH) OUT in 0 0", "x2/Mn": "PMOS (NCH) in OUT 0 0"}
    assert sizes(spice)["x2/Mn"] == mos(1e-6, 60e-9)
    spectre = flatten_deck(
        "subckt a (p)\nR1 (p 0) resistor r=1\nends a\nsubckt A (p)\nR1 (p 0) resistor r=2\nends A\n"
        "X1 (n) a\nX2 (N) A\n"
    )
    assert topology(spectre) == {"X1/R1": "RESISTOR (resistor) n 0", "X2/R1": "RESISTOR (resistor) N 0"}
    assert values(spectre) == {"X1/R1": 1.0, "X2/R1": 2.0}
    assert spectre.warnings == ()


def test_text_after_the_end(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\nR1 a b 1\n.end\n\nR2 a b 'unbalanced\n.subckt (\n")
    assert topology(circuit) == {"R1": "RESISTOR a b"}
    assert skipped(circuit) == [("text after .end", 5)]


def test_the_end_of_an_included_file_ends_only_that(write_deck: WriteDeck) -> None:
    write_deck("R2 a b 2\n.END\nR3 a b 3\n", "part.sp")
    circuit = flatten(read_netlist(write_deck("* t\n.include part.sp\nR1 a b 1\n.end\n")))
    assert values(circuit) == {"R1": 1.0, "R2": 2.0}


def test_control_blocks(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\nR1 a b 1\n.control\nrun\nprint 'unbalanced\nM1 no card\n.end\n.endc\n"
        "R2 a b 2\n.CONTROL\n.ENDC\n"
    )
    assert values(circuit) == {"R1": 1.0, "R2": 2.0}
    assert skipped(circuit) == [(".control", 3), (".control", 10)]


def test_conditions(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
.param c=1
.if (c==2)
R1 a b 1
.elseif (c==1)
R1 a b 2
.else
R1 a b 3
.endif
.subckt s p k=0
.if (k>0)
R1 p 0 5
.else
C1 p 0 1f
.endif
.ends
X1 n s
X2 n s k=1
"""
    )
    assert topology(circuit) == {"R1": "RESISTOR a b", "X1/C1": "CAPACITOR n 0", "X2/R1": "RESISTOR n 0"}
    assert values(circuit) == {"R1": 2.0, "X1/C1": 1e-15, "X2/R1": 5.0}


def test_alterations_are_another_circuit(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.param r=1\nR1 a b 'r'\n.alter slow\n.param r=2\nR2 a b 'r'\n.end\n")
    assert values(circuit) == {"R1": 1.0}
    assert skipped(circuit) == [("text after .alter", 5)]


def test_connected_nets(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.subckt s a b c\nR1 a b 1\nR2 b c 1\n.connect a c\n.ends\nX1 p q r s\nR3 x y 1\n.connect x y\n"
    )
    assert topology(circuit) == {
        "X1/R1": "RESISTOR p q",
        "X1/R2": "RESISTOR q p",
        "R3": "RESISTOR x x",
    }


def test_macros(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.macro a p q w=2\nR1 p q 'w'\n.eom a\n.MACRO b p\nX1 p 0 a w=3\n.EOM\nX1 n b\n"
    )
    assert topology(circuit) == {"X1/X1/R1": "RESISTOR n 0"}
    assert values(circuit) == {"X1/X1/R1": 3.0}


def test_fingers_with_an_at_sign(flatten_deck: FlattenDeck) -> None:
    """Layout tools name the fingers of one transistor `M1@2`; each is a device."""
    circuit = flatten_deck(
        "* t\nM1 d g s b nch w=1u l=60n\nM1@2 s g d b nch w=1u l=60n\nM1@3 d g s b nch w=1u l=60n\n"
    )
    assert topology(circuit) == {
        "M1": "NMOS (nch) d g s b",
        "M1@2": "NMOS (nch) s g d b",
        "M1@3": "NMOS (nch) d g s b",
    }


def test_encrypted_parts_are_listed_and_the_rest_is_read(write_deck: WriteDeck) -> None:
    for begin, end in (
        (".prot freelib", ".unprot"),
        (".PROTECT CUSTOM", ".UNPROTECT"),
        (".protect", ".unprotect"),
        ("*pragma protect begin_protected", "*pragma protect end_protected"),
        ("$CDNENCSTART_ADV2", "$CDNENCFINISH_ADV2"),
        ("* LTspice Encrypted File", "* End 1 2"),
    ):
        deck = write_deck(f"* t\nR1 a b 1\n{begin}\n0s!x#&&d'{{ (\nX82 js kk 9{{{{\n{end}\nR2 a b 2\n")
        circuit = flatten(read_netlist(deck, on_error=OnError.SKIP))
        assert values(circuit) == {"R1": 1.0, "R2": 2.0}, begin
        ((kind, line),) = skipped(circuit)
        assert kind == "error: this section is encrypted and cannot be read"
        assert line == (4 if begin == ".protect" else 3)


def test_a_protected_part_may_be_readable(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.prot $ not in the listing\nR1 a b 1\n.unprot\nR2 a b 2\n")
    assert values(circuit) == {"R1": 1.0, "R2": 2.0}
    assert skipped(circuit) == []


def test_vertical_transistors_have_no_bulk(flatten_deck: FlattenDeck, write_deck: WriteDeck) -> None:
    """Only their model card tells; it may follow, or stand in an included file."""
    write_deck(".model VP VDMOS pchan (kp=3)\n", "power.lib")
    circuit = flatten_deck(
        "* t\n.include power.lib\nM1 d g s IRFZ48Z\nM2 d g s vp m=2\nM3 d g s b nch\n"
        ".model IRFZ48Z VDMOS (Rg = 1.77 Vto=4)\n"
    )
    assert topology(circuit) == {
        "M1": "NMOS (IRFZ48Z) d g s",
        "M2": "PMOS (vp) d g s",
        "M3": "NMOS (nch) d g s b",
    }
    with pytest.raises(NetlistError, match="M1 has 3 nodes; a MOSFET needs 4"):
        flatten_deck("* t\nM1 d g s nch\n.model nch nmos\n.model v vdmos\n")
