"""Parameter expressions: text to value, as circuit simulators evaluate them.

Operators by rising precedence: `?:`, `||`, `&&`, `== !=`, `< <= > >=`, `+ -`, `* / %`, unary `+ - !`, `** ^`.
Names are case-insensitive; a text is parsed once and kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from circuitgcl.units import NUMBER_PATTERN, scaled

MAX_NESTING = 100
MAX_CALL_DEPTH = 64
MAX_CALLS = 10_000  # of user functions in one expression: they can double at every level

_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{NUMBER_PATTERN})|(?P<name>[A-Za-z_][\w.$#]*)"
    r"|(?P<operator>\*\*|&&|\|\||[=!<>]=|[-+*/%^()?:,<>!]))"
)


class ExpressionError(ValueError):
    """An expression cannot be parsed or evaluated."""


Node = tuple[object, ...]  # ("number", v) | ("name", s) | ("call", s, nodes) | (operator, nodes...)


def _sign(a: float, b: float | None = None) -> float:
    magnitude, source = (1.0, a) if b is None else (abs(a), b)
    return 0.0 if source == 0 else math.copysign(magnitude, source)


def _power(a: float, b: float) -> float:
    value = a**b
    if isinstance(value, complex):
        raise ExpressionError(f"{a:g} to the power {b:g} is not real")
    return float(value)


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "acos": math.acos,
    "asin": math.asin,
    "atan": math.atan,
    "atan2": math.atan2,
    "ceil": math.ceil,
    "cos": math.cos,
    "cosh": math.cosh,
    "db": lambda a: 20 * math.log10(abs(a)),
    "exp": math.exp,
    "floor": math.floor,
    "int": math.trunc,
    "ln": math.log,
    "log": math.log,
    "log10": math.log10,
    "max": max,
    "min": min,
    "nint": round,
    "pow": _power,
    "pwr": lambda a, b: _sign(1.0, a) * abs(a) ** b,
    "sgn": _sign,
    "sign": _sign,
    "sin": math.sin,
    "sinh": math.sinh,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
    "if": lambda c, a, b: a if c else b,
    "ternary_fcn": lambda c, a, b: a if c else b,
}
_CONSTANTS = {"pi": math.pi, "e": math.e, "true": 1.0, "false": 0.0, "temper": 27.0}

_BINARY: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "||": (1, lambda a, b: float(bool(a) or bool(b))),
    "&&": (2, lambda a, b: float(bool(a) and bool(b))),
    "==": (3, lambda a, b: float(a == b)),
    "!=": (3, lambda a, b: float(a != b)),
    "<": (4, lambda a, b: float(a < b)),
    "<=": (4, lambda a, b: float(a <= b)),
    ">": (4, lambda a, b: float(a > b)),
    ">=": (4, lambda a, b: float(a >= b)),
    "+": (5, lambda a, b: a + b),
    "-": (5, lambda a, b: a - b),
    "*": (6, lambda a, b: a * b),
    "/": (6, lambda a, b: a / b),
    "%": (6, math.fmod),
    "**": (8, _power),
    "^": (8, _power),
}
_UNARY: dict[str, Callable[[float], float]] = {
    "-": lambda a: -a,
    "+": lambda a: a,
    "!": lambda a: float(not a),
}


class _Parser:
    """Precedence climbing over the token list of one expression."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str | float]] = []
        position = 0
        text = text.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ExpressionError(f"unexpected {text[position]!r} in {text!r}")
            if match["number"] is not None:
                value = scaled(match["mantissa"], match["exponent"], match["suffix"])
                self.tokens.append(("number", value))
            elif match["name"] is not None:
                self.tokens.append(("name", match["name"].lower()))
            else:
                self.tokens.append(("operator", match["operator"]))
            position = match.end()
        self.text, self.index, self.nesting = text, 0, 0

    def peek(self) -> str | float | None:
        kind, value = self.tokens[self.index] if self.index < len(self.tokens) else ("", None)
        return value if kind == "operator" else None

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise ExpressionError(f"expected {expected!r} in {self.text!r}")
        self.index += 1

    def whole(self) -> Node:
        node = self.ternary()
        if self.index < len(self.tokens):
            raise ExpressionError(f"unexpected {self.tokens[self.index][1]!r} in {self.text!r}")
        return node

    def ternary(self) -> Node:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise ExpressionError(f"nested deeper than {MAX_NESTING} levels")
        node = self.binary(1)
        if self.peek() == "?":
            self.index += 1
            yes = self.ternary()
            self.take(":")
            node = ("?:", node, yes, self.ternary())
        self.nesting -= 1
        return node

    def binary(self, lowest: int) -> Node:
        node = self.unary()
        while True:
            operator = self.peek()
            if not isinstance(operator, str) or operator not in _BINARY or _BINARY[operator][0] < lowest:
                return node
            self.index += 1
            node = (operator, node, self.binary(_BINARY[operator][0] + 1))

    def unary(self) -> Node:
        signs: list[str] = []
        while isinstance(operator := self.peek(), str) and operator in _UNARY:
            self.index += 1
            signs.append(operator)
        node = self.primary()
        while self.peek() in ("**", "^"):  # binds tighter than a sign: -2**2 is -4
            operator = str(self.peek())
            self.index += 1
            node = (operator, node, self.unary())
        for sign in reversed(signs):
            node = ("unary", sign, node)
        return node

    def primary(self) -> Node:
        if self.index >= len(self.tokens):
            raise ExpressionError(f"{self.text!r} ends too early")
        kind, value = self.tokens[self.index]
        self.index += 1
        if kind == "number":
            return ("number", value)
        if kind == "name":
            return ("call", value, self.arguments()) if self.peek() == "(" else ("name", value)
        if value == "(":
            node = self.ternary()
            self.take(")")
            return node
        raise ExpressionError(f"unexpected {value!r} in {self.text!r}")

    def arguments(self) -> tuple[Node, ...]:
        self.take("(")
        nodes: list[Node] = []
        while self.peek() != ")":
            if nodes:
                self.take(",")
            nodes.append(self.ternary())
        self.take(")")
        return tuple(nodes)


