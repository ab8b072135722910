from __future__ import annotations

import contextlib
import gc
import time
import tracemalloc
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist import lexing
from circuitgcl.netlist.dialects import DIALECTS, DialectName
from circuitgcl.netlist.lexing import (
    Statements,
    UnbalancedQuoteError,
    assignments,
    logical_lines,
    split_parameters,
    tokens,
)

SPICE = DIALECTS[DialectName.SPICE]


def lines(text: str, dialect: DialectName = DialectName.SPICE) -> list[tuple[int, str]]:
    return [(line.line, line.text) for line in logical_lines(text, DIALECTS[dialect])]


def test_continuations_cross_comments_and_blank_lines() -> None:
    text = "M1 d g\n* comment\n\n  + s b nch\n   \n*\n+w=1u\nR1 a b 1k"
    assert lines(text) == [(1, "M1 d g s b nch w=1u"), (8, "R1 a b 1k")]


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


def test_a_plus_glued_to_its_word_continues() -> None:
    assert lines("M1 d g s b nch\n+w=1u\n+\n+ l=2u") == [(1, "M1 d g s b nch w=1u  l=2u")]


def test_a_continuation_line_may_hold_only_a_comment() -> None:
    assert lines("Q1 c b e npn\n+ ; half the device\n+ 1.0\nR1 a b 1") == [
        (1, "Q1 c b e npn  1.0"),
        (4, "R1 a b 1"),
    ]


def test_double_quotes_protect_comment_marks() -> None:
    assert lines('.include "a $b;c//d" ; x') == [(1, '.include "a $b;c//d"')]
    assert lines('.title "a ; b') == [(1, '.title "a')]


def test_net_names_of_schematic_capture_begin_with_a_dollar() -> None:
    assert lines("R1 $N_0001 $G_DPWR 1k") == [(1, "R1 $N_0001 $G_DPWR 1k")]


@pytest.mark.parametrize("dialect", [DialectName.XYCE, DialectName.LTSPICE])
def test_a_dollar_is_no_comment_in_xyce_and_ltspice(dialect: DialectName) -> None:
    assert lines("R1 a $b 1k ; c", dialect) == [(1, "R1 a $b 1k")]


def test_a_backslash_joins_lines_in_spectre_but_ends_names_in_spice() -> None:
    text = "M1 (a b\\\n   c d) \\\n\\\n nmos w=1\nM2 (a b c d) nmos"
    assert lines(text, DialectName.SPECTRE) == [(1, "M1 (a b c d) nmos w=1"), (5, "M2 (a b c d) nmos")]
    assert lines("R1 a b\\\nR2 c d 1") == [(1, "R1 a b\\"), (2, "R2 c d 1")]


def test_a_backslash_inside_a_comment_before_another_comment_joins_nothing() -> None:
    text = (
        "r1 ( 1 2 ) resistor r=4.3 //w=0.3 \\\n //x=1.4\n"
        "r2 ( 1 2 ) resistor r=4.3 \\\n //x=1.4\n"
        "// heading \\\n// heading\nr3 ( 1 2 ) resistor r=1"
    )
    assert lines(text, DialectName.SPECTRE) == [
        (1, "r1 ( 1 2 ) resistor r=4.3"),
        (3, "r2 ( 1 2 ) resistor r=4.3"),
        (7, "r3 ( 1 2 ) resistor r=1"),
    ]


def test_a_commented_line_amid_joined_lines_is_passed_over() -> None:
    text = "M1 (a b c d) nmos \\\n// w=1 \\\n* w=2 \\\n l=3\nM2 (a b c d) nmos"
    assert lines(text, DialectName.SPECTRE) == [(1, "M1 (a b c d) nmos l=3"), (5, "M2 (a b c d) nmos")]


def test_operators_may_begin_a_joined_line() -> None:
    text = "parameters a=b \\\n * c \\\n + d \\\n+ e"
    assert lines(text, DialectName.SPECTRE) == [(1, "parameters a=b * c + d e")]


@pytest.mark.parametrize("dialect", [DialectName.SPICE, DialectName.HSPICE, DialectName.CDL])
def test_a_double_backslash_joins_lines(dialect: DialectName) -> None:
    assert lines("M1 a b c d n \\\\\n w=1\nR1 a b 1", dialect) == [(1, "M1 a b c d n w=1"), (3, "R1 a b 1")]


