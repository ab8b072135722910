"""Sizes that nobody can know stay open; the circuit is read all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from circuit_views import mos, sizes, skipped, topology

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

FlattenDeck = Callable[..., FlatCircuit]


def test_a_parameter_that_nothing_defines(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.param w1='2*w0'\nM1 d g s b nch w=w0 l=60n\nM2 d g s b nch w=w1 l=l0 m=2\n")
    assert sizes(circuit) == {"M1": {"length_m": 60e-9}, "M2": {"multiplier": 2.0}}
    assert skipped(circuit) == [
        ("no value: unknown parameter 'w0'", 3),
        ("no value: unknown parameter 'w0' (in parameter 'w1')", 4),
        ("no value: unknown parameter 'l0'", 4),
    ]
    (warning,) = circuit.warnings
    assert warning.endswith("deck.sp:3: unknown parameter 'w0' and 2 more; these values are left open")


def test_an_open_value_passed_down_hides_defaults_and_global_parameters(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
.param w=9u
.subckt leaf d g s b w=1u l=60n
M1 d g s b nch w=w l=l
M2 d g s b nch w='2*w' l=l
.ends
.subckt middle d g s b k=w0
X1 d g s b leaf w=k
.ends
X1 d g s b middle
X2 d g s b middle k=3u
X3 d g s b leaf w='w0/2'
X4 d g s b leaf w='w0/2'
"""
    )
    alone = {"length_m": 60e-9}
    assert sizes(circuit) == {
        **dict.fromkeys(("X1/X1/M1", "X1/X1/M2", "X3/M1", "X3/M2", "X4/M1", "X4/M2"), alone),
        "X2/X1/M1": mos(3e-6, 60e-9),
        "X2/X1/M2": mos(6e-6, 60e-9),
    }
    assert [definition.name for definition in circuit.definitions].count("leaf") == 2
    assert ("no value: parameter 'w' has no value", 4) in skipped(circuit)


def test_an_open_value_hides_the_default_of_a_wrapped_device(flatten_deck: FlattenDeck) -> None:
    wrapper = ".subckt nfet_03v3 d g s b w=10u l=0.28u nf=1\nM0 d g s b nfet w=w l=l\n.ends\n"
    circuit = flatten_deck(f"* t\n{wrapper}X1 d g s b nfet_03v3 w=w0\nX2 d g s b nfet_03v3\n")
    assert sizes(circuit) == {"X1": {"length_m": 0.28e-6}, "X2": mos(10e-6, 0.28e-6)}


def test_an_open_multiplier_counts_once(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.subckt s a\nR1 a 0 5\n.ends\nX1 n s m=m0\nR2 n 0 6 m=m0\n")
    assert sizes(circuit) == {"X1/R1": {"value": 5.0}, "R2": {"value": 6.0}}
    assert sorted(skipped(circuit)) == [
        ("no value: unknown parameter 'm0'", 5),
        ("no value: unknown parameter 'm0'", 6),
    ]


def test_a_condition_on_an_open_value_is_an_error(flatten_deck: FlattenDeck) -> None:
    deck = "* t\n.subckt s a k=1\n.if (k==1)\nR1 a 0 5\n.endif\nR2 a 0 6\n.ends\nX1 n s k=k0\n"
    with pytest.raises(
        NetlistError, match=r"deck.sp:4 \(X1\): R1 stands under .* parameter 'k' has no value"
    ):
        flatten_deck(deck)


@pytest.mark.parametrize(
    "name",
    [
        "models/nch.nmos",
        "design.ngspice",
        "corners.scs",
        "45nm_HP.pm",
        "x.pm3.spice",
        "BICMOS.LIB",
        "mod/n.mod",
        "_graphical_stimuli.scs",
    ],
)
def test_a_missing_model_file_is_passed_over(write_deck: Callable[..., Path], name: str) -> None:
    circuit = flatten(read_netlist(write_deck(f"* t\n.include '{name}'\nM1 d g s b nch w=1u l='lmin'\n")))
    assert topology(circuit) == {"M1": "NMOS (nch) d g s b"}
    assert sizes(circuit) == {"M1": {"width_m": 1e-6}}
    assert skipped(circuit)[0] == (f"missing .include {name}", 2)


@pytest.mark.parametrize("name", ["cell.sp", "modulator.sp", "../lib/cells.spice", "adc.cdl", "library/ota"])
def test_a_missing_part_of_the_circuit_is_an_error(write_deck: Callable[..., Path], name: str) -> None:
    with pytest.raises(NetlistError, match=r"deck.sp:2: included file \S+ does not exist"):
        read_netlist(write_deck(f"* t\n.include '{name}'\nM1 d g s b nch w=1u l=60n\n"))
