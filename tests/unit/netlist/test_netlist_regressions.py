"""Inputs that once ended in a crash, a hang or a wrong circuit, each with what it should give."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.errors import NetlistError, OnError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist
from circuitgcl.units import plain_number

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


@pytest.mark.parametrize("blank", [" ", "\t", "\xa0", "\u2003", "\x1f", " \xa0 "])
def test_blanks_of_every_kind(flatten_deck: FlattenDeck, blank: str) -> None:
    circuit = flatten_deck(INVERTER + f"X1 p q inv{blank}w=3k\nX2 p q inv{blank}w='3k'\n")
    assert circuit.table.value.tolist() == [3000.0]


def test_a_bad_card_keeps_its_name(write_deck: WriteDeck) -> None:
    assert message_of(write_deck("* t\nX7 /\n")) == "deck.sp:2: X7 names no subcircuit"


@pytest.mark.parametrize("statement", ["$[rppoly]", "$[m] $SUB=b", "$SUB=b", "=", "1 2 3", "$SUB="])
def test_what_is_no_card_at_all(write_deck: WriteDeck, statement: str) -> None:
    path = write_deck(f"*.PININFO a:I\nR1 a b 1\n{statement}\n")
    assert "is neither an element nor a dot card" in message_of(path)


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
    begin = time.process_time()
    assert message_of(write_deck(f"* t\n{card}\n")) == message
    assert time.process_time() - begin < 5


def test_a_range_of_one(write_deck: WriteDeck) -> None:
    cards = read_netlist(write_deck("* t\nR<1:0> a<7:7> b<2:3> 1\n")).main.cards
    assert [(card.name, card.nodes) for card in cards] == [
        ("R<1>", ("a<7>", "b<2>")),
        ("R<0>", ("a<7>", "b<3>")),
    ]


# files


def test_a_missing_section_does_not_count_as_open(write_deck: WriteDeck) -> None:
    write_deck(".lib tt\n.param a=5k\n.endl\n", "models.sp")
    deck = "* t\n" + ".lib models.sp ss\n" * 40 + ".lib models.sp tt\nR1 x 0 a\n"
    circuit = flatten(read_netlist(write_deck(deck), on_error=OnError.SKIP))
    assert circuit.table.value.tolist() == [5000.0]
    kinds = {card.kind for card in circuit.skipped_cards if card.kind.startswith("error")}
    assert kinds == {"error: library models.sp has no section ss; it has: tt"}


def test_a_library_of_many_sections(write_deck: WriteDeck) -> None:
    write_deck("".join(f".lib s{n}\n.param p{n}={n}\n.endl\n" for n in range(3000)), "models.sp")
    deck = "* t\n" + "".join(f".lib models.sp s{n}\n" for n in range(3000)) + "R1 x 0 p2999\n"
    begin = time.process_time()
    assert flatten(read_netlist(write_deck(deck))).table.value.tolist() == [2999.0]
    assert time.process_time() - begin < 10


def test_strict_and_lenient_by_word(write_deck: WriteDeck) -> None:
    path = write_deck("* t\nM1 a b c nch\nR1 a b 1\nX1 a gone\n")
    for read in (read_netlist(path, on_error="skip"), read_netlist(path, on_error=OnError.SKIP)):
        assert flatten(read).device_count == 2
    assert message_of(path, "raise") == "deck.sp:2: M1 has 3 nodes; a MOSFET needs 4. Is the bulk missing?"


@pytest.mark.parametrize("name", ["~\0", "a\0b", "~/\0", "$HOME/\0"])
def test_names_that_no_file_can_have(write_deck: WriteDeck, name: str) -> None:
    path = write_deck(f"* t\n.lib {name} tt\nR1 a b 1\n".encode("utf-16"))
    assert read_netlist(path).missing_files == (f"missing .lib {name} tt",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_an_included_pipe_is_not_waited_for(write_deck: WriteDeck) -> None:
    path = write_deck("* t\n.include pipe.sp\nR1 a b 1\n")
    os.mkfifo(path.parent / "pipe.sp")
    assert message_of(path) == "deck.sp:2: included file pipe.sp is a pipe; expected a SPICE netlist"


def test_an_archive_of_many_members(write_deck: WriteDeck) -> None:
    members = b"".join(gzip.compress(f"R{n} a b 1\n".encode()) for n in range(3000))
    empty = gzip.compress(b"") * 50_000
    begin = time.process_time()
    path = write_deck(gzip.compress(b"* t\n") + empty + members + bytes(1 << 20))
    assert flatten(read_netlist(path)).device_count == 3000
    assert time.process_time() - begin < 10


# names and nets


def test_a_net_connected_to_ground_is_ground(flatten_deck: FlattenDeck) -> None:
    ties = ".connect low 0\n.connect high vdd\n"
    deck = f"* t\n.global vdd\n.subckt cell a\nR1 a low 1\nR2 a high 1\n{ties}.ends\n"
    circuit = flatten_deck(deck + "X1 n cell\nR3 n 0 1\nR4 n vdd 1\n")
    names = circuit.net_names()
    assert sorted(names) == ["0", "n", "vdd"]
    assert [names[net] for net in circuit.pin_net.tolist()] == ["n", "0", "n", "vdd"] * 2


def test_many_globals_and_many_definitions(write_deck: WriteDeck) -> None:
    nets = " ".join(f"g{number}" for number in range(12_000))
    cells = "".join(f".subckt c{number}\n.ends\n" for number in range(3000))
    begin = time.process_time()
    assert len(read_netlist(write_deck(f"* t\n.global {nets}\n{cells}R1 g1 g2 1\n")).global_nets) == 12_000
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("model", ["n" + "1" * 100_000, "1" * 100_000, "1p" * 50_000, "_w1" * 30_000])
def test_long_names_of_models(flatten_deck: FlattenDeck, model: str) -> None:
    begin = time.process_time()
    assert flatten_deck(f"* t\nM1 d g s b {model} w=1u l=1u\n").device_count == 1
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("number", ["1" * 100_000, f"{'1' * 50_000}.{'1' * 50_000}", "1e" + "1" * 50_000])
def test_long_numbers(number: str) -> None:
    begin = time.process_time()
    assert plain_number(number + "!") is None
    assert time.process_time() - begin < 1


# conditions


def test_conditions_that_are_carried_too_far(write_deck: WriteDeck) -> None:
    branches = "".join(f".elseif (p=={number})\nR{number} a b {number}\n" for number in range(4000))
    path = write_deck(
        f"* t\n.subckt cell a b p=1\n.if (p==-1)\nR a b 1\n{branches}.endif\n.ends\nX1 a b cell p=7\n"
    )
    begin = time.process_time()
    assert message_of(path).startswith("deck.sp:")
    assert message_of(path).endswith("more than 4,096 characters are undecided")
    circuit = flatten(read_netlist(path, on_error=OnError.SKIP))
    assert circuit.device_names() == ["X1/R7"]
    assert time.process_time() - begin < 10


def test_a_parameter_under_many_conditions(write_deck: WriteDeck) -> None:
    choices = "".join(f".if (p=={number})\n.param r={number}k\n.endif\n" for number in range(3000))
    cell = f".subckt cell a b p=1\n.param r=1\n{choices}R1 a b r\n.ends\n"
    path = write_deck(f"* t\n{cell}X1 a b cell p=7\nX2 a b cell p=-1\n")
    begin = time.process_time()
    assert flatten(read_netlist(path)).table.value.tolist() == [7000.0, 1.0]
    assert time.process_time() - begin < 5


# sizes and multipliers out of all bounds

LEVELS = ".subckt l1 a b\nX1 a b l2 m=1e308\n.ends\n.subckt l2 a b\nX2 a b l3 m=0\n.ends\n"


def test_a_multiplier_that_is_no_number(write_deck: WriteDeck) -> None:
    path = write_deck(f"* t\nX0 a b l1 m=1e308\n{LEVELS}.subckt l3 a b\nR1 a b 1\n.ends\n")
    expected = "deck.sp:4 (X0): X1: the multiplier is too large: 1e+308 times 1e+308"
    assert message_of(path) == expected
    assert flatten(read_netlist(path, on_error=OnError.SKIP)).device_count == 1


@pytest.mark.parametrize(
    "card",
    [
        "M1 d g s b nch w=1u l=1u m=1e200 multi=1e200",
        "M1 d g s b nch nfin=1e308 nf=1e308",
        "D1 a b dio area=1e308 pj=-1e308\n.option scale=1e308",
    ],
)
def test_sizes_that_are_no_numbers(write_deck: WriteDeck, card: str) -> None:
    path = write_deck(f"* t\n{card}\n")
    assert message_of(path) == f"deck.sp:2: {card[:2]}: its sizes are too large"
    table = flatten(read_netlist(path, on_error=OnError.SKIP)).table
    assert table.multiplier.tolist() == [1.0]
    assert not np.isinf(table.width_m).any()


def test_an_area_that_is_no_number(flatten_deck: FlattenDeck) -> None:
    table = flatten_deck("* t\nM1 d g s b nch w=1u l=1u ad=1e308 as=1e308\n").table
    assert np.isnan(table.area_m2).all()


def test_a_top_cell_whose_conditions_leave_nothing(write_deck: WriteDeck) -> None:
    path = write_deck(".subckt cell a b p=1\n.if (p>2)\nR1 a b 1\n.endif\n.ends\n")
    assert message_of(path).startswith("deck.sp:1: cell contains no device")
    assert message_of(path, "skip").startswith("deck.sp:1: cell contains no device")


# quadratic time


def in_time(write_deck: WriteDeck, deck: str, seconds: float = 6.0) -> FlatCircuit:
    path = write_deck(deck)
    begin = time.process_time()
    circuit = flatten(read_netlist(path, on_error=OnError.SKIP))
    assert time.process_time() - begin < seconds
    return circuit


def test_many_cells_that_nobody_instantiates_share_a_tree(write_deck: WriteDeck) -> None:
    tree = "".join(f".subckt t{n} a\nX a t{n + 1}\n.ends\n" for n in range(150))
    roots = "".join(f".subckt r{n} a\nX a t0\n.ends\n" for n in range(3000))
    assert in_time(write_deck, f"{tree}.subckt t150 a\nR1 a 0 1\n.ends\n{roots}").device_count == 1


def test_many_instances_of_a_header_of_many_parameters(write_deck: WriteDeck) -> None:
    header = " ".join(f"p{n}=1" for n in range(3000))
    instances = "".join(f"X{n} n{n} wrap w={n}\n" for n in range(3000))
    deck = f"* t\n.subckt wrap a w=1 {header}\nR1 a 0 w\n.ends\n{instances}"
    assert in_time(write_deck, deck).device_count == 3000


def test_many_micrometre_cards(write_deck: WriteDeck) -> None:
    cards = "".join(f"X{n} d g s b sky130_fd_pr__nfet_01v8 w=1.{n} l=0.15\n" for n in range(30_000))
    circuit = in_time(write_deck, f"* t\n{cards}", 10)
    assert "30000 device cards give lengths of 1 mm or more" in circuit.warnings[-1]


def test_many_functions_and_many_definitions(write_deck: WriteDeck) -> None:
    functions = "".join(f".func f{n}(x) {{x+g{n}}}\n" for n in range(3000))
    cells = "".join(f".subckt c{n} a\nR1 a 0 1\n.ends\nX{n} n c{n} q=1\n" for n in range(2000))
    assert in_time(write_deck, f"* t\n{functions}{cells}").device_count == 2000


def test_many_ports_listed_twice(write_deck: WriteDeck) -> None:
    ports = " ".join(f"p{n}" for n in range(20_000))
    deck = f"* t\n.subckt cell {ports} p0\nR1 p0 p1 1\n.ends\nX1 {ports} p0 cell\n"
    assert in_time(write_deck, deck).device_count == 1
