"""Properties of expressions that hold for any text."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgcl.netlist.expressions import ExpressionError, Scope, constant, mentioned_names, unquoted
from circuitgcl.units import plain_number

VALUES = {"w": 2.0, "l": -0.5, "x.y": 3.0}
FUNCTIONS = {"f": (("x",), "x*w+1"), "r": (("n",), "n<1 ? 1 : r(n-1)+r(n-2)")}
SYMBOLS = "+ - * / ** ^ % \\ ( ) { } ' \" ? : , < > <= == != <> ! ~ & && | ||"
OPERANDS = "1 2.5 0 1e308 3u 10fF 1meg 2mil 1e .5 5. 1e99999 w l x.y a b nosuch pi"
CALLS = "f( r( max( if( limit( table( int( sqrt( exp( pow( gauss( str( v( nosuch("
PIECES = [" ", *SYMBOLS.split(), *OPERANDS.split(), *CALLS.split()]
texts = (
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
    | st.text(alphabet="0123456789abew+-*/%^()?:,<>!=&|.'\"{} \u00b5", max_size=40)
    | st.text(max_size=30)
)
operands = st.sampled_from(["w", "l", "x.y", "3", "0.25", "2k", "f(w)", "max(w, l)", "(w+1)", "(1>0?w:l)"])
operators = st.sampled_from(
    ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "&&", "||", "**", "^"]
)
LEVELS = ["||", "&&", "== != < <= > >=", "+ -", "* / %", "** ^"]
LEVEL = {operator: level for level, group in enumerate(LEVELS) for operator in group.split()}


def evaluate(text: str) -> float | None:
    """Value of a text, or `None` where it has none for a reason given in a short line."""
    try:
        value = Scope({"a": "b", "b": "w+1", "c": text}, VALUES, FUNCTIONS).evaluate(text)
    except ExpressionError as error:
        reason = str(error)
    else:
        assert type(value) is float
        assert math.isfinite(value)
        return value
    assert len(reason) < 400
    assert "\n" not in reason
    return None


@settings(max_examples=600, deadline=None)
@given(text=texts)
def test_any_text_has_a_value_or_a_reason(text: str) -> None:
    value = evaluate(text)
    number = constant(text)
    assert number is None or number == value
    assert number is None or plain_number(unquoted(text)) == number
    if value is not None and number is None and '"' not in text and "'" not in text:
        assert evaluate(f"({text})") == value
        assert evaluate(f"{{{text}}}") == value
    assert all(name == name.lower() for name in mentioned_names(text))


def grouped(parts: list[str], level: int = 0) -> str:
    """A chain `a + b * c ...` with a pair of parentheses round every operation."""
    cuts = [index for index in range(1, len(parts), 2) if LEVEL[parts[index]] == level]
    if len(parts) == 1:
        return parts[0]
    if not cuts:
        return grouped(parts, level + 1)
    last = cuts[-1]  # operators of one level go from left to right
    return f"({grouped(parts[:last], level)}{parts[last]}{grouped(parts[last + 1 :], level + 1)})"


chains = st.tuples(operands, st.lists(st.tuples(operators, operands), max_size=8)).map(
    lambda chain: [chain[0], *(part for pair in chain[1] for part in pair)]
)


@settings(max_examples=300, deadline=None)
@given(parts=chains)
def test_operators_group_by_precedence_from_left_to_right(parts: list[str]) -> None:
    assert evaluate("".join(parts)) == evaluate(grouped(parts))


@settings(max_examples=150, deadline=None)
@given(parts=chains, blanks=st.lists(st.sampled_from(["", " ", "\t "]), min_size=17, max_size=17))
def test_blanks_between_words_and_case_do_not_matter(parts: list[str], blanks: list[str]) -> None:
    spread = "".join(part + blank for part, blank in zip(parts, blanks, strict=False))
    assert evaluate(spread.upper()) == evaluate("".join(parts))


@settings(max_examples=150, deadline=None)
@given(parts=chains)
def test_a_parameter_stands_for_its_value(parts: list[str]) -> None:
    value = evaluate("".join(parts))
    if value is not None:
        assert Scope({"p": "".join(parts)}, VALUES, FUNCTIONS).evaluate("p+0") == value
        assert Scope({}, VALUES, FUNCTIONS).evaluate(f"1?{''.join(parts)}:1/0") == value
        assert mentioned_names("".join(parts)) <= {"w", "l", "x.y", "f"}


FOUND = [
    "\U000f0077" * 31,  # a message of a hundred escapes
    "nosuch" * 100,
    "max(1)",
]


@pytest.mark.parametrize("text", FOUND, ids=lambda text: re.sub(r"\W", "", text)[:10])
def test_texts_that_once_failed(text: str) -> None:
    evaluate(text)
