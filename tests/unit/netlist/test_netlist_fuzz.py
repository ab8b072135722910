"""Whatever the bytes, reading and flattening end soon, with a circuit or with a `NetlistError`."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from naive_flattener import random_deck

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import flatten, read_netlist

FUZZ = settings(
    max_examples=150,
    deadline=5000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SEED_DECK = b"""* all kinds of statements
.param unit=1u half='unit/2'
.func twice(x) {2*x}
.global vdd gnd!
.option scale=1
.model nx nmos (level=1)
.subckt inv a y vdd vss wn='twice(unit)' params: k=2
Mn y a vss vss nx w={wn} l=60n ad='wn*0.2u' m=2
Mp y a vdd vdd pch w='k>1 ? wn*k : wn' l=60n $ comment
R1 a y 10k $[rp] $SUB=gnd!
.ends inv
.include 'nothing.sp'
Xi1 in mid vdd 0 inv wn=3u
+ k=3 m='1+1'
Xi2 (mid out vdd 0) inv
Xp d g s b sky130_fd_pr__nfet_01v8 w=1 l=0.15 nf=2
Q1 c b e npn
C1 out 0 10fF
D1 0 out dio area=1p
E1 x 0 vol='v(out)'
.control
run
.endc
.end
"""
WORDS = st.sampled_from(
    [
        *SEED_DECK.split(),
        b"\n",
        b"\n+",
        b"=",
        b"'",
        b"{",
        b"(",
        b")",
        b" ",
        b"\t",
        b"$",
        b";",
        b"*",
        b"\xb5",
        b"\xff",
    ]
)


def survives(tmp_path: Path, data: bytes) -> bool:
    path = tmp_path / "deck.sp"
    path.write_bytes(data)
    try:
        circuit = flatten(read_netlist(path))
    except NetlistError as error:
        place, message = error.location, str(error)
    else:
        assert circuit.device_count > 0
        assert len(circuit.net_names()) == circuit.net_count
        assert len(circuit.device_names()) == circuit.device_count
        return True
    assert place is not None
    assert "\n" not in message
    return False


def test_the_seed_deck_is_sound(tmp_path: Path) -> None:
    assert survives(tmp_path, SEED_DECK.replace(b".include 'nothing.sp'\n", b""))


@FUZZ
@given(data=st.binary(max_size=300))
@example(data=b"=")
@example(data=b"x = 5")
@example(data=b".")
@example(data=b"*.")
@example(data=b"\x1f\x8b")
@example(data=b".include \xff")
@example(data=b"R1 a b 1\n.global :")
def test_random_bytes(tmp_path: Path, data: bytes) -> None:
    survives(tmp_path, data)
    survives(tmp_path, b"* t\n" + data)


@FUZZ
@given(data=st.binary(max_size=200), compressed=st.booleans())
def test_random_bytes_called_gzip(tmp_path: Path, data: bytes, compressed: bool) -> None:
    survives(tmp_path, gzip.compress(data) if compressed else b"\x1f\x8b\x08\x00" + data)


@FUZZ
@given(words=st.lists(WORDS, max_size=80))
def test_random_words(tmp_path: Path, words: list[bytes]) -> None:
    survives(tmp_path, b" ".join(words))


@FUZZ
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(SEED_DECK)), st.integers(0, 30), WORDS | st.binary(max_size=3)),
        max_size=6,
    )
)
def test_mutated_netlists(tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    data = SEED_DECK
    for position, removed, inserted in edits:
        data = data[:position] + inserted + data[position + removed :]
    survives(tmp_path, data)


@FUZZ
@given(random=st.randoms(use_true_random=False), order=st.randoms(use_true_random=False))
def test_shuffled_lines_of_sound_netlists(tmp_path: Path, random: Random, order: Random) -> None:
    lines = random_deck(random).splitlines()
    order.shuffle(lines)
    survives(tmp_path, "\n".join(lines).encode())
