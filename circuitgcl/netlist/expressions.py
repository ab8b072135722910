"""Parameter expressions: text to value, as circuit simulators evaluate them.

`expression_syntax` says how they are written, `expression_functions` which functions and constants there
are. Names compare without case. Evaluation needs no recursion: neither long expressions nor long chains of
parameters meet a limit of the stack, and what user functions may cost is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite, isnan

from circuitgcl.netlist.expression_functions import (
    BEHAVIOURAL,
    CONSTANTS,
    VARIABLES,
    ExpressionError,
    NoValueError,
    arity,
)
from circuitgcl.netlist.expression_syntax import (
    AND,
    BINARY,
    BRANCH,
    CALL,
    JUMP,
    NAME,
    NUMBER,
    OR,
    UNARY,
    Program,
    parsed,
    shown,
    unquoted,
)
from circuitgcl.units import plain_number

__all__ = ["ExpressionError", "NoValueError", "Scope", "constant", "mentioned_names", "unquoted"]

MAX_STEPS = 1_000_000  # of user functions in one evaluation, which may call themselves ...
CALL_STEPS = 100  # ... a call counting as so many instructions, besides those of the body

SHOWN_CIRCLE = 160  # of the names of parameters that depend on each other, in a message

_Key = tuple[float | str, ...]
_NO_KEY: _Key = ()
_POINT_IN_SUFFIX = re.compile(r"([-+]?\d+)(meg|[tgkrmunpf])(\d{1,2})", re.I)  # LTspice: `4k7`; no 2N2222

_Definition = tuple[tuple[str, ...], str]  # argument names and body of a user function


@lru_cache(maxsize=65536)
def constant(text: str) -> float | None:
    """Value of an expression that is one plain number, else `None`."""
    value = plain_number(text)
    if value is None and (bare := unquoted(text)) != text:
        text, value = bare, plain_number(bare)
    if value is None and (inner := _POINT_IN_SUFFIX.fullmatch(text)):
        whole, suffix, fraction = inner.groups()
        value = plain_number(f"{whole}.{fraction}{suffix if suffix not in 'rR' else ''}")
    return value if value is not None and isfinite(value) else None


def mentioned_names(text: str) -> frozenset[str]:
    """Names an expression mentions, in lower case: parameters, and functions that are not built in.

    A text that is no expression mentions nothing.
    """
    if constant(text) is not None:
        return frozenset()
    try:
        program = parsed(text)
    except ExpressionError:
        return frozenset()
    return program.names | program.functions


class Scope:
    """Parameters and functions visible at one place, evaluated when first asked for.

    Order of definition does not matter; a parameter that depends on itself is an error. The expression of a
    parameter sees the scope that defines it; the body of a function sees the scope that calls it, as if it
    were written there. Names come in lower case. A value that is not a number hides the parameters of its
    name around it, and cannot be used.
    """

    __slots__ = ("_expressions", "_functions", "_parent", "_values")

    def __init__(
        self,
        expressions: Mapping[str, str],
        values: Mapping[str, float] | None = None,
        functions: Mapping[str, _Definition] | None = None,
        parent: Scope | None = None,
    ) -> None:
        self._expressions = expressions
        self._values = dict(values or {})
        self._functions = functions or {}
        self._parent = parent

    def evaluate(self, text: str) -> float:
        """Value of an expression in this scope.

        Raises:
            NoValueError: an unknown name, or one whose value is not known before a simulation.
            ExpressionError: bad syntax, a self-reference, or arithmetic without a real and finite value.
        """
        value = self._values.get(text)  # the commonest expression is a name
        if value is None:
            value = constant(text)
        if value is None or isnan(value):
            return _evaluated(_Frame(parsed(text), self))
        return float(value)

    def knows(self, name: str) -> bool:
        """Whether a parameter of this name is visible."""
        scope: Scope | None = self
        while scope is not None:
            if scope.defines(name):
                return True
            scope = scope._parent
        return name in CONSTANTS

    def defines(self, name: str) -> bool:
        """Whether a parameter of this name is defined here, not in a scope around."""
        return name in self._values or name in self._expressions

    def lookup(self, name: str) -> float:
        """Value of a parameter, from this scope or the ones around it.

        Raises:
            ExpressionError: it is unknown or cannot be evaluated.
        """
        program = Program(name, ((NAME, name),), frozenset({name}), frozenset())
        return _evaluated(_Frame(program, self))

    def _resolve(self, name: str) -> float | _Frame:
        """Value of a parameter, or the frame of what must be evaluated first."""
        scope: Scope | None = self
        while scope is not None:
            value = scope._values.get(name)
            if value is not None:
                return value
            text = scope._expressions.get(name)
            if text is not None:
                value = constant(text)
                return _Frame(parsed(text), scope, name) if value is None else value
            scope = scope._parent
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in VARIABLES:
            raise NoValueError(f"{name!r} has no value before a simulation")
        raise NoValueError(f"unknown parameter {shown(name)}")

    def _function(self, name: str) -> _Definition | None:
        """A user function, from this scope or the ones around it."""
        scope: Scope | None = self
        while scope is not None:
            definition = scope._functions.get(name)
            if definition is not None:
                return definition
            scope = scope._parent
        return None


class _Frame:
    """A program under way: an expression, that of a parameter, or the body of a user function."""

    __slots__ = ("at", "is_function", "key", "known", "parameter", "program", "scope")

    def __init__(
        self,
        program: Program,
        scope: Scope,
        parameter: str = "",
        arguments: Mapping[str, float] | None = None,
        key: _Key = _NO_KEY,
    ) -> None:
        self.program = program
        self.scope = scope
        self.parameter = parameter
        self.key = (id(scope), parameter) if parameter else key  # tells it from others that run
        self.is_function = arguments is not None
        self.known = scope._values if arguments is None else arguments  # where names are sought first
        self.at = 0  # next instruction
        if program.functions:
            self.check_functions()

    def check_functions(self) -> None:
        """Refuse unknown functions before their arguments, which may be nets."""
        for name in self.program.functions:
            if self.scope._function(name) is None:
                if name in BEHAVIOURAL:
                    raise NoValueError(f"{name}() has no value before a simulation")
                raise ExpressionError(f"unknown function {shown(name)}")

    def advance(self, values: list[float]) -> _Frame | None:
        """Run until the end, or until another frame must run first; the value is left on the stack."""
        code, known, at = self.program.code, self.known, self.at
        end = len(code)
        while at < end:
            kind, what = code[at]
            at += 1
            if kind == NAME:
                value = known.get(what)
                found = self.scope._resolve(what) if value is None else value
                if isinstance(found, _Frame):
                    self.at = at
                    return found
                if isnan(found):
                    raise NoValueError(f"parameter {shown(what)} has no value")
                values.append(found)
            elif kind == NUMBER:
                values.append(what)
            elif kind == BINARY:
                right = values.pop()
                values[-1] = what(values[-1], right)
            elif kind == UNARY:
                values[-1] = what(values[-1])
            elif kind == CALL:
                name, count, evaluate = what
                user = self.scope._function(name)
                if user is not None:
                    self.at = at
                    return self.call(user, values, name, count)
                if evaluate is None:
                    raise ExpressionError(f"{name}() takes {arity(name)} arguments, found {count}")
                values[-count:] = (float(evaluate(*values[-count:])),)
            elif kind == JUMP or (kind == BRANCH and not values.pop()):
                at = what
            elif kind in (AND, OR):
                if bool(values[-1]) is (kind == OR):  # the first operand decides
                    at = what
                else:
                    values.pop()
        return None

    def call(self, user: _Definition, values: list[float], name: str, count: int) -> _Frame:
        """Take the arguments of a user function off the stack, and begin it."""
        names, text = user
        if len(names) != count:
            raise ExpressionError(f"{name}() takes {len(names)} arguments, found {count}")
        first = len(values) - count
        given = values[first:]
        del values[first:]
        arguments = dict(zip(names, given, strict=True))
        return _Frame(parsed(text), self.scope, arguments=arguments, key=(id(self.scope), id(user), *given))


def _evaluated(root: _Frame) -> float:
    """Value of an expression: its frame, and those it waits for, run on one stack of values."""
    values: list[float] = []
    waiting: list[_Frame] = []
    pending: set[_Key] = set()  # scope and name of the parameters under way
    results: dict[_Key, float] = {}  # of user functions, by scope, function and arguments
    steps, frame = 0, root
    while True:
        try:
            called = frame.advance(values)
        except (ArithmeticError, ValueError) as error:
            raise _located(error, frame) from error
        if called is None:
            if not isfinite(values[-1]) and not frame.is_function:
                raise _located(ExpressionError(f"{shown(frame.program.text)} has no finite value"), frame)
            if not waiting:
                return float(values[-1])
            if frame.parameter:
                pending.discard(frame.key)
                frame.scope._values[frame.parameter] = values[-1]
            elif frame.is_function:
                results[frame.key] = values[-1]
            frame = waiting.pop()
            continue
        if called.key in results:  # functions that call others twice would double the work at every level
            values.append(results[called.key])
            continue
        waiting.append(frame)
        if called.is_function:
            steps += CALL_STEPS + len(called.program.code)
            if steps > MAX_STEPS:
                raise ExpressionError("user functions call themselves or each other too often")
        elif called.key in pending:
            raise ExpressionError(_circle(waiting, called))
        else:
            pending.add(called.key)
        frame = called


def _circle(waiting: list[_Frame], again: _Frame) -> str:
    """How a parameter depends on itself."""
    keys = [frame.key for frame in waiting]
    names = [frame.parameter for frame in waiting[keys.index(again.key) :] if frame.parameter]
    circle = " -> ".join([*names, again.parameter])
    if len(circle) > SHOWN_CIRCLE:
        circle = f"{circle[: SHOWN_CIRCLE // 2]} ... {circle[-SHOWN_CIRCLE // 2 :]}"
    return f"parameter {shown(again.parameter)} depends on itself: {circle}"


def _located(error: ArithmeticError | ValueError, frame: _Frame) -> ExpressionError:
    """What went wrong in a frame."""
    kind = ExpressionError
    if isinstance(error, ExpressionError):
        kind, reason = type(error), str(error)
    else:
        what = "no real value"
        if isinstance(error, ZeroDivisionError):
            what = "division by zero"
        elif isinstance(error, OverflowError):
            what = "too large a number"
        reason = f"cannot be computed: {what} in {shown(frame.program.text)}"
    return kind(f"{reason} (in parameter {shown(frame.parameter)})" if frame.parameter else reason)