def test_hspice_joins_inside_quotes_without_a_blank() -> None:
    text = ".inc '/long/\\\\\n  path/x.sp'\n.param a='1 + \\\n  2' b=3 \\\n c=4"
    assert lines(text, DialectName.HSPICE) == [(1, ".inc '/long/path/x.sp'"), (3, ".param a='1 +2' b=3 c=4")]


def test_a_backslash_alone_joins_nothing_to_the_statement_before() -> None:
    assert lines("r1 a b resistor\n\\\nr2 a b resistor\n\\", DialectName.SPECTRE) == [
        (1, "r1 a b resistor"),
        (3, "r2 a b resistor"),
    ]


def test_the_commented_top_cell_of_xschem_is_a_statement() -> None:
    text = "** sch_path: x\n**.subckt top a,b,c\n*+ d,e\n*.ipin a\nR1 a b 1\n*+ 2\n**.ends\n**.end\n"
    assert lines(text, DialectName.XSCHEM) == [
        (2, "**.subckt top a b c d e"),
        (5, "R1 a b 1"),
        (7, "**.ends"),
    ]
    assert lines(text) == [(5, "R1 a b 1")]


def test_carriage_returns_and_a_missing_final_newline_do_not_matter() -> None:
    assert lines("R1 a b\r\n+ 1\r\nR2 a b 2") == [(1, "R1 a b 1"), (3, "R2 a b 2")]


def scan(text: str, dialect: DialectName = DialectName.SPICE, **range_: int) -> list[tuple[str, int, int]]:
    """Every statement with the position and line after it."""
    statements = Statements(text, DIALECTS[dialect], **range_)
    return [(statement.text, statements.position, statements.line) for statement in statements]


def test_the_position_after_a_statement_is_the_begin_of_the_next() -> None:
    text = "R1 a b\n* x\n+ 1\n* y\n\n  R2 a b 2\nR3 a b 3"
    second, third = text.index("  R2"), text.index("R3")
    assert scan(text) == [("R1 a b 1", second, 6), ("R2 a b 2", third, 7), ("R3 a b 3", len(text), 8)]


def test_a_scan_can_begin_and_end_amid_a_text() -> None:
    text = "R1 a b 1\nR2 a b 2\n* x\nR3 a b 3\n+ 4\n"
    begin, end = text.index("R2"), text.index("+ 4")
    assert scan(text, start=begin, stop=end, line=2) == [
        ("R2 a b 2", text.index("R3"), 4),
        ("R3 a b 3", end, 5),
    ]
    assert scan(text, start=end) == []


def test_a_reader_can_take_over_at_any_statement() -> None:
    text = "".join(f"R{i} a b {i}\n" for i in range(20_000))
    statements = Statements(text, SPICE)
    taken = [next(statements).text]
    for statement in statements:
        taken.append(statement.text)
        if statement.line % 100 == 50:  # 40 lines are read by someone else
            position = statements.position
            for _ in range(40):
                position = text.index("\n", position) + 1
            statements.skip_to(position, statements.line + 40)
    assert len(taken) == 20_000 - 200 * 40
    assert taken[:50] == [f"R{i} a b {i}" for i in range(50)]
    assert taken[50] == "R90 a b 90"
    assert (statements.position, statements.line) == (len(text), 20_001)


def test_a_reader_can_go_back_and_past_the_end() -> None:
    statements = Statements("R1 a b 1\nR2 a b 2\n", SPICE)
    assert next(statements).line == 1
    statements.skip_to(0, 1)
    assert next(statements).line == 1
    statements.skip_to(18, 3)
    assert next(statements, None) is None


LINES = st.sampled_from(
    [
        "R1 a b 1",
        "+ c=1",
        "* x",
        "*.PININFO a",
        "",
        "  X1 a \\",
        "// y \\",
        "\\",
        "a \\\\",
        "$ z",
        "'",
        "**.subckt t a,b",
    ]
)


