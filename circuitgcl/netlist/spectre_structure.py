"""The structural `if` of Spectre, and statements that go on to a closing brace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.lexing import LogicalLine
from circuitgcl.netlist.spectre_spelling import spice_expression

_BRANCH_WORD = re.compile(r"(?:if|else)(?!\w)")
_IF = re.compile(r"if\s*(?=\()")
_ELSE = re.compile(r"else(?!\w)\s*(?P<condition>if\s*(?=\())?")
_BRACE = re.compile(r'"[^"]*"|[{}]')
_PARENTHESIS = re.compile(r"[()]")
_JOINS_CONDITIONS = re.compile(r"\s*(?:&&|\|\||[=!<>]=|[<>])\s*(?=\()")


class _State(Enum):
    """How far the branch of an `if` has come."""

    EXPECTS_BODY = "what follows is its body"
    IN_BRACES = "its body is a list in braces"
    IS_COMPLETE = "an else may follow"


@dataclass(slots=True)
class _Branch:
    """The branch of an `if` that is being read."""

    state: _State = _State.EXPECTS_BODY
    is_last: bool = False  # the one after `else`


class Structure:
    """Takes lines apart into statements, and tells an assembly which conditions these stand under.

    The body of an `if` is one statement or a list in braces; an `else` belongs to the closest `if` without
    one.
    """

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self.branches: list[_Branch] = []

    def concerns(self, text: str) -> bool:
        """Whether a line is more than one plain statement."""
        return bool(self.branches) or "{" in text or "}" in text or _BRANCH_WORD.match(text) is not None

    def statements(
        self, text: str, location: SourceLocation, following: Iterator[LogicalLine]
    ) -> Iterator[str]:
        """Statements of a line, and of the lines that it needs up to its last closing brace.

        Raises:
            NetlistError: braces, parentheses or branches that do not fit together.
        """
        while text:
            if text[0] == "}":
                self._close_braces(location)
                text = text[1:].lstrip()
            elif text[0] == "{":
                self._open_braces(location)
                text = text[1:].lstrip()
            elif match := _IF.match(text):
                self.settle(location)
                condition, text = _condition(text[match.end() :], location)
                self.assembly.begin_condition(spice_expression(condition), location)
                self.branches.append(_Branch())
            elif match := _ELSE.match(text):
                text = self._else(text[match.end() :], bool(match["condition"]), location)
            else:
                self.settle(location)
                statement, text = _first_statement(text, location, following)
                yield statement
                self._complete()

    def settle(self, location: SourceLocation, *, before_else: bool = False) -> None:
        """End every `if` that can have no more branches, now that something else follows."""
        while self.branches and self.branches[-1].state is _State.IS_COMPLETE:
            if before_else and not self.branches[-1].is_last:
                return
            self.branches.pop()
            self.assembly.end_condition(location)
            self._complete()

    def _complete(self) -> None:
        """A statement has ended, and with it a branch that is not in braces."""
        if self._is(_State.EXPECTS_BODY):
            self.branches[-1].state = _State.IS_COMPLETE

    def _is(self, state: _State) -> bool:
        return bool(self.branches) and self.branches[-1].state is state

    def _else(self, rest: str, has_condition: bool, location: SourceLocation) -> str:
        self.settle(location, before_else=True)
        if not self._is(_State.IS_COMPLETE):
            raise NetlistError("an else without an if before it", location=location)
        condition = ""
        if has_condition:
            condition, rest = _condition(rest, location)
        self.assembly.begin_else(location, spice_expression(condition))
        self.branches[-1] = _Branch(is_last=not has_condition)
        return rest

    def _open_braces(self, location: SourceLocation) -> None:
        if not self._is(_State.EXPECTS_BODY):
            raise NetlistError("a { without an if, model or the like before it", location=location)
        self.branches[-1].state = _State.IN_BRACES

    def _close_braces(self, location: SourceLocation) -> None:
        self.settle(location)
        if not self._is(_State.IN_BRACES):
            raise NetlistError("a } without a { before it", location=location)
        self.branches[-1].state = _State.IS_COMPLETE


def _condition(text: str, location: SourceLocation) -> tuple[str, str]:
    """The condition that a text begins with, and what follows it."""
    end = 0
    while True:
        depth = 0
        for match in _PARENTHESIS.finditer(text, end):
            depth += 1 if match[0] == "(" else -1
            if depth == 0:
                end = match.end()
                break
        else:
            raise NetlistError("the condition of an if lacks its )", location=location)
        joint = _JOINS_CONDITIONS.match(text, end)
        if joint is None:
            return text[:end], text[end:].lstrip()
        end = joint.end()


def _first_statement(
    text: str, location: SourceLocation, following: Iterator[LogicalLine]
) -> tuple[str, str]:
    """The statement that a text begins with, with all lines up to its last brace, and what follows it."""
    parts: list[str] = []
    part, depth = text, 0
    while True:
        for match in _BRACE.finditer(part):
            if match[0] == "{":
                depth += 1
            elif match[0] == "}" and depth == 0:
                return part[: match.start()].rstrip(), part[match.start() :]
            elif match[0] == "}":
                depth -= 1
                if depth == 0:
                    return " ".join([*parts, part[: match.end()]]), part[match.end() :].lstrip()
        if depth == 0:
            return part, ""
        parts.append(part)
        line = next(following, None)
        if line is None:
            raise NetlistError("a { is not closed by the end of the file", location=location)
        part = line.text
