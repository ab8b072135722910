"""Inputs that once ended in a crash, a hang or a wrong circuit, each with what it should give."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

WriteDeck = Callable[..., Path]
FlattenDeck = Callable[..., FlatCircuit]

INVERTER = "* t\n.subckt inv a b w=1\nR1 a b 'w'\n.ends\n"


def message_of(path: Path, on_error: str = "raise") -> str:
    with pytest.raises(NetlistError) as caught:
        flatten(read_netlist(path, on_error=on_error))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).replace(f"{path.parent}/", "")


# cards in runs


@pytest.mark.parametrize("parameters", ["w =3k", "w = 3k", "params: w=3k", "PARAMS:w=3k", "param: w= 3k"])
def test_parameters_that_the_shape_of_a_card_hides(flatten_deck: FlattenDeck, parameters: str) -> None:
    cards = "".join(f"X{number} n{number} m inv {parameters}\n" for number in range(20))
    circuit = flatten_deck(INVERTER + "X0 p q inv w=3k\n" + cards)
    assert circuit.device_count == 21
    assert circuit.net_names()[:3] == ["p", "q", "n0"]
    assert set(circuit.table.value.tolist()) == {3000.0}


def test_a_bad_card_keeps_its_name(write_deck: WriteDeck) -> None:
    assert message_of(write_deck("* t\nX7 /\n")) == "deck.sp:2: X7 names no subcircuit"


# vector instances


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (f"R<{'9' * 5000}:0> a b 1", f"deck.sp:2: R<{'9' * 38} stands for more than 100,000 names"),
        (f"R<1:0> a<{'9' * 5000}:0> b 1", f"deck.sp:2: a<{'9' * 38} stands for more than 100,000 names"),
        (
            f"XI<99999:0> {'a<99999:0> ' * 8000} inv",
            "deck.sp:2: vector instances stand for more than 400,000 instances and nodes",
        ),
        (
            f"XI<1:0> {'a<99999:0> ' * 8000} inv",
            "deck.sp:2: XI<1:0> stands for 2 instances, its node a<99999:0> for 100000 nets",
        ),
        (
            "R<99999:0> a b 1\n" * 3000,
            "deck.sp:3: vector instances stand for more than 400,000 instances and nodes",
        ),
    ],
)
def test_ranges_that_stand_for_too_much(
    write_deck: WriteDeck, monkeypatch: pytest.MonkeyPatch, card: str, message: str
) -> None:
    monkeypatch.setattr("circuitgcl.netlist.assembly.MAX_VECTOR_NAMES", 400_000)
    begin = time.perf_counter()
    assert message_of(write_deck(f"* t\n{card}\n")) == message
    assert time.perf_counter() - begin < 5


def test_a_range_of_one(write_deck: WriteDeck) -> None:
    cards = read_netlist(write_deck("* t\nR<1:0> a<7:7> b<2:3> 1\n")).main.cards
    assert [(card.name, card.nodes) for card in cards] == [
        ("R<1>", ("a<7>", "b<2>")),
        ("R<0>", ("a<7>", "b<3>")),
    ]
