from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist.dialects import DIALECTS, DialectName, detect_dialect, find_spectre
from circuitgcl.netlist.lexing import assignments, logical_lines, split_parameters, tokens

SPICE, CDL = DIALECTS[DialectName.SPICE], DIALECTS[DialectName.CDL]


def lines(text: str, dialect: DialectName = DialectName.SPICE) -> list[tuple[int, str]]:
    return [(line.line, line.text) for line in logical_lines(text, DIALECTS[dialect])]


def test_continuations_cross_comments_and_blank_lines() -> None:
    text = "M1 d g\n* comment\n\n  + s b nch\n   \n*\n+w=1u\nR1 a b 1k"
    assert lines(text) == [(1, "M1 d g  s b nch w=1u"), (8, "R1 a b 1k")]


def test_a_continuation_of_nothing_is_dropped() -> None:
    assert lines("* title\n+ lost\nR1 a b 1k\n") == [(3, "R1 a b 1k")]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("R1 a b 1k $ comment", "R1 a b 1k"),
        ("R1 a b 1k ; comment", "R1 a b 1k"),
        ("R1 a b 1k;comment", "R1 a b 1k"),
        ("C1 a b 1f //x=0.435 //y=1", "C1 a b 1f"),
        ("R$1 a$b c 1k", "R$1 a$b c 1k"),
        ("R1 a b 1k $SUB=gnd! $[rpoly]", "R1 a b 1k $SUB=gnd! $[rpoly]"),
        ("R1 a b 1k $W=2u", "R1 a b 1k $W=2u"),
        ("C1 a b 1f $ **FLOATING", "C1 a b 1f"),
        (".include ../models//nch.sp", ".include ../models//nch.sp"),
        ("R1 a b 1k $", "R1 a b 1k"),
    ],
)
def test_inline_comments(line: str, kept: str) -> None:
    assert lines(line) == [(1, kept)]


@pytest.mark.parametrize("comment", ["* x", "; x", "$ x", "// x", "   ", "\t* x"])
def test_comment_lines_vanish(comment: str) -> None:
    assert lines(f"{comment}\nR1 a b 1k") == [(2, "R1 a b 1k")]


def test_star_directives_are_statements_in_cdl_and_comments_in_spice() -> None:
    text = "*.PININFO a:I\n*+ b:O\nM1 a b c d n"
    assert lines(text, DialectName.CDL) == [(1, "*.PININFO a:I"), (3, "M1 a b c d n")]
    assert lines(text) == [(3, "M1 a b c d n")]


def test_cdl_keeps_a_semicolon_and_a_glued_dollar() -> None:
    assert lines("R1 a;b c 1k $[rp] $ rest", DialectName.CDL) == [(1, "R1 a;b c 1k $[rp]")]


def test_dialects_are_told_by_their_directives() -> None:
    assert detect_dialect("* x\n*.PININFO a:I\n") is CDL
    assert detect_dialect("* x\n.subckt a b\n") is SPICE
    assert find_spectre("// x\n\nsimulator lang=spectre\n") == 3
    assert find_spectre("// x\nsubckt inv a y\nends inv\n") == 2
    assert find_spectre("subckt of nothing\n.subckt inv a y\n.ends\n") == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("M1 d g s b nch", ["M1", "d", "g", "s", "b", "nch"]),
        ("R1 a b '2 * r'", ["R1", "a", "b", "'2 * r'"]),
        ("R1 a b {2 * r}", ["R1", "a", "b", "{2 * r}"]),
        ("X1 a,b , c sub", ["X1", "a", "b", "c", "sub"]),
        ("Xr[63] net1[63] a<0> g!", ["Xr[63]", "net1[63]", "a<0>", "g!"]),
        ("a = 'b", ["a", "=", "'", "b"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert tokens(text) == words


@pytest.mark.parametrize(
    ("text", "head", "tail"),
    [
        ("M1 d g s b nch w=1u l=2u", "M1 d g s b nch ", "w=1u l=2u"),
        ("M1 d g s b nch w = 1u", "M1 d g s b nch ", "w = 1u"),
        ("R1 a b '1>=2 ? a : b' w=1", "R1 a b '1>=2 ? a : b' ", "w=1"),
        ("X1 a b sub params: w=1", "X1 a b sub ", "  w=1"),
        ("X1 a b sub m=2 PARAM:w=1", "X1 a b sub ", "m=2  w=1"),
        ("X1 a b sub", "X1 a b sub", ""),
        ("=1", "", "=1"),
    ],
)
def test_where_parameters_begin(text: str, head: str, tail: str) -> None:
    assert split_parameters(text) == (head, tail)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("W=1u L=2u", {"w": "1u", "l": "2u"}),
        ("w = 1u l= 2u", {"w": "1u", "l": "2u"}),
        ("w='a * 2' l={b + 1}", {"w": "'a * 2'", "l": "{b + 1}"}),
        ('w="a" l=3', {"w": '"a"', "l": "3"}),
        ("a = b * 2 c = 3", {"a": "b * 2", "c": "3"}),
        ("a=b*2 c=-3 d=1e-6 e=+2", {"a": "b*2", "c": "-3", "d": "1e-6", "e": "+2"}),
        ("w=max(a, b) l=2", {"w": "max(a, b)", "l": "2"}),
        ("w=(a + b)*2 l=2", {"w": "(a + b)*2", "l": "2"}),
        ("a = b>=c ? 1 : 2 d = 3", {"a": "b>=c ? 1 : 2", "d": "3"}),
        ("w=1u, l=2u", {"w": "1u", "l": "2u"}),
        ("w=1u off l=2u", {"w": "1u", "l": "2u"}),
        ("$W=1u $SUB=gnd!", {"w": "1u", "sub": "gnd!"}),
        ("ad='int((nf+1)/2) * W/nf' m=1", {"ad": "'int((nf+1)/2) * W/nf'", "m": "1"}),
        ("w=1u off", {"w": "1u"}),
        ("a.b=1", {"a.b": "1"}),
        ("w=", {}),
        ("=3", {}),
        ("", {}),
        ("nothing here", {}),
    ],
)
def test_assignments(text: str, expected: dict[str, str]) -> None:
    assert {name: expression for name, _, expression in assignments(text)} == expected


def test_function_definitions_have_argument_names() -> None:
    assert assignments("f(X, y) = 2*x+y a=1 g()=3") == [
        ("f", ("x", "y"), "2*x+y"),
        ("a", None, "1"),
        ("g", (), "3"),
    ]


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True), st.sampled_from(["1u", "'a + b'", "{c}"])
        ),
        max_size=6,
    ),
    st.sampled_from(["=", " = ", "= ", " ="]),
)
def test_assignments_read_back(pairs: list[tuple[str, str]], equals: str) -> None:
    text = " ".join(f"{name}{equals}{value}" for name, value in pairs)
    assert assignments(text) == [(name, None, value) for name, value in pairs]


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        ")",
        "'",
        '"',
        "{",
        "}",
        "a",
        "=",
        " ",
        "a(",
        "a=",
        "a-",
        "((a)",
        "f(x",
        "a,",
        "$",
        "-",
        "a ",
        "= (",
    ],
)
def test_long_lines_take_linear_time(unit: str) -> None:
    text = f"x a={unit * 60_000}"
    begin = time.perf_counter()
    for line in logical_lines(text, SPICE):
        split_parameters(line.text)
        assignments(line.text)
        tokens(line.text)
    assert time.perf_counter() - begin < 5.0