@given(st.lists(LINES, max_size=12), st.sampled_from(list(DialectName)))
def test_statements_resume_at_their_positions(texts: list[str], dialect: DialectName) -> None:
    text = "\n".join(texts)
    whole = [(line.line, line.text) for line in logical_lines(text, DIALECTS[dialect])]
    resumed, position, line = [], 0, 1
    while True:
        statements = Statements(text, DIALECTS[dialect], start=position, line=line)
        found = next(statements, None)
        if found is None:
            break
        resumed.append((found.line, found.text))
        ended = statements.position == len(text) and not text.endswith("\n")
        assert statements.line == text.count("\n", 0, statements.position) + 1 + ended
        position, line = statements.position, statements.line
    assert resumed == whole


@given(st.lists(LINES, max_size=12), st.sampled_from(list(DialectName)), st.integers(1, 40))
def test_chunks_do_not_show(texts: list[str], dialect: DialectName, size: int) -> None:
    text = "\n".join(texts)
    expected = lines(text, dialect)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexing, "_FIRST_CHUNK", size)
        patch.setattr(lexing, "_LARGEST_CHUNK", size)
        assert lines(text, dialect) == expected


def test_lines_of_100k_characters_are_whole() -> None:
    long = "X1 " + "n " * 100_000 + "sub"
    text = f"R1 a b 1\n{long}\n+{' a=1' * 50_000}\nR2 a b 2\n"
    found = lines(text)
    assert [(number, len(line)) for number, line in found] == [(1, 8), (2, len(long) + 200_000), (4, 8)]
    assert found[1][1].startswith(long)


def test_memory_stays_flat_on_long_texts() -> None:
    text = "M1 d g s b nch w=1u\n" * 200_000
    tracemalloc.start()
    statements = sum(1 for _ in Statements(text, SPICE))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert statements == 200_000
    assert peak < 1 << 20


def test_an_abandoned_scan_lets_go_of_its_text() -> None:
    class Text(str):
        pass

    text = Text("R1 a b 1\nR2 a b 2\n")
    statements = Statements(text, SPICE)
    next(statements)
    gone = weakref.ref(text)
    gc.disable()
    try:
        del text, statements
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("function", [tokens, assignments])
@pytest.mark.parametrize("text", ["w='a", "w = {a + {b} l=1", "w=\"a l='b'", "w=1} l=(2"])
def test_unbalanced_quotes_are_refused(function: Callable[[str], object], text: str) -> None:
    with pytest.raises(UnbalancedQuoteError, match="not balanced"):
        function(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("M1 d g s b nch", ["M1", "d", "g", "s", "b", "nch"]),
        ("R1 a b '2 * r'", ["R1", "a", "b", "'2 * r'"]),
        ("R1 a b {2 * r}", ["R1", "a", "b", "{2 * r}"]),
        ("X1 a,b , c sub", ["X1", "a", "b", "c", "sub"]),
        ("Xr[63] net1[63] a<0> g!", ["Xr[63]", "net1[63]", "a<0>", "g!"]),
        ("R1 a b {a + {b}} w=1", ["R1", "a", "b", "{a + {b}}", "w", "=", "1"]),
        ("R1 a b {a*{{b}}u}", ["R1", "a", "b", "{a*{{b}}u}"]),
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
        ("X1 a,b,sub,w=1,l=2", "X1 a,b,sub,", "w=1,l=2"),
        ("X1 a b sub m =2", "X1 a b sub ", "m =2"),
        ("X1 a b sub PARAMS: m= 2", "X1 a b sub ", "  m= 2"),
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
        ("m =2 l= 3", {"m": "2", "l": "3"}),
        ("w=(a + b) l=max(a, b)*2", {"w": "(a + b)", "l": "max(a, b)*2"}),
        ("l=1u $W=2u $m=3", {"l": "1u", "w": "2u", "m": "3"}),
        ("1k Rser=1 Cpar=2p", {"rser": "1", "cpar": "2p"}),
        ("w={a + {b}} l=1", {"w": "{a + {b}}", "l": "1"}),
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
        "{a",
        "{{a",
        "a}{",
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
        for function in (split_parameters, assignments, tokens):
            with contextlib.suppress(UnbalancedQuoteError):
                function(line.text)
    assert time.perf_counter() - begin < 5.0
