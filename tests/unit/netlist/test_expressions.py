from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgcl.netlist.expressions import ExpressionError, Scope, unquoted

EMPTY: dict[str, str] = {}


def value(text: str, **parameters: str) -> float:
    return Scope(parameters).evaluate(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1+2*3", 7.0),
        ("(1+2)*3", 9.0),
        ("2-3-4", -5.0),
        ("16/4/2", 2.0),
        ("2**3**2", 512.0),
        ("2^3", 8.0),
        ("-2**2", -4.0),
        ("2**-1", 0.5),
        ("7%4", 3.0),
        ("10%3", 1.0),
        ("-7%4", -3.0),
        ("1<2", 1.0),
        ("2<=1", 0.0),
        ("1+1==2", 1.0),
        ("1!=1", 0.0),
        ("1>2||3>2", 1.0),
        ("1>2 && 3>2", 0.0),
        ("1||0&&0", 1.0),
        ("!0+1", 2.0),
        ("1 ? 2 : 3", 2.0),
        ("0 ? 2 : 1 ? 4 : 5", 4.0),
        ("1>2 ? 1/0 : 7", 7.0),
        ("--3", 3.0),
        ("2u*3", 6e-6),
        ("1meg/1k", 1000.0),
        ("10fF", 1e-14),
        ("pi", math.pi),
        ("TEMPER", 27.0),
    ],
)
def test_operators(text: str, expected: float) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max(1, 2)", 2.0),
        ("min(3,2,1)", 1.0),
        ("int(2.9)", 2.0),
        ("int(-2.9)", -2.0),
        ("nint(2.6)", 3.0),
        ("floor(-0.5)", -1.0),
        ("ceil(0.5)", 1.0),
        ("sqrt(16)", 4.0),
        ("abs(-3)", 3.0),
        ("pow(2, 10)", 1024.0),
        ("pwr(-2, 3)", -8.0),
        ("sgn(-5)", -1.0),
        ("sgn(0)", 0.0),
        ("sign(3, -1)", -3.0),
        ("exp(0)", 1.0),
        ("ln(1)", 0.0),
        ("log10(1000)", 3.0),
        ("db(10)", 20.0),
        ("if(1>0, 4, 5)", 4.0),
        ("ternary_fcn(0, 4, 5)", 5.0),
        ("atan2(1, 1)", math.pi / 4),
        ("MAX(sqrt(4), min(1, 3))", 2.0),
    ],
)
def test_functions(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["'1+1'", "{1+1}", '"1+1"', "{ '1+1' }", " 1+1 "])
def test_quotes_and_braces_are_taken_off(text: str) -> None:
    assert value(text) == 2.0
    assert unquoted(text) == "1+1"


def test_parameters_refer_to_each_other_in_any_order_and_case() -> None:
    assert value("A+c", a="B*2", b="3", c="a-1") == 11.0


def test_an_inner_scope_hides_the_outer_one() -> None:
    outer = Scope({"w": "1", "l": "w*10"})
    inner = Scope({"k": "w+l"}, {"w": 5.0}, parent=outer)
    assert inner.evaluate("k") == 15.0  # l was defined outside, with the outer w
    assert inner.knows("l")
    assert not outer.knows("k")


def test_user_functions() -> None:
    functions = {"f": (("x",), "x*k"), "g": (("x", "y"), "{f(x)+y}"), "max": (("a", "b"), "a")}
    scope = Scope({"k": "3", "x": "100"}, functions=functions)
    assert scope.evaluate("g(2, 1)") == 7.0
    assert scope.evaluate("max(1, 2)") == 1.0  # a user's own function counts
    assert Scope(EMPTY, parent=scope).evaluate("f(4)") == 12.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch", "unknown parameter 'nosuch'"),
        ("nosuch(1)", "unknown function 'nosuch'"),
        ("1/0", "cannot be computed"),
        ("log(0)", "cannot be computed"),
        ("sqrt(-1)", "cannot be computed"),
        ("(-8)**0.5", "not real"),
        ("1e200*1e200", "no finite value"),
        ("9**9**9**9", "cannot be computed"),
        ("sqrt(1, 2)", "cannot be computed"),
        ("min()", "cannot be computed"),
        ("1+", "ends too early"),
        ("(1", "expected '\\)'"),
        ("1)", "unexpected '\\)'"),
        ("1 2", "unexpected 2"),
        ("1 ? 2", "expected ':'"),
        ("", "ends too early"),
        ("a[0]", "unexpected '\\['"),
        ("=", "unexpected '='"),
        ("1e" + "9" * 6000, "unexpected"),
        ("(" * 5000 + "1", "nested deeper"),
        ("2" + "**2" * 20000, "too deeply"),
        ("-" * 100_000, "ends too early"),
    ],
)
def test_located_reasons(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        value(text)


def test_a_comparison_after_a_name() -> None:
    assert value("a!=b", a="1", b="2") == 1.0


def test_a_self_reference_is_an_error_and_stays_one() -> None:
    scope = Scope({"a": "b+1", "b": "a"})
    for _ in range(2):
        with pytest.raises(ExpressionError, match="'a' depends on itself"):
            scope.evaluate("a")


def test_a_chain_too_long_for_the_stack_is_an_error() -> None:
    chain = {f"p{number}": f"p{number + 1}+1" for number in range(5000)} | {"p5000": "0"}
    assert Scope(chain).evaluate("p4900") == 100.0
    with pytest.raises(ExpressionError, match="too deeply"):
        Scope(chain).evaluate("p0")


def test_user_functions_that_never_end_are_errors() -> None:
    with pytest.raises(ExpressionError, match="too often"):
        Scope(EMPTY, functions={"f": (("x",), "f(x)")}).evaluate("f(1)")
    doubling = {f"f{n}": (("x",), f"f{n - 1}(x)+f{n - 1}(x)") for n in range(1, 60)} | {"f0": (("x",), "x")}
    with pytest.raises(ExpressionError, match="too often"):
        Scope(EMPTY, functions=doubling).evaluate("f59(1)")


def test_a_wrong_number_of_arguments() -> None:
    with pytest.raises(ExpressionError, match=r"f\(\) takes 1 arguments, found 2"):
        Scope(EMPTY, functions={"f": (("x",), "x")}).evaluate("f(1, 2)")


NAMES = {"a": 1.5, "b": -0.25, "w": 2e-6}
numbers = st.integers(0, 50).map(str) | st.sampled_from(["0.5", "2e-3", "1.25"])
leaves = numbers | st.sampled_from(sorted(NAMES))
arithmetic = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(" ".join)
        | inner.map(lambda text: f"({text})")
        | inner.map(lambda text: f"-{text}")
        | st.tuples(inner, st.sampled_from(["<", ">", "<=", ">=", "=="]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        )
        | st.tuples(inner, inner).map(lambda pair: f"max({pair[0]}, abs({pair[1]}))")
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(text=arithmetic)
def test_arithmetic_agrees_with_python(text: str) -> None:
    scope = Scope(EMPTY, NAMES)
    try:
        expected = float(eval(text, {"max": max, "abs": abs}, NAMES))
    except ZeroDivisionError:
        with pytest.raises(ExpressionError):
            scope.evaluate(text)
        return
    assert scope.evaluate(text) == expected


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(alphabet="0123456789abew+-*/%^()?:,<>!=&|.'{} \u00b5", max_size=40) | st.text(max_size=30)
)
def test_any_text_has_a_value_or_a_reason(text: str) -> None:
    try:
        result = Scope({"a": "b", "b": "w+1"}, {"w": 2.0}).evaluate(text)
    except ExpressionError:
        return
    assert math.isfinite(result)