@lru_cache(maxsize=65536)
def _parsed(text: str) -> Node:
    return _Parser(text).whole()


@lru_cache(maxsize=65536)
def constant(text: str) -> float | None:
    """Value of an expression that is one plain number, else `None`."""
    try:
        node = _parsed(unquoted(text))
    except (ExpressionError, RecursionError):
        return None
    return node[1] if node[0] == "number" and isinstance(node[1], float) and math.isfinite(node[1]) else None


def unquoted(text: str) -> str:
    """Expression text without the quotes or braces dialects put round it."""
    text = text.strip()
    while len(text) >= 2 and (text[0], text[-1]) in {("'", "'"), ("{", "}"), ('"', '"')}:
        text = text[1:-1].strip()
    return text


class Scope:
    """Parameters and functions visible at one place, evaluated when first asked for.

    Order of definition does not matter; a parameter that depends on itself is an error.
    """

    def __init__(
        self,
        expressions: Mapping[str, str],
        values: Mapping[str, float] | None = None,
        functions: Mapping[str, tuple[tuple[str, ...], str]] | None = None,
        parent: Scope | None = None,
    ) -> None:
        self._expressions = expressions
        self._values = dict(values or {})
        self._functions = functions or {}
        self._parent = parent
        self._pending: set[str] = set()
        self._calls = 0

    def evaluate(self, text: str) -> float:
        """Value of an expression in this scope.

        Raises:
            ExpressionError: bad syntax, an unknown name, a self-reference, or arithmetic without a real
                value.
        """
        self._calls = 0
        try:
            value = self._value(_parsed(unquoted(text)), {}, 0)
        except RecursionError as error:
            raise ExpressionError("parameters refer to each other too deeply") from error
        if not math.isfinite(value):
            raise ExpressionError(f"{text.strip()!r} has no finite value")
        return value

    def knows(self, name: str) -> bool:
        """Whether a parameter of this name is visible."""
        return (
            name in self._values
            or name in self._expressions
            or (self._parent.knows(name) if self._parent is not None else name in _CONSTANTS)
        )

    def lookup(self, name: str) -> float:
        """Value of a parameter, from this scope or the ones around it."""
        if name in self._values:
            return self._values[name]
        if name in self._expressions:
            if name in self._pending:
                raise ExpressionError(f"parameter {name!r} depends on itself")
            self._pending.add(name)
            try:
                self._values[name] = self.evaluate(self._expressions[name])
            finally:
                self._pending.discard(name)
            return self._values[name]
        if self._parent is not None:
            return self._parent.lookup(name)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        raise ExpressionError(f"unknown parameter {name!r}")

    def _function(self, name: str) -> tuple[tuple[str, ...], str] | None:
        if name in self._functions:
            return self._functions[name]
        return self._parent._function(name) if self._parent is not None else None

    def _value(self, node: Node, bound: Mapping[str, float], depth: int) -> float:
        head = node[0]
        if head == "number":
            return node[1]  # type: ignore[return-value]
        if head == "name":
            name = str(node[1])
            return bound[name] if name in bound else self.lookup(name)
        if head == "?:":
            branch = 2 if self._value(node[1], bound, depth) else 3  # type: ignore[arg-type]
            return self._value(node[branch], bound, depth)  # type: ignore[arg-type]
        try:
            if head == "call":
                return self._call(str(node[1]), node[2], bound, depth)  # type: ignore[arg-type]
            if head == "unary":
                return _UNARY[str(node[1])](self._value(node[2], bound, depth))  # type: ignore[arg-type]
            left = self._value(node[1], bound, depth)  # type: ignore[arg-type]
            right = self._value(node[2], bound, depth)  # type: ignore[arg-type]
            return _BINARY[str(head)][1](left, right)
        except (ArithmeticError, TypeError, ValueError) as error:
            if isinstance(error, ExpressionError):
                raise
            raise ExpressionError(f"cannot be computed: {error}") from error

    def _call(self, name: str, arguments: tuple[Node, ...], bound: Mapping[str, float], depth: int) -> float:
        values = [self._value(argument, bound, depth) for argument in arguments]
        user = self._function(name)
        if user is not None:
            parameters, body = user
            if len(parameters) != len(values):
                raise ExpressionError(f"{name}() takes {len(parameters)} arguments, found {len(values)}")
            self._calls += 1
            if depth >= MAX_CALL_DEPTH or self._calls > MAX_CALLS:
                raise ExpressionError(f"{name}() calls itself or others too often")
            return self._value(_parsed(unquoted(body)), dict(zip(parameters, values, strict=True)), depth + 1)
        if name not in _FUNCTIONS:
            raise ExpressionError(f"unknown function {name!r}")
        return float(_FUNCTIONS[name](*values))
