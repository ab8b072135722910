"""Functions and constants that simulators know in parameter expressions.

Union of ngspice (numparam), HSPICE, Spectre, Xyce, PSpice and LTspice. Where they differ:

- `log` is natural, as in ngspice, HSPICE, Spectre and LTspice (Xyce: base 10).
- `pwr(x, y)` is |x|**y, as in ngspice, PSpice and LTspice (HSPICE keeps the sign of x, as `pwrs` does here).
- `pow(x, y)` and `**` take any exponent (HSPICE: `pow` cuts it to an integer). Without a real value they are
  an error (ngspice: |x|**y; LTspice: the real part), and so are `sqrt` and `log` of negative numbers (HSPICE:
  of |x|, with the sign of x).
- `nint` rounds halves to even, as in ngspice; `round` rounds them away from zero, as in C.
- A statistical function is its nominal value: its first argument, or zero where LTspice gives it none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple


class ExpressionError(ValueError):
    """An expression cannot be parsed or evaluated."""


class NoValueError(ExpressionError):
    """An expression is sound, but depends on what has no value.

    That is a parameter that nothing defines, or signals, time or chance before a simulation runs.
    """


class Function(NamedTuple):
    """A function of parameter expressions."""

    evaluate: Callable[..., float]
    least: int  # arguments
    most: int | None  # `None`: any number


def _sign(a: float, b: float | None = None) -> float:
    magnitude, source = (1.0, a) if b is None else (abs(a), b)
    return 0.0 if source == 0 else math.copysign(magnitude, source)


def _decibels(a: float) -> float:
    return _sign(1.0, a) * 20 * math.log10(abs(a))


def _cube_root(a: float) -> float:
    return math.copysign(abs(a) ** (1 / 3), a)


def _rounded(a: float) -> float:
    return math.copysign(math.floor(abs(a) + 0.5), a)


def _limited(a: float, *bounds: float) -> float:
    """The middle one of three values; with one bound it is HSPICE's two-valued law, whose mean is `a`."""
    return sorted((a, *bounds))[1] if len(bounds) == 2 else a


def _table(a: float, *points: float) -> float:
    """Straight lines through points `x1, y1, x2, y2 ...`; level outside them."""
    xs, ys = points[::2], points[1::2]
    if len(xs) != len(ys) or any(after <= before for before, after in pairwise(xs)):
        raise ValueError("table() needs pairs x, y with rising x")
    if a <= xs[0]:
        return ys[0]
    for index in range(1, len(xs)):
        if a <= xs[index]:
            part = (a - xs[index - 1]) / (xs[index] - xs[index - 1])
            return ys[index - 1] + part * (ys[index] - ys[index - 1])
    return ys[-1]


