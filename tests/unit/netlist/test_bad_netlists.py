"""What is wrong with a netlist is said in one line that begins with the place."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import flatten, read_netlist

WriteDeck = Callable[..., Path]


def message_of(path: Path, top: str | None = None) -> str:
    with pytest.raises(NetlistError) as caught:
        flatten(read_netlist(path), top)
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.location is not None
    return text.replace(f"{path.parent}{os.sep}", "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "deck.sp: the file is empty; expected a SPICE netlist"),
        (b" \n\t\n", "deck.sp: the file is empty; expected a SPICE netlist"),
        (b"\x7fELF\x02\x01\x00\x00", "deck.sp: the file is binary; expected the text of a SPICE netlist"),
        (
            b"R1 a b 1\n" * 20000 + b"\x00",
            "deck.sp: the file is binary; expected the text of a SPICE netlist",
        ),
        (b"\n <!DOCTYPE html>\n<html>", "deck.sp:1: the file is HTML or XML; expected a SPICE netlist"),
        (b"\xef\xbb\xbf<html>", "deck.sp:1: the file is HTML or XML; expected a SPICE netlist"),
        (gzip.compress(b"R1 a b 1\n" * 500)[:-9], "deck.sp: the gzip data is cut short"),
        (gzip.compress(b"R1 a b 1\n")[:12], "deck.sp: the gzip data is cut short"),
        (b"\x1f\x8b\x08", "deck.sp: the gzip data is cut short"),
        (gzip.compress(b"R1 a b 1\n") + b"rest", "deck.sp: the gzip data is damaged: "),
        (b"\x1f\x8brubbish and more rubbish", "deck.sp: the gzip data is damaged: "),
        (gzip.compress(b""), "deck.sp: the file is empty; expected a SPICE netlist"),
        (
            b"// Spectre\nsimulator lang=spectre\n",
            "deck.sp: no element and no subcircuit found; is this a SPICE netlist?",
        ),
        (b"* t\n.tran 1n 1u\n", "deck.sp: no element and no subcircuit found; is this a SPICE netlist?"),
        (b"A text about nothing.\n", "deck.sp: no element and no subcircuit found; is this a SPICE netlist?"),
        (
            b"* t\n123 4 5\n",
            "deck.sp:2: '123' is neither an element nor a dot card; is this a SPICE netlist?",
        ),
    ],
)
def test_files_that_are_no_netlists(write_deck: WriteDeck, data: bytes, message: str) -> None:
    assert message_of(write_deck(data)).startswith(message)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    assert message_of(tmp_path / "none.sp") == "none.sp: the file does not exist"
    assert message_of(tmp_path).endswith(": the file is a directory; expected a SPICE netlist")


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="no character devices here")
def test_an_endless_device_is_refused() -> None:
    assert message_of(Path("/dev/zero")).endswith("the file is a device; expected a SPICE netlist")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind here")
def test_an_unreadable_file(write_deck: WriteDeck) -> None:
    path = write_deck("R1 a b 1\n")
    path.chmod(0)
    assert message_of(path) == "deck.sp: the file cannot be read: Permission denied"


def test_an_archive_that_unpacks_without_end(write_deck: WriteDeck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuitgcl.netlist.reading.MAX_TEXT_BYTES", 2 << 20)
    part = gzip.compress(b"*" * (3 << 19))
    assert message_of(write_deck(part + part)) == "deck.sp: unpacks to more than 2 MiB"


def test_includes_that_lead_nowhere(write_deck: WriteDeck) -> None:
    missing = write_deck("* t\n.include gone.sp\n", "missing.sp")
    assert message_of(missing) == "missing.sp:2: included file gone.sp does not exist"
    for name in ("/nowhere/gone.sp", f"/{'a' * 5000}", "~nobody_of_this_name/x.sp", "$NOBODY/x.sp"):
        netlist = read_netlist(write_deck(f"* t\n.include {name}\nR1 a b 1\n"))
        assert [card.kind for card in netlist.skipped_cards] == [f"missing .include {name}"]
        assert f"deck.sp:2: included file {name[:100]}" in netlist.warnings[0]
        assert netlist.warnings[0].endswith(f"{name[-100:]} does not exist; skipped")
    lenient = read_netlist(write_deck("* t\n.include gone.sp\nR1 a b 1\n"), on_error="skip")
    assert lenient.skipped_cards[0].kind == "missing .include gone.sp"
    folder = write_deck("* t\n.include .\n", "folder.sp")
    assert message_of(folder).startswith("folder.sp:2: included file ")
    own = write_deck("* t\nR1 a b 1\n.include own.sp\n", "own.sp")
    assert message_of(own) == "own.sp:3: file own.sp includes itself"
    write_deck("* b\n.include first.sp\n", "second.sp")
    first = write_deck("* a\n.include second.sp\n", "first.sp")
    assert message_of(first) == "second.sp:2: file first.sp includes itself"


def test_includes_nested_too_deeply(write_deck: WriteDeck) -> None:
    for number in range(40):
        write_deck(f"* t\n.include f{number + 1}.sp\n", f"f{number}.sp")
    path = write_deck("* t\n.include f0.sp\n")
    assert message_of(path) == "f30.sp:2: includes are nested deeper than 32 files"


def test_includes_that_multiply(write_deck: WriteDeck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuitgcl.netlist.reading.MAX_FILES", 100)
    for number in range(25):
        write_deck(f".include g{number + 1}.sp\n" * 2, f"g{number}.sp")
    write_deck("R1 a b 1\n", "g25.sp")
    assert "more than 100 files are included" in message_of(write_deck("* t\n.include g0.sp\n"))


LEAF = ".subckt leaf a b\nR1 a b 1\n.ends\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{LEAF}.subckt mid a\nXl a leaf\n.ends\nXm n mid\n",
            "deck.sp:6 (Xm): Xl connects 1 nodes; subcircuit leaf of deck.sp:2 has 2 ports",
        ),
        (
            f"{LEAF}.subckt mid a\nXn a nosuch\n.ends\n.subckt outer a\nXm a mid\n.ends\nXo n outer\n",
            "deck.sp:6 (Xo/Xm): Xn instantiates subcircuit 'nosuch', which is not defined. "
            "Is an .include missing?",
        ),
        (
            ".subckt loop a\nR1 a 0 1\nXl a loop\n.ends\nX1 n loop\n",
            "deck.sp:4 (X1): subcircuit loop contains itself: loop > loop",
        ),
        (
            ".subckt p a\nXq a q\n.ends\n.subckt q a\nR1 a 0 1\nXp a p\n.ends\nX1 n p\n",
            "deck.sp:7 (X1/Xq): subcircuit p contains itself: p > q > p",
        ),
        (
            ".subckt p a n=1\nXp a p n='n+1'\nR1 a 0 1\n.ends\nX1 n p\n",
            "deck.sp:3 (X1): subcircuit p contains itself: p > p",
        ),
        (
            ".subckt p a\nR1 a 0 1\nX1 a p\n.ends\n",
            "deck.sp:4: subcircuit p contains itself: p > p",
        ),
        ("M1 d g s nch w=1u\n", "deck.sp:2: M1 has 3 nodes; a MOSFET needs 4. Is the bulk missing?"),
        (
            ".subckt c a\nM1 a a a a nch w='2*wx('\n.ends\nX1 n c\nX2 n c\n",
            "deck.sp:3 (X1): M1: ",
        ),
        (
            ".subckt c a w=wx(1)\nR1 a 0 1\n.ends\nX1 n c\n",
            "deck.sp:2 (X1): parameter w of subcircuit c: unknown function",
        ),
        (f"{LEAF}.subckt c a w=1\nR1 a 0 w\n.ends\nX1 n c w=1/0\n", "deck.sp:8: X1: cannot be computed"),
        ("M1 d g s b nch w=(1 l=1u\n", "deck.sp:2: M1: "),
        (".param a=b b=a\nR1 x y 'a'\n", "deck.sp:3: R1: parameter 'a' depends on itself"),
        ("R1 x y '1/0'\n", "deck.sp:2: R1: cannot be computed"),
        (".ends\n", "deck.sp:2: .ends without a .subckt before it"),
        (".subckt c a\n.ends\nX1 n c\n", "deck.sp: deck contains no device; expected at least one"),
        (".subckt c a\n.ends\n", "deck.sp:2: c contains no device; expected at least one"),
        ("K1 a b 1\n", "deck.sp: the file defines no circuit"),
    ],
)
def test_located_messages(write_deck: WriteDeck, text: str, message: str) -> None:
    assert message_of(write_deck(f"* t\n{text}")).startswith(message)


def test_an_unknown_top(write_deck: WriteDeck) -> None:
    path = write_deck(f"* t\n{LEAF}X1 a b leaf\n")
    assert message_of(path, "nosuch") == "deck.sp: there is no subcircuit 'nosuch'; the file defines: leaf"
    flat = write_deck("* t\nR1 a b 1\n", "flat.sp")
    assert message_of(flat, "top") == "flat.sp: there is no subcircuit 'top'; the file defines: none"
    many = write_deck("* t\n" + "".join(f".subckt c{n} a\nR1 a 0 1\n.ends\n" for n in range(30)), "many.sp")
    assert message_of(many, "top").endswith("the file defines: c0, c1, c10, c11, c12, c13, c14, c15, ...")


def nested(levels: int, copies: int, leaf: str) -> str:
    cells = [f".subckt c0 a\n{leaf}\n.ends"]
    for level in range(1, levels):
        body = "\n".join(f"X{number} a c{level - 1}" for number in range(copies))
        cells.append(f".subckt c{level} a\n{body}\n.ends")
    return "* t\n" + "\n".join(cells) + "\n"


@pytest.mark.parametrize(
    ("levels", "copies", "leaf", "message"),
    [
        (
            10,
            10,
            "R1 a 0 1",
            "deck.sp:101: c9 expands to 1,000,000,000 devices; at most 100,000,000 are handled",
        ),
        (60, 8, "R1 a 0 1", "deck.sp:585: c59 expands to "),
        (30, 2, "", "deck.sp:117: c29 expands to 1,073,741,823 instances; at most"),
    ],
)
def test_absurd_expansions_are_refused_at_once(
    write_deck: WriteDeck, levels: int, copies: int, leaf: str, message: str
) -> None:
    path = write_deck(nested(levels, copies, leaf))
    begin = time.perf_counter()
    assert message_of(path).startswith(message)
    assert time.perf_counter() - begin < 2.0


def test_wide_cells_in_large_numbers_are_refused(write_deck: WriteDeck) -> None:
    wide = " ".join(f"p{number}" for number in range(2000))
    text = f"* t\n.subckt leaf {wide}\nR1 p0 p1 1\n.ends\n.subckt c0 a\nXw {'a ' * 2000} leaf\n.ends\n"
    text += "".join(f".subckt c{n} a\nX1 a c{n - 1}\nX2 a c{n - 1}\n.ends\n" for n in range(1, 22))
    assert "terminals; at most 1,000,000,000 are handled" in message_of(write_deck(text))


def test_variants_without_end_are_refused(write_deck: WriteDeck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuitgcl.netlist.elaboration.MAX_BODIES", 1000)
    cells = ["* t\n.subckt c0 a w=1\nR1 a 0 w\n.ends\n"]
    cells += [
        f".subckt c{n} a w=1\nX1 a c{n - 1} w='2*w'\nX2 a c{n - 1} w='2*w+1'\n.ends\n" for n in range(1, 20)
    ]
    assert "parameters make more than 1,000 variants of cells" in message_of(write_deck("".join(cells)))


@pytest.mark.parametrize("levels", [250, 5000])
def test_levels_without_end_are_refused(write_deck: WriteDeck, levels: int) -> None:
    path = write_deck(nested(levels, 1, "R1 a 0 1"))
    assert "is nested deeper than 200 levels; choose a lower cell with --top" in message_of(path)


def test_a_wide_circle_is_shortened(write_deck: WriteDeck) -> None:
    cells = "".join(f".subckt c{n} a\nX1 a c{(n + 1) % 100}\n.ends\n" for n in range(100))
    message = message_of(write_deck(f"* t\n{cells}X1 n c0\n"))
    assert message.endswith("subcircuit c0 contains itself: c0 > c1 > c2 > c3 > ... > c98 > c99 > c0")
