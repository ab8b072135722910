from __future__ import annotations

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgcl.netlist.expressions import (
    ExpressionError,
    NoValueError,
    Scope,
    constant,
    mentioned_names,
    unquoted,
)

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
        ("2*3%4", 2.0),
        ("2**3**2", 64.0),  # from left to right, as in ngspice
        ("2^3", 8.0),
        ("-2**2", -4.0),
        ("(-2)**3", -8.0),
        ("2**-1", 0.5),
        ("2**-1*3", 1.5),
        ("2*-3**2", -18.0),
        ("7%4", 3.0),
        ("-7%4", -3.0),
        ("7\\2", 3.0),
        ("-7\\2", -3.0),
        ("1<2", 1.0),
        ("2<=1", 0.0),
        ("1+1==2", 1.0),
        ("3==3>2", 0.0),  # comparisons have one level
        ("1!=1", 0.0),
        ("1<>2", 1.0),
        ("1>2||3>2", 1.0),
        ("1>2 && 3>2", 0.0),
        ("1||0&&0", 1.0),
        ("2&&3", 1.0),
        ("0||5", 1.0),
        ("1>2 | 3>2", 1.0),
        ("1>2 & 3>2", 0.0),
        ("!0+1", 2.0),
        ("~1", 0.0),
        ("1 ? 2 : 3", 2.0),
        ("0 ? 2 : 1 ? 4 : 5", 4.0),
        ("1 ? 0 ? 1 : 2 : 3", 2.0),
        ("0?1:2+3", 5.0),
        ("(1?2:3)*10", 20.0),
        ("1>2 ? 1/0 : 7", 7.0),
        ("0 && 1/0", 0.0),
        ("1 || 1/0", 1.0),
        ("--3", 3.0),
        ("+3", 3.0),
        ("2--3", 5.0),
        ("2u*3", 6e-6),
        ("0.18u*2", 0.36e-6),
        ("1.5um", 1.5e-6),
        ("1e-6m", 1e-9),
        ("1meg/1k", 1000.0),
        ("10fF", 1e-14),
        ("2\u00b5 + 1\u03bcm", 3e-6),
        ("pi", math.pi),
        ("M_PI", math.pi),
        ("TEMPER", 27.0),
        ("{2*{1+1}}", 4.0),
        ("''1+1'*2'", 4.0),
        ("'1+1'*'2+1'", 6.0),
        ("{'1+1'*2}", 4.0),
        ('"1+1"*2', 4.0),
        ("9" * 100_000 + "e-99999", 10.0),
    ],
)
def test_operators(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max(1, 2)", 2.0),
        ("max(-3)", -3.0),
        ("min(3,2,1)", 1.0),
        ("int(2.9)", 2.0),
        ("int(-2.9)", -2.0),
        ("trunc(-2.9)", -2.0),
        ("truncate(2.9)", 2.0),
        ("nint(2.6)", 3.0),
        ("nint(2.5)", 2.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("floor(-0.5)", -1.0),
        ("ceil(0.5)", 1.0),
        ("sqr(3)", 9.0),
        ("sqrt(16)", 4.0),
        ("cbrt(-27)", -3.0),
        ("abs(-3)", 3.0),
        ("fabs(-3)", 3.0),
        ("pow(2, 10)", 1024.0),
        ("pow(-2, 3)", -8.0),
        ("pwr(-2, 3)", 8.0),
        ("pwrs(-2, 3)", -8.0),
        ("hypot(3, 4)", 5.0),
        ("fmod(7, 4)", 3.0),
        ("mod(-7, 4)", -3.0),
        ("sgn(-5)", -1.0),
        ("sgn(0)", 0.0),
        ("sign(3, -1)", -3.0),
        ("exp(0)", 1.0),
        ("ln(1)", 0.0),
        ("log(exp(2))", 2.0),
        ("log10(1000)", 3.0),
        ("db(10)", 20.0),
        ("db(-10)", -20.0),
        ("sin(pi/2) + cos(0) + tan(0)", 2.0),
        ("asin(1) + acos(1) + atan(0) + arctan(0)", math.pi / 2),
        ("atan2(1, 1)", math.pi / 4),
        ("sinh(0) + cosh(0) + tanh(0)", 1.0),
        ("asinh(0) + acosh(1) + atanh(0)", 0.0),
        ("if(1>0, 4, 5)", 4.0),
        ("if(0, 1/0, if(1, 2, nosuch))", 2.0),
        ("ternary_fcn(0, 4, 5)", 5.0),
        ("limit(5, 0, 2)", 2.0),
        ("limit(1, 2, 0)", 1.0),
        ("limit(5, 2)", 5.0),
        ("u(2) + u(0) + stp(1) + step(-1)", 2.0),
        ("uramp(2) + uramp(-2)", 2.0),
        ("buf(0.6) + buf(0.4)", 1.0),
        ("inv(0.6)", 0.0),
        ("table(1.5, 0, 0, 1, 10, 2, 30)", 20.0),
        ("table(-1, 0, 5, 1, 10)", 5.0),
        ("table(9, 0, 5, 1, 10)", 10.0),
        ("gauss(3, 0.1, 1)", 3.0),
        ("agauss(3, 0.1, 1)", 3.0),
        ("unif(3, 0.1) + aunif(3, 0.1)", 6.0),
        ("mc(3, 0.1)", 3.0),
        ("gauss(3) + flat(3)", 0.0),
        ("MAX(sqrt(4), min(1, 3))", 2.0),
    ],
)
def test_functions(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("text", ["'1+1'", "{1+1}", '"1+1"', "{ '1+1' }", " 1+1 "])
def test_quotes_and_braces_are_taken_off(text: str) -> None:
    assert value(text) == 2.0
    assert unquoted(text) == "1+1"


@pytest.mark.parametrize("text", ["'a'*'b'", "{a}+{b}", "(a)", "'"])
def test_only_a_pair_round_the_whole_is_taken_off(text: str) -> None:
    assert unquoted(text) == text


@pytest.mark.parametrize("name", ["a.b", "x1.w", "w$1", "n#2", "w@3", "x1:w", "$w", "\u03bcn", "_w1"])
def test_names(name: str) -> None:
    assert Scope(EMPTY, {name: 3.0}).evaluate(f"2*{name.upper()}+1") == 7.0
    assert mentioned_names(f"{name}*2") == {name}


def test_colons_belong_to_the_ternary_where_there_is_one() -> None:
    assert Scope(EMPTY, {"a": 1.0, "b": 2.0, "c": 3.0}).evaluate("a?b:c") == 2.0


def test_parameters_refer_to_each_other_in_any_order_and_case() -> None:
    assert value("A+c", a="B*2", b="3", c="a-1") == 11.0


def test_an_inner_scope_hides_the_outer_one() -> None:
    outer = Scope({"w": "1", "l": "w*10"})
    inner = Scope({"k": "w+l"}, {"w": 5.0}, parent=outer)
    assert inner.evaluate("k") == 15.0  # l was defined outside, with the outer w
    assert inner.lookup("k") == 15.0
    assert inner.knows("l")
    assert inner.knows("pi")
    assert not outer.knows("k")


def test_a_parameter_may_be_defined_by_its_outer_namesake() -> None:
    outer = Scope({"w": "v", "v": "3"})
    middle = Scope({"k": "w+1"}, parent=outer)
    assert Scope({"w": "k*2"}, parent=middle).evaluate("w") == 8.0


def test_user_functions() -> None:
    functions = {
        "f": (("x",), "x*k"),
        "g": (("x", "y"), "{f(x)+y}"),
        "max": (("a", "b"), "a"),
        "c": ((), "7"),
    }
    scope = Scope({"k": "3", "x": "100"}, functions=functions)
    assert scope.evaluate("g(2, 1)") == 7.0
    assert scope.evaluate("max(1, 2)") == 1.0  # a user's own function counts
    assert scope.evaluate("c()+c( )") == 14.0
    assert Scope(EMPTY, parent=scope).evaluate("f(4)") == 12.0
    assert Scope(EMPTY, {"k": 5.0}, parent=scope).evaluate("f(4)") == 20.0  # as if written where it is called


def test_a_function_sees_its_own_arguments_only() -> None:
    functions = {"f": (("x",), "g(1)+x"), "g": (("y",), "y*x")}
    assert Scope({"x": "100"}, functions=functions).evaluate("f(5)") == 105.0


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0.13u", set()),
        ("'2*W + int(l/1u)'", {"w", "l"}),
        ("a?b:c", {"a", "b", "c"}),
        ("if(a, f(b), c)", {"a", "b", "c", "f"}),
        ("(((", set()),
    ],
)
def test_mentioned_names(text: str, names: set[str]) -> None:
    assert mentioned_names(text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch", "^unknown parameter 'nosuch'$"),
        ("nosuch(1)", "unknown function 'nosuch'"),
        ("v(out,in)", r"v\(\) has no value before a simulation"),
        ("2*ddt(x)", r"ddt\(\) has no value before a simulation"),
        ("1/0", "cannot be computed: division by zero in '1/0'"),
        ("1%0", "cannot be computed"),
        ("log(0)", "cannot be computed"),
        ("sqrt(-1)", "no real value"),
        ("(-8)**0.5", "no real value"),
        ("0**-1", "cannot be computed"),
        ("exp(1000)", "too large a number"),
        ("1e200*1e200", "no finite value"),
        ("1e99999", "no finite value"),
        ("1e99999-1e99999", "no finite value"),
        ("int(1e999)", "too large a number"),
        ("9**9**9**9", "too large"),
        ("2" + "**2" * 20000, "too large"),
        ("sqrt(1, 2)", r"sqrt\(\) takes 1 arguments, found 2"),
        ("limit(1)", r"limit\(\) takes 2 to 3 arguments, found 1"),
        ("min()", r"min\(\) takes at least 1 arguments, found 0"),
        ("if(1, 2)", r"if\(\) takes 3 arguments, found 2"),
        ("if(1, 2, 3, 4)", r"if\(\) takes 3 arguments, found 4"),
        ("if()", r"if\(\) takes 3 arguments, found 0"),
        ("table(1, 2, 3, 2, 4)", "no real value"),
        ("table(1, 2, 3, 4)", "no real value"),
        ("str('nch')", "is a text, not a number"),
        ('"nch_lvt"', "unknown parameter 'nch_lvt'"),
        ('"two words"', "unexpected 'words' in 'two words'"),
        ("1+", "ends too early"),
        ("(1", "expected '\\)'"),
        ("1)", "unexpected '\\)'"),
        ("(1}", "unexpected '}'"),
        ("'1+{2'}", 'unexpected "\'"'),
        ("1 2", "unexpected '2'"),
        ("a b", "unexpected 'b'"),
        ("1,2", "unexpected ','"),
        ("(1,2)", "unexpected ','"),
        ("max(1,)", "unexpected '\\)'"),
        ("max(,1)", "unexpected ','"),
        ("()", "unexpected '\\)'"),
        ("1 ? 2", "expected ':'"),
        ("1 ? 2 : ", "ends too early"),
        ("1 : 2", "unexpected ':'"),
        ("max(1 ? 2, 3)", "unexpected ','"),
        ("", "ends too early"),
        ("''", "ends too early"),
        ("a[0]", "unexpected '\\['"),
        ("1=1", "unexpected '='"),
        ("0x10", "unexpected '10'"),
        ("4k789", "unexpected '789'"),
        ("1e" + "9" * 6000, "unexpected"),
        ("(" * 5000 + "1", "expected '\\)'"),
        ("-" * 100_000, "ends too early"),
    ],
)
def test_located_reasons(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        value(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["v(out)", "2*p", "a ? time : 1", "q", "1+i(v1)*HERTZ"])
def test_what_only_a_simulation_knows(text: str) -> None:
    scope = Scope({"p": "ddt(1)", "q": "p+1", "a": "1"})
    with pytest.raises(NoValueError, match="no value before a simulation"):
        scope.evaluate(text)
    assert Scope({"time": "3"}).evaluate("time") == 3.0


def test_the_reason_names_the_parameter_it_comes_from() -> None:
    scope = Scope({"a": "b+1", "b": "w/c", "c": "0", "d": "q*2"}, {"w": 1.0})
    with pytest.raises(ExpressionError, match=r"division by zero in 'w/c' \(in parameter 'b'\)$"):
        scope.evaluate("2*a")
    with pytest.raises(ExpressionError, match=r"unknown parameter 'q' \(in parameter 'd'\)$"):
        scope.evaluate("d")


def test_a_comparison_after_a_name() -> None:
    assert value("a!=b", a="1", b="2") == 1.0


def test_a_self_reference_is_an_error_and_stays_one() -> None:
    scope = Scope({"a": "b+1", "b": "c", "c": "a*2", "d": "a", "e": "e"})
    for _ in range(2):
        with pytest.raises(ExpressionError, match=r"^parameter 'a' depends on itself: a -> b -> c -> a$"):
            scope.evaluate("d")
    with pytest.raises(ExpressionError, match=r"'e' depends on itself: e -> e$"):
        scope.lookup("e")


def test_a_self_reference_through_a_function() -> None:
    with pytest.raises(ExpressionError, match="'a' depends on itself"):
        Scope({"a": "f(1)"}, functions={"f": (("x",), "x+a")}).evaluate("a")


def test_a_long_circle_is_cut_in_the_message() -> None:
    circle = {f"p{number}": f"p{(number + 1) % 5000}" for number in range(5000)}
    with pytest.raises(
        ExpressionError, match=r"^parameter 'p0' depends on itself: p0 -> p1 -> .* -> p0$"
    ) as caught:
        Scope(circle).lookup("p0")
    assert len(str(caught.value)) < 250


def test_a_long_chain_of_parameters() -> None:
    chain = {f"p{number}": f"p{number + 1}+1" for number in range(20_000)} | {"p20000": "0"}
    assert Scope(chain).evaluate("p0") == 20_000.0


def test_parameters_are_evaluated_once() -> None:
    doubling = {f"p{number}": f"p{number - 1}+p{number - 1}" for number in range(1, 60)} | {"p0": "1"}
    assert Scope(doubling).evaluate("p59") == 2.0**59


def test_user_functions_that_never_end_are_errors() -> None:
    with pytest.raises(ExpressionError, match="too often"):
        Scope(EMPTY, functions={"f": (("x",), "f(x)")}).evaluate("f(1)")
    tree = {f"f{n}": (("x",), f"f{n - 1}(2*x)+f{n - 1}(2*x+1)") for n in range(1, 60)} | {"f0": (("x",), "x")}
    with pytest.raises(ExpressionError, match="too often"):
        Scope(EMPTY, functions=tree).evaluate("f59(1)")
    long = "+".join(["x"] * 100_000)
    with pytest.raises(ExpressionError, match="too often"):
        Scope(EMPTY, functions={"f": (("x",), long)}).evaluate("+".join(f"f({n})" for n in range(100)))


def test_a_user_function_is_evaluated_once_for_its_arguments() -> None:
    doubling = {f"f{n}": (("x",), f"f{n - 1}(x)+f{n - 1}(x)") for n in range(1, 60)} | {"f0": (("x",), "x")}
    assert Scope(EMPTY, functions=doubling).evaluate("f59(3)") == 3 * 2.0**59
    outer = Scope({"p": "f(1)", "k": "10"}, functions={"f": (("x",), "x+k"), "g": (("k",), "f(1)+f(k)")})
    inner = Scope({"q": "f(1)+p", "k": "20"}, functions={"h": ((), "f(1)")}, parent=outer)
    assert inner.evaluate("q+h()+f(1)") == (21 + 11) + 21 + 21  # `f` sees the `k` of where it is called
    assert inner.evaluate("g(5)") == 21 + 25  # also inside a function with an argument of that name


def test_a_recursion_that_ends() -> None:
    factorial = {"f": (("n",), "n<2 ? 1 : n*f(n-1)")}
    assert Scope(EMPTY, functions=factorial).evaluate("f(10)") == math.factorial(10)


def test_a_wrong_number_of_arguments() -> None:
    with pytest.raises(ExpressionError, match=r"f\(\) takes 1 arguments, found 2"):
        Scope(EMPTY, functions={"f": (("x",), "x")}).evaluate("f(1, 2)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+".join(["0.5"] * 20_000), 10_000.0),
        ("-".join(["1"] * 50_000), -49_998.0),
        ("(" * 50_000 + "1" + ")" * 50_000, 1.0),
        ("-" * 50_000 + "1", 1.0),
        ("1?" * 20_000 + "7" + ":0" * 20_000, 7.0),
        ("0?1:" * 20_000 + "7", 7.0),
        ("max(" * 20_000 + "3" + ")" * 20_000, 3.0),
        ("max(" + ",".join(["1", "2"] * 20_000) + ")", 2.0),
        ("&&".join(["1"] * 30_000), 1.0),
        ("if(0,1," * 10_000 + "5" + ")" * 10_000, 5.0),
        (" " * 100_000 + "1" + " " * 100_000 + "+" + " " * 100_000 + "2", 3.0),
        ("a" * 100_000, 4.0),
    ],
    ids=lambda argument: argument[:12].strip() if isinstance(argument, str) else "",
)
def test_long_texts_cost_time_in_proportion(text: str, expected: float) -> None:
    scope = Scope(EMPTY, {"a" * 100_000: 4.0})
    start = time.process_time()
    assert scope.evaluate(text) == expected
    assert time.process_time() - start < 5  # quadratic cost would be minutes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.13u", 0.13e-6),
        ("'0.13u'", 0.13e-6),
        ("{ 1k }", 1000.0),
        ("-2k", -2000.0),
        (" 3 ", 3.0),
        ("w", None),
        ("1+1", None),
        ("2n2222", None),
        ("4k7", 4700.0),
        ("-1MEG5", -1.5e6),
        ("'2R2'", 2.2),
        ("1e999", None),
        ("", None),
    ],
)
def test_constants(text: str, expected: float | None) -> None:
    assert constant(text) == expected


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
