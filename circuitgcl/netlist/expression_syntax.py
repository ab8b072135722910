r"""Parameter expressions: text to instructions for a stack machine.

Precedence rises from `?:` over `||`, `&&`, comparisons, `+ -`, `* / % \` and the signs `+ - ! ~` to `** ^`:
-2**2 is -4. Operators of one level go from left to right, `**` too, as in ngspice (Xyce takes `**` from right
to left); only `?:` goes from right to left. `&`, `|` and `~` are the one-letter forms of PSpice, Xyce and
LTspice; `^` is a power, as in ngspice (LTspice: exclusive or). Quotes and braces inside an expression group
like parentheses.

Of `?:`, `if()`, `&&` and `||` only what matters is evaluated. Parsing needs no recursion, and its time is
proportional to the length of the text.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from circuitgcl.netlist.expression_functions import FUNCTIONS, ExpressionError, built_in
from circuitgcl.units import NUMBER_PATTERN, scaled

NUMBER, NAME, BINARY, UNARY, CALL, BRANCH, JUMP, AND, OR = range(9)
"""Kinds of instructions, with what stands beside them: value, name, function, function, (name, number of
arguments, what is built in for these), and for the last four the instruction to go to."""

Instruction = tuple[int, Any]

SHOWN_LENGTH = 60  # of an expression in a message


class Program(NamedTuple):
    """A parsed expression."""

    text: str
    code: tuple[Instruction, ...]
    names: frozenset[str]  # parameters mentioned
    functions: frozenset[str]  # functions called that are not built in


def shown(text: str) -> str:
    """Text as messages show it: quoted, cut where it is long."""
    quoted = repr(text[:SHOWN_LENGTH])
    if len(text) <= SHOWN_LENGTH and len(quoted) <= SHOWN_LENGTH + 2:
        return quoted
    return f"{quoted[: SHOWN_LENGTH - 2]}...{quoted[0]}"


def _integer_quotient(a: float, b: float) -> float:
    return float(math.trunc(a / b))


def _compared(compare: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda a, b: 1.0 if compare(a, b) else 0.0


_TERNARY, _OR, _AND, _COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER = range(1, 9)  # precedence

_TRUTH: Instruction = (UNARY, lambda a: 1.0 if a else 0.0)

_Infix = tuple[int, Instruction, int | None]  # precedence, what follows the right side, jump before it

_INFIX: dict[str, _Infix] = {
    **dict.fromkeys(("||", "|"), (_OR, _TRUTH, OR)),
    **dict.fromkeys(("&&", "&"), (_AND, _TRUTH, AND)),
    "==": (_COMPARISON, (BINARY, _compared(operator.eq)), None),
    **dict.fromkeys(("!=", "<>"), (_COMPARISON, (BINARY, _compared(operator.ne)), None)),
    "<": (_COMPARISON, (BINARY, _compared(operator.lt)), None),
    "<=": (_COMPARISON, (BINARY, _compared(operator.le)), None),
    ">": (_COMPARISON, (BINARY, _compared(operator.gt)), None),
    ">=": (_COMPARISON, (BINARY, _compared(operator.ge)), None),
    "+": (_SUM, (BINARY, operator.add), None),
    "-": (_SUM, (BINARY, operator.sub), None),
    "*": (_PRODUCT, (BINARY, operator.mul), None),
    "/": (_PRODUCT, (BINARY, operator.truediv), None),
    "%": (_PRODUCT, (BINARY, math.fmod), None),
    "\\": (_PRODUCT, (BINARY, _integer_quotient), None),
    **dict.fromkeys(("**", "^"), (_POWER, (BINARY, math.pow), None)),
}
_PREFIX: dict[str, Instruction] = {
    "-": (UNARY, operator.neg),
    "+": (UNARY, operator.pos),
    **dict.fromkeys("!~", (UNARY, lambda a: 0.0 if a else 1.0)),
}
_CLOSING = {"(": ")", "{": "}", "'": "'", '"': '"'}
_CONDITIONAL = frozenset({"if", "ternary_fcn"})


def _token_pattern(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"\s*(?:(?P<number>{NUMBER_PATTERN})|(?P<name>{name})(?P<call>\s*\()?"
        r"""|(?P<symbol>\*\*|&&|\|\||[=!<>]=|<>|[-+*/%\\^(){}?:,<>!~&|'"]))"""
    )


_TOKEN = _token_pattern(r"(?:[^\W\d]|[$#@])[\w.$#@]*")
_TOKEN_WITH_COLONS = _token_pattern(r"(?:[^\W\d]|[$#@])[\w.$#@]*(?::[\w.$#@]+)*")


class _Waiting:
    """An operator or a bracket that waits for what stands on its right."""

    __slots__ = ("address", "closing", "count", "function", "instruction", "precedence")

    def __init__(
        self,
        precedence: int = 0,
        instruction: Instruction | None = None,
        address: int | None = None,
        closing: str = "",
        function: str = "",
    ) -> None:
        self.precedence = precedence  # 0: a bracket
        self.instruction = instruction  # appended when the right side is there
        self.address = address  # of a jump over the right side
        self.closing = closing  # symbol that ends a bracket; `:` for the first branch of a ternary
        self.function = function  # whose arguments the bracket holds
        self.count = 0  # commas so far


class _Compiler:
    """Operator precedence over the tokens of one expression, in one pass."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code: list[Instruction] = []
        self.waiting: list[_Waiting] = []
        self.names: set[str] = set()
        self.functions: set[str] = set()

    def program(self) -> Program:
        """Parse the whole text."""
        token = (_TOKEN if "?" in self.text else _TOKEN_WITH_COLONS).match
        text, position, wants_operand = self.text, 0, True
        while position < len(text):
            match = token(text, position)
            if match is None:
                raise self.unexpected(text[position:].lstrip()[0])
            kind = match.lastgroup
            if kind == "symbol":
                symbol = match["symbol"]
                wants_operand = self.prefix(symbol) if wants_operand else self.infix(symbol)
            elif not wants_operand:
                raise self.unexpected(match[0].strip())
            elif kind == "number":
                self.code.append((NUMBER, scaled(*match.group("mantissa", "exponent", "suffix"))))
                wants_operand = False
            else:
                wants_operand = self.named(match["name"].lower(), kind == "call")
            position = match.end()
        self.close_down_to(1)
        if wants_operand:
            raise ExpressionError(f"{shown(text)} ends too early")
        if self.waiting:
            raise ExpressionError(f"expected {self.waiting[-1].closing!r} at the end of {shown(text)}")
        return Program(text, tuple(self.code), frozenset(self.names), frozenset(self.functions))

    def unexpected(self, found: str) -> ExpressionError:
        return ExpressionError(f"unexpected {shown(found)} in {shown(self.text)}")

    def close_down_to(self, precedence: int) -> None:
        """Finish the operators that bind at least as tightly as `precedence`."""
        while self.waiting and self.waiting[-1].precedence >= precedence:
            done = self.waiting.pop()
            if done.address is not None:
                self.land(done.address)
            if done.instruction is not None:
                self.code.append(done.instruction)

    def land(self, address: int) -> None:
        """Let a jump go to the next instruction."""
        self.code[address] = (self.code[address][0], len(self.code))

    def leap(self, kind: int) -> int:
        """Append a jump to a place not known yet; returns its address."""
        self.code.append((kind, None))
        return len(self.code) - 1

    # Each of the following takes one token and returns whether an operand must follow.

    def named(self, name: str, is_call: bool) -> bool:
        if not is_call:
            self.names.add(name)
            self.code.append((NAME, name))
        elif name == "str":
            raise ExpressionError(f"{shown(self.text)} is a text, not a number")
        else:
            self.waiting.append(_Waiting(closing=")", function=name))
            if name not in FUNCTIONS and name not in _CONDITIONAL:
                self.functions.add(name)
        return is_call

    def prefix(self, symbol: str) -> bool:
        """A symbol where an operand may begin."""
        top = self.waiting[-1] if self.waiting else None
        if symbol in _PREFIX:
            self.waiting.append(_Waiting(_SIGN, _PREFIX[symbol]))
            return True
        if symbol in _CLOSING:
            self.waiting.append(_Waiting(closing=_CLOSING[symbol]))
            return True
        if symbol == ")" and top is not None and top.function and not top.count:
            self.waiting.pop()
            self.call(top, 0)
            return False
        raise self.unexpected(symbol)

    def infix(self, symbol: str) -> bool:
        """A symbol after an operand."""
        if symbol in _INFIX:
            precedence, instruction, jump = _INFIX[symbol]
            self.close_down_to(precedence)
            address = None if jump is None else self.leap(jump)
            self.waiting.append(_Waiting(precedence, instruction, address))
            return True
        if symbol == "?":
            self.close_down_to(_TERNARY + 1)
            self.waiting.append(_Waiting(closing=":", address=self.leap(BRANCH)))
            return True
        return self.bracketed(symbol)

    def bracketed(self, symbol: str) -> bool:
        """A closing bracket, or what separates the parts inside brackets."""
        self.close_down_to(1)
        top = self.waiting[-1] if self.waiting else None
        if top is None or (symbol != top.closing and not (symbol == "," and top.function)):
            raise self.unexpected(symbol)
        if symbol == ",":
            top.count += 1
            if top.function in _CONDITIONAL:
                self.next_branch(top)
            return True
        self.waiting.pop()
        if symbol == ":":
            self.next_branch(top)
            self.waiting.append(_Waiting(_TERNARY, address=top.address))
            return True
        if top.function:
            self.call(top, top.count + 1)
        return False

    def next_branch(self, top: _Waiting) -> None:
        """After the condition of a conditional, or between its branches."""
        if top.address is None:
            top.address = self.leap(BRANCH)
            return
        over = self.leap(JUMP)
        self.land(top.address)
        top.address = over

    def call(self, top: _Waiting, count: int) -> None:
        name = top.function
        if name not in _CONDITIONAL:
            self.code.append((CALL, (name, count, built_in(name, count))))
        elif count != 3 or top.address is None:
            raise ExpressionError(f"{name}() takes 3 arguments, found {count}")
        else:
            self.land(top.address)


@lru_cache(maxsize=65536)
def parsed(text: str) -> Program:
    """Instructions of an expression text.

    Raises:
        ExpressionError: it is no expression.
    """
    return _Compiler(unquoted(text)).program()


def unquoted(text: str) -> str:
    """Expression text without the quotes or braces dialects put round it."""
    text = text.strip()
    while len(text) >= 2 and _CLOSING.get(text[0]) == text[-1] != ")" and text[-1] not in text[1:-1]:
        text = text[1:-1].strip()
    return text