_OF_ONE: dict[str, Callable[[float], float]] = {
    **dict.fromkeys(("abs", "fabs"), abs),
    **dict.fromkeys(("acos", "arccos"), math.acos),
    **dict.fromkeys(("acosh", "arccosh"), math.acosh),
    **dict.fromkeys(("asin", "arcsin"), math.asin),
    **dict.fromkeys(("asinh", "arcsinh"), math.asinh),
    **dict.fromkeys(("atan", "arctan"), math.atan),
    **dict.fromkeys(("atanh", "arctanh"), math.atanh),
    **dict.fromkeys(("int", "trunc", "truncate"), math.trunc),
    **dict.fromkeys(("ln", "log"), math.log),
    **dict.fromkeys(("u", "step", "stp"), lambda a: float(a > 0)),
    "buf": lambda a: float(a > 0.5),
    "cbrt": _cube_root,
    "ceil": math.ceil,
    "cos": math.cos,
    "cosh": math.cosh,
    "db": _decibels,
    "exp": math.exp,
    "flat": lambda a: 0.0,
    "floor": math.floor,
    "inv": lambda a: float(a <= 0.5),
    "log10": math.log10,
    "nint": round,
    "round": _rounded,
    "sgn": _sign,
    "sin": math.sin,
    "sinh": math.sinh,
    "sqr": lambda a: a * a,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
    "uramp": lambda a: max(a, 0.0),
}
_OF_TWO: dict[str, Callable[[float, float], float]] = {
    **dict.fromkeys(("fmod", "mod"), math.fmod),
    "atan2": math.atan2,
    "hypot": math.hypot,
    "mc": lambda a, tolerance: a,
    "pow": math.pow,
    "pwr": lambda a, b: math.pow(abs(a), b),
    "pwrs": lambda a, b: _sign(math.pow(abs(a), b), a),
}
FUNCTIONS: dict[str, Function] = {
    **{name: Function(evaluate, 1, 1) for name, evaluate in _OF_ONE.items()},
    **{name: Function(evaluate, 2, 2) for name, evaluate in _OF_TWO.items()},
    **dict.fromkeys(("agauss", "aunif", "unif"), Function(lambda a, *law: a, 2, None)),
    "gauss": Function(lambda a, *law: a if law else 0.0, 1, None),
    "limit": Function(_limited, 2, 3),
    "max": Function(lambda *values: max(values), 1, None),
    "min": Function(lambda *values: min(values), 1, None),
    "sign": Function(_sign, 1, 2),
    "table": Function(_table, 3, None),
}
"""Name in lower case -> function; `if` and `ternary_fcn` belong to the syntax: they skip an argument."""

BEHAVIOURAL = frozenset(
    {"absdelay", "ddt", "ddx", "delay", "i", "idt", "idtmod", "laplace", "noise", "par", "poly", "pwl"}
    | {"rand", "random", "sdt", "v", "val", "white"}
)
"""Functions of signals, time or chance, which have no value before a simulation runs."""

VARIABLES = frozenset({"freq", "hertz", "omega", "time"})
"""Names of what changes in a simulation, where the netlist defines no parameter of that name."""

_CELSIUS = 27.0  # nominal temperature of ngspice, Spectre, Xyce and LTspice; HSPICE has 25

CONSTANTS: dict[str, float] = {
    **dict.fromkeys(("pi", "m_pi"), math.pi),
    **dict.fromkeys(("e", "m_e"), math.e),
    **dict.fromkeys(("temp", "temper"), _CELSIUS),
    **dict.fromkeys(("boltz", "p_k"), 1.380649e-23),
    **dict.fromkeys(("echarge", "p_q"), 1.602176634e-19),
    **dict.fromkeys(("planck", "p_h"), 6.62607015e-34),
    "false": 0.0,
    "kelvin": -273.15,
    "m_1_pi": 1 / math.pi,
    "m_2_pi": 2 / math.pi,
    "m_2_sqrtpi": 2 / math.sqrt(math.pi),
    "m_degperrad": 180 / math.pi,
    "m_ln10": math.log(10),
    "m_ln2": math.log(2),
    "m_log10e": math.log10(math.e),
    "m_log2e": math.log2(math.e),
    "m_pi_2": math.pi / 2,
    "m_pi_4": math.pi / 4,
    "m_sqrt1_2": math.sqrt(0.5),
    "m_sqrt2": math.sqrt(2),
    "m_two_pi": 2 * math.pi,
    "p_c": 299792458.0,
    "p_celsius0": 273.15,
    "p_eps0": 8.8541878128e-12,
    "p_u0": 4e-7 * math.pi,
    "true": 1.0,
}
"""Name in lower case -> value, where the netlist defines no parameter of that name."""


def built_in(name: str, count: int) -> Callable[..., float] | None:
    """The built-in function for so many arguments."""
    function = FUNCTIONS.get(name)
    if function is None or count < function.least or (function.most is not None and count > function.most):
        return None
    return function.evaluate


def arity(name: str) -> str:
    """How many arguments a built-in function takes, in words."""
    _, least, most = FUNCTIONS[name]
    return f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
