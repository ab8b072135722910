"""Bad input: strict reading stops with one located line, lenient reading goes on and lists it."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from circuit_views import skipped, topology

from circuitgcl.errors import NetlistError, OnError
from circuitgcl.netlist import FlatCircuit, flatten, read_netlist

WriteDeck = Callable[..., Path]
Files = Mapping[str, str | bytes]

GOOD = "RGOOD a b 1k\n"
LONG = gzip.compress("".join(f"R{n} a{n} b {n * n}\n" for n in range(3000)).encode())
ENCRYPTED = "this section is encrypted and cannot be read"


def circuit_of(write_deck: WriteDeck, text: str, files: Files, on_error: OnError) -> FlatCircuit:
    for name, content in files.items():
        write_deck(content, name)
    return flatten(read_netlist(write_deck(text), on_error=on_error))


def message_of(write_deck: WriteDeck, text: str, files: Files) -> str:
    with pytest.raises(NetlistError) as caught:
        circuit_of(write_deck, text, files, OnError.RAISE)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.location is not None
    return message.replace(f"{write_deck('').parent}/", "")


CASES: dict[str, tuple[str, Files, str]] = {  # text, other files, message
    "an included gzip file is cut short": (
        ".include cut.sp.gz\n",
        {"cut.sp.gz": LONG[:-200]},
        "cut.sp.gz: the gzip data is cut short",
    ),
    "a file includes itself": (
        ".include own.sp\n",
        {"own.sp": "R2 a b 2\n.include own.sp\n"},
        "own.sp:2: file own.sp includes itself",
    ),
    "two files include each other": (
        ".include one.sp\n",
        {"one.sp": "* 1\n.include two.sp\n", "two.sp": "* 2\n\n.include one.sp\n"},
        "two.sp:3: file one.sp includes itself",
    ),
    "a library section calls itself": (
        ".lib l.lib tt\n",
        {"l.lib": ".lib tt\n.lib l.lib tt\n.endl\n"},
        "l.lib:2: file l.lib includes itself",
    ),
    "a subcircuit has no end": (
        f"{GOOD}.subckt s p\nR1 p 0 1\n",
        {},
        "deck.sp:3: subcircuit s has no .ends; all that follows was taken as its body",
    ),
    "a quote is not closed": (
        "M1 d g s b nch w='1u l=60n\n",
        {},
        "deck.sp:2: ' is not balanced in \"'1u l=60n\"",
    ),
    "a brace is not closed": (".param w={1u\n", {}, "deck.sp:2: { is not balanced in '{1u'"),
    "a double quote is not closed": ('R1 a b "1k\n', {}, "deck.sp:2: \" is not balanced in '\"1k'"),
    "parameters depend on each other": (
        ".param one='two' two='three+1' three='one'\nR1 x y 'one'\n",
        {},
        "deck.sp:3: R1: parameter 'one' depends on itself: one -> two -> three -> one",
    ),
    "a card divides by zero": (
        "R1 x y '1/0'\n",
        {},
        "deck.sp:2: R1: cannot be computed: division by zero in '1/0'",
    ),
    "a parameter divides by zero": (
        ".param z=0 k='1/z'\nR1 x y 'k'\n",
        {},
        "deck.sp:3: R1: cannot be computed: division by zero in '1/z' (in parameter 'k')",
    ),
    "a parameter of a subcircuit divides by zero": (
        ".subckt s p w=1u\nM1 p p 0 0 nch w='w/0' l=60n\n.ends\nX1 n s\n",
        {},
        "deck.sp:3 (X1): M1: cannot be computed: division by zero in 'w/0'",
    ),
    "a MOSFET lacks its bulk": (
        "M1 d g s nch w=1u\n",
        {},
        "deck.sp:2: M1 has 3 nodes; a MOSFET needs 4. Is the bulk missing?",
    ),
    "a resistor lacks a node": ("R1 a\n", {}, "deck.sp:2: R1 has 1 nodes; two are needed"),
    "a bipolar transistor lacks nodes": ("Q1 c npn\n", {}, "deck.sp:2: Q1 has 1 nodes; a BJT needs 3 or 4"),
    "an instance lacks everything": ("X1\n", {}, "deck.sp:2: X1 names no subcircuit"),
    "an instance lacks a node": (
        ".subckt s p q\nR1 p q 1\n.ends\nX1 n s\n",
        {},
        "deck.sp:5: X1 connects 1 nodes; subcircuit s of deck.sp:2 has 2 ports",
    ),
    "a header lacks its name": (
        ".subckt\n",
        {},
        "deck.sp:2: .subckt without a name; expected `.subckt name port ...`",
    ),
    "a subcircuit contains itself": (
        ".subckt s p\nR1 p 0 1\nX1 p s\n.ends\nX1 n s\n",
        {},
        "deck.sp:4 (X1): subcircuit s contains itself: s > s",
    ),
    "a key names the encrypted part": (".prot freelib\n'{ 0s!\n.unprot\n", {}, f"deck.sp:2: {ENCRYPTED}"),
    "a protected part does not read": (
        ".protect\nX9 0s!x#&&d'{\n.unprotect\n",
        {},
        f"deck.sp:3: {ENCRYPTED}",
    ),
    "a pragma marks the encrypted part": (
        "*pragma protect begin_protected\nMIME ({'\n*pragma protect end_protected\n",
        {},
        f"deck.sp:2: {ENCRYPTED}",
    ),
    "an encrypted part has no end": (
        f"{GOOD}$CDNENCSTART_ADV2\nM1 a b {{'\nR9 a b 1\n",
        {},
        f"deck.sp:3: {ENCRYPTED}",
    ),
    "parentheses without end": (
        f"R1 a b '{'(' * 100_000}1'\n",
        {},
        "deck.sp:2: R1: expected ')' at the end of '((((((((((((((((((((((((((((((((((((((((((((((((",
    ),
    "equals signs without end": (
        f"R1 a b {'=' * 100_000}\n",
        {},
        "deck.sp:2: R1 has 1 nodes; two are needed",
    ),
    "quotes without end": (f"R1 a b {chr(39) * 100_001}\n", {}, "deck.sp:2: ' is not balanced in \"'\""),
    "a name without end": (f"M{'x' * 100_000} d g s nch\n", {}, f"deck.sp:2: M{'x' * 390}"),
    "a word without end": (
        f"#{'x' * 100_000} d g s nch\n",
        {},
        f"deck.sp:2: '#{'x' * 39}' is neither an element nor a dot card; is this a SPICE netlist?",
    ),
    "a function without end": (
        f"R1 a b '{'x' * 100_000}(1)'\n",
        {},
        "deck.sp:2: R1: unknown function 'xxxxx",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_strict_reading_stops_with_one_located_line(write_deck: WriteDeck, case: str) -> None:
    text, files, message = CASES[case]
    begin = time.perf_counter()
    found = message_of(write_deck, f"* t\n{text}{GOOD}", files)
    assert time.perf_counter() - begin < 2.0
    assert found.startswith(message)
    assert len(found) < 1000


@pytest.mark.parametrize("case", CASES)
def test_lenient_reading_goes_on_and_lists_it(write_deck: WriteDeck, case: str) -> None:
    text, files, message = CASES[case]
    circuit = circuit_of(write_deck, f"* t\n{text}{GOOD}", files, OnError.SKIP)
    assert topology(circuit)["RGOOD"] == "RESISTOR a b"
    place, _, reason = message.partition(": ")
    file, _, line = place.split(" ")[0].partition(":")
    folder = f"{Path(circuit.path).parent}/"
    (error,) = (card for card in circuit.skipped_cards if card.kind.startswith("error: "))
    assert error.kind.replace(folder, "").startswith(f"error: {reason}")
    assert error.location.path == f"{folder}{file}"
    assert error.location.line == int(line or 0)


def test_a_main_file_that_is_cut_short_is_no_netlist(write_deck: WriteDeck) -> None:
    path = write_deck(LONG[:-200])
    for on_error in OnError:
        with pytest.raises(NetlistError, match=r"deck\.sp: the gzip data is cut short$"):
            read_netlist(path, on_error=on_error)


def test_lenient_reading_lists_every_fault(write_deck: WriteDeck) -> None:
    """Cards without the nodes they need are left out; an instance that does not fit stays, as a black box."""
    text = (
        "* t\nM1 d g s nch w=1u l=60n\nR1 a\nQ1 c npn\nX1\nD1\n.subckt s a b\nR1 a b 1\n.ends\nX2 n s\n"
        f"X3 n nosuch\nR2 a b '1/0'\n.ends\n{GOOD}"
    )
    circuit = circuit_of(write_deck, text, {}, OnError.SKIP)
    assert topology(circuit) == {
        "X2": "OTHER (s) n",
        "X3": "OTHER (nosuch) n",
        "R2": "RESISTOR a b",
        "RGOOD": "RESISTOR a b",
    }
    assert sorted(line for _, line in skipped(circuit)) == [2, 3, 4, 5, 6, 10, 11, 12, 13]
