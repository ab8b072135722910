"""Traps of real netlists in their text: continuation, comments, bytes, long lines."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from circuit_views import mos, sizes, skipped, topology, values

from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

FlattenDeck = Callable[..., FlatCircuit]
WriteDeck = Callable[..., Path]


# continuation


def test_a_plus_after_comment_and_blank_lines_continues(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
M1 d g s b nch
* a comment between

+ w=1u
$ another one
; and another
   + l=60n m=2
R1 a b
// the last

+ 1k
"""
    )
    assert topology(circuit) == {"M1": "NMOS (nch) d g s b", "R1": "RESISTOR a b"}
    assert sizes(circuit) == {"M1": mos(1e-6, 60e-9, multiplier=2.0), "R1": {"value": 1000.0}}


def test_a_plus_may_be_glued_to_the_token(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\nM1 d\n+g s\n+b nch w=1u\n+l=60n\n.subckt s\n+p\n+k=2\nR1 p 0\n+'k*2'\n.ends\nX1 n s\n"
    )
    assert topology(circuit) == {"M1": "NMOS (nch) d g s b", "X1/R1": "RESISTOR n 0"}
    assert sizes(circuit) == {"M1": mos(1e-6, 60e-9), "X1/R1": {"value": 4.0}}


def test_a_trailing_backslash_continues_spectre(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "simulator lang=spectre\n"
        "M1 (d g \\\n  s b) nch \\\n  w=1u \\\n  l=60n\n"
        "c1 ( a 0 ) capacitor c=0.989f //x=5.18 \\\n //y=0.37\n"
        "c2 ( b 0 ) capacitor c=1f //x=0.435 //y=0\n"
    )
    assert topology(circuit) == {
        "M1": "NMOS (nch) d g s b",
        "c1": "CAPACITOR (capacitor) a 0",
        "c2": "CAPACITOR (capacitor) b 0",
    }
    assert sizes(circuit)["M1"] == mos(1e-6, 60e-9)
    assert values(circuit) == {"c1": 0.989e-15, "c2": 1e-15}


# comments


def test_comments_of_four_kinds(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n*R0 a b 1\nR1 a b 1k $ note R=2\nR2 a b 2k ; note\nR3 a b 3k // note\nR4 a b 4k $note\n"
        "$ R5 a b 5\n; R6 a b 6\n// R7 a b 7\n   * R8 a b 8\n"
    )
    assert values(circuit) == {"R1": 1e3, "R2": 2e3, "R3": 3e3, "R4": 4e3}
    assert circuit.skipped_cards == ()


def test_a_dollar_carries_data(flatten_deck: FlattenDeck) -> None:
    """The substrate is a node, the bracketed word a model, in whatever order they come."""
    circuit = flatten_deck(
        """.SUBCKT cell A B gnd!
RR0 A B 10k $[rpoly] $SUB=gnd!
RR1 A B $SUB=gnd!
+ $[ppolyf] m=8.0 l=100u w=50u r=4.0124K
DD1 A B $[ndio] area=1p
CC1 A B 1f $[mim] $W=1u $L=2u m=2
QQ1 A B gnd! $[vpnp] $SUB=gnd!
.ENDS
"""
    )
    assert topology(circuit) == {
        "RR0": "RESISTOR (rpoly) A B gnd!",
        "RR1": "RESISTOR (ppolyf) A B gnd!",
        "DD1": "DIODE (ndio) A B",
        "CC1": "CAPACITOR (mim) A B",
        "QQ1": "PNP (vpnp) A B gnd! gnd!",
    }
    assert sizes(circuit) == {
        "RR0": {"value": 1e4},
        "RR1": {"width_m": 50e-6, "length_m": 100e-6, "multiplier": 8.0, "value": 4012.4},
        "DD1": {"area_m2": 1e-12},
        "CC1": {"width_m": 1e-6, "length_m": 2e-6, "multiplier": 2.0, "value": 1e-15},
        "QQ1": {},
    }


def test_magics_floating_mark_is_a_comment(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\nC1 x/a_59_75# VSS 0.24fF $ **FLOATING\nC2 a b 1fF\n")
    assert topology(circuit) == {"C1": "CAPACITOR x/a_59_75# VSS", "C2": "CAPACITOR a b"}
    assert values(circuit) == {"C1": 0.24e-15, "C2": 1e-15}


def test_a_dollar_occurs_in_names(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\nR$1 net$1 b$ 1k\nXR$2 b$ n$c cell$1\n.subckt cell$1 p q\nR$ p q 5\n.ends\n")
    assert topology(circuit) == {"R$1": "RESISTOR net$1 b$", "XR$2/R$": "RESISTOR b$ n$c"}


def test_slashes_open_coordinates_only_behind_a_blank(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\nR1 x1//a b 1k //x=0.435 y=2\nR2 a b 2k//x=1\n")
    assert topology(circuit)["R1"] == "RESISTOR x1//a b"
    assert values(circuit)["R1"] == 1000.0


# bytes


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"* t\r\nR1 a b 1k\r\n+ m=2\r\n", "crlf.sp"),
        (b"* t\nR1 a b 1k\n+ m=2", "no_final_newline.sp"),
        (b"\xef\xbb\xbf* t\nR1 a b 1k\n+ m=2\n", "bom.sp"),
        (gzip.compress(b"* t\nR1 a b 1k\n+ m=2\n"), "named.sp.gz"),
        (gzip.compress(b"* t\nR1 a b 1k\n+ m=2\n"), "by_magic_number.sp"),
    ],
)
def test_bytes_of_many_editors(write_deck: WriteDeck, data: bytes, name: str) -> None:
    circuit = flatten(read_netlist(write_deck(data, name)))
    assert topology(circuit) == {"R1": "RESISTOR a b"}
    assert sizes(circuit) == {"R1": {"value": 1000.0, "multiplier": 2.0}}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_a_micro_sign_is_a_millionth(write_deck: WriteDeck, encoding: str) -> None:
    deck = "* t\nC1 a b 2\u00b5\nC2 a b 3\u00b5F\nM1 d g s b nch w=1\u00b5 l='0.1\u00b5*2'\n".encode(encoding)
    circuit = flatten(read_netlist(write_deck(deck)))
    assert values(circuit) == {"C1": 2e-6, "C2": 3e-6}
    assert sizes(circuit)["M1"] == mos(1e-6, 0.2e-6)


def test_lines_of_eleven_thousand_characters(flatten_deck: FlattenDeck) -> None:
    ports, nets = (" ".join(f"{letter}{number}" for number in range(2000)) for letter in "pn")
    circuit = flatten_deck(f"* t\nX1 {nets} wide\n.subckt wide {ports}\nR1 p0 p1999 1\n.ends\n")
    assert topology(circuit) == {"X1/R1": "RESISTOR n0 n1999"}


def test_lines_of_a_hundred_thousand_characters(flatten_deck: FlattenDeck) -> None:
    sum_of_ones = "+".join("1" * 50_001)
    circuit = flatten_deck(
        f"* t\n* {'x' * 100_000}\nR1 a b '{sum_of_ones}'\n"
        f"R{'y' * 100_000} a b 2\nR2 a b 3 $ {'z' * 100_000}\n"
    )
    assert values(circuit) == {"R1": 50_001.0, f"R{'y' * 100_000}": 2.0, "R2": 3.0}
    assert skipped(circuit) == []
