"""The bulk path reads what the card-by-card path reads, cell for cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.netlist import Card, Netlist, read_netlist
from circuitgcl.netlist.card_runs import RunReader, Shape, shape_of

WriteDeck = Callable[..., Path]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("M1 d g s b nch w=1u l=60n", Shape("m", 4, 6, 2)),
        ("mxx_1 d/1 g<0> s[1] b nch", Shape("m", 4, 6, 0)),
        ("X1 a b inv m=2", Shape("x", 2, 4, 1)),
        ("X1 a b / inv m=2", Shape("x", 2, 5, 1)),
        ("X1 inv", Shape("x", 0, 2, 0)),
        ("R1 a b 1k", Shape("r", 2, 4, 0)),
        ("C12 a b c=1f", Shape("c", 2, 3, 1)),
        ("D1 a b dio area=1p pj=2u", Shape("d", 2, 4, 2)),
        ("M1 d g s b nch w='2*a' l=60n", None),
        ("M1 d g s b nch w =1u", None),
        ("M1 (d g s b) nch", None),
        ("M1 d g s nch", None),
        ("R1 a b sub rpoly w=1u", None),
        ("X1 a b inv $ note", None),
        ("Q1 c b e npn", None),
        ("V1 a 0 1.8", None),
        ("X1", None),
    ],
)
def test_shapes(text: str, shape: Shape | None) -> None:
    found = shape_of(text)
    assert (found[0] if found else None) == shape


def everything(netlist: Netlist) -> list[object]:
    bodies = [netlist.main, *netlist.subcircuits.values()]
    cards: list[list[Card]] = [list(body.cards) for body in bodies]
    return [cards, [list(body.nodes) for body in bodies], netlist.warnings, netlist.skipped_cards]


def lines_of_many_shapes(random: Random, lines: int) -> str:
    """Runs of alike cards, broken in every way a real deck breaks them."""
    written: list[str] = ["* title"]
    names = [
        "a",
        "B",
        "b",
        "n1",
        "N1",
        "x1/x2/net",
        "bl[3]",
        "0",
        "vdd",
        "d<1>",
        "n\u00b5",
        "l" * 600,
        "a\x01b",
    ]
    while len(written) < lines:
        make = random.choice(
            [
                lambda n: (
                    f"M{n} {' '.join(random.choices(names, k=4))} {random.choice(['nch', 'PCH'])} w=1u l=60n"
                ),
                lambda n: f"m{n}\t{' '.join(random.choices(names, k=4))} nch  W={n % 3}u l=60n m=2 ",
                lambda n: f"  X{n} {' '.join(random.choices(names, k=3))} cell k={n % 2}",
                lambda n: f"X{n} {' '.join(random.choices(names, k=2))} / pair",
                lambda n: f"R{n} {' '.join(random.choices(names, k=2))} {n}k",
                lambda n: f"C{n} {' '.join(random.choices(names, k=2))} c={n}.5f",
                lambda n: f"D{n} {' '.join(random.choices(names, k=2))} dio",
            ]
        )
        written += [make(len(written)) for _ in range(random.choice([1, 3, 20, 40]))]
        written += random.choice(
            [
                [],
                [],
                ["+ m=3"],
                ["* note", "", "+ m=4"],
                ["* note"],
                ["M1 d g s b nch w='2*1u' l=60n"],
                ["M<1:0> d<1:0> g s b nch w=1u l=60n"],
                ["R1 a b 1k // one", "R2 a b 2k ; two"],
                [".param p=1"],
                [".if (1)", *(f"M{n}i d g s b nch w=1u" for n in range(18)), ".else", "R9 a b 1", ".endif"],
            ]
        )
    return "\n".join([*written, random.choice(["", ".end"])])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False))
def test_both_paths_agree(write_deck: WriteDeck, random: Random) -> None:
    path = write_deck(lines_of_many_shapes(random, 150))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("circuitgcl.netlist.card_runs.LONGEST_RUN", random.choice([700, 1 << 21]))
        in_bulk = everything(read_netlist(path))
        patch.setattr(RunReader, "may_begin", lambda *_: False)
        patch.setattr(RunReader, "add", lambda *_: None)
        assert in_bulk == everything(read_netlist(path))


def test_a_run_is_really_read_in_bulk(write_deck: WriteDeck, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_deck("* t\n" + "".join(f"M{n} a{n} b c d nch w=1u l=60n\n" for n in range(500)))
    single: list[str] = []
    add = "circuitgcl.netlist.parsing.add_element"
    monkeypatch.setattr(add, lambda assembly, text, location: single.append(text))
    netlist = read_netlist(path)
    assert single == []
    assert len(netlist.main.cards) == 500
    assert netlist.main.cards[499].location.line == 501


def test_a_bad_card_in_a_run_is_blamed_at_its_own_line(write_deck: WriteDeck) -> None:
    lines = [f"M{n} a b c d nch w=1u" for n in range(100)]
    lines[70] = "M70 a b c d nch =1u"
    netlist = read_netlist(write_deck("* t\n" + "\n".join(lines)), on_error="skip")
    assert len(netlist.main.cards) + len(netlist.skipped_cards) == 100


def test_a_number_with_an_equal_sign_is_no_value(
    write_deck: WriteDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_deck("* t\n" + "R0 a b 0.=\n" * 20 + "R1 a b 0.5\n" * 20)
    in_bulk = everything(read_netlist(path))
    monkeypatch.setattr(RunReader, "may_begin", lambda *_: False)
    monkeypatch.setattr(RunReader, "add", lambda *_: None)
    assert in_bulk == everything(read_netlist(path))
