"""Physical lines to logical lines to words and assignments.

Every function is linear in the length of its text, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from circuitgcl.netlist.dialects import Dialect


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """One statement, continuation lines joined."""

    line: int  # 1-based number of its first physical line
    text: str


def logical_lines(text: str, dialect: Dialect) -> Iterator[LogicalLine]:
    """Statements of a netlist text, without comments.

    A `+` line continues the statement before it, also across comment and blank lines; a `+` with nothing
    before it is dropped with the comments.
    """
    start = 0
    parts: list[str] = []
    comment = dialect.inline_comment if any(mark in text for mark in ("$", ";", "//")) else None
    for number, raw in enumerate(text.split("\n"), 1):
        stripped = raw.strip()
        if not stripped:
            continue
        if stripped[0] == "*" and not (dialect.star_directives and stripped.startswith("*.")):
            continue
        if comment is not None and (match := comment.search(stripped)):
            stripped = stripped[: match.start()].rstrip()
            if not stripped:
                continue
        if stripped[0] == "+":
            if parts:
                parts.append(stripped[1:])
            continue
        if parts:
            yield LogicalLine(start, " ".join(parts))
        start, parts = number, [stripped]
    if parts:
        yield LogicalLine(start, " ".join(parts))


_QUOTED = r"""'[^']*'|"[^"]*"|\{[^{}]*\}"""
_WORD = re.compile(rf"""{_QUOTED}|=|[^\s='"{{}},]+|['"{{}}]""")


def tokens(text: str) -> list[str]:
    """Words of a statement; quoted or braced expressions and `=` are words of their own.

    Commas separate like blanks, except inside quotes and braces.
    """
    return _WORD.findall(text)


_PARAMETERS_KEYWORD = re.compile(r"\bparams?\s*:", re.I)
_QUOTE = re.compile(r"""['"{]""")
_QUOTED_OR_EQUALS = re.compile(rf"{_QUOTED}|=")


def split_parameters(text: str) -> tuple[str, str]:
    """A card's text before its first `name=`, and from that name on.

    A `params:` keyword opens the second part as well, and is left out.
    """
    keyword = _PARAMETERS_KEYWORD.search(text) if ":" in text else None
    if keyword:
        head, before = split_parameters(text[: keyword.start()])
        return head, f"{before} {text[keyword.end() :]}"
    position = text.find("=")
    if position >= 0 and _QUOTE.search(text, 0, position):
        position = next((match.start() for match in _QUOTED_OR_EQUALS.finditer(text) if match[0] == "="), -1)
    if position < 0:
        return text, ""
    head = text[:position].rstrip()
    cut = max(head.rfind(" "), head.rfind("\t")) + 1
    return head[:cut], text[cut:]


Assignment = tuple[str, tuple[str, ...] | None, str]

_NEEDS_PARSING = re.compile(r"""['"{}()*/,?<>!&|:]""")
_PIECE = re.compile(rf"""{_QUOTED}|[<>!=]=|[^\s'"{{}}<>!=(),]+|\s+|.""", re.S)
_JOINING = frozenset("+-*/%^?:<>=&|!")


def assignments(text: str) -> list[Assignment]:
    """`name = expression` pairs of a parameter statement, in order; names in lower case.

    An unquoted expression may hold blanks round its operators (`.param a = b * 2`). A name with an argument
    list (`.param f(x) = 2*x`) comes with its argument names, otherwise the second item is `None`.
    """
    if not _NEEDS_PARSING.search(text):
        plain = _plain_assignments(text)
        if plain is not None:
            return plain
    found: list[Assignment] = []
    segments = _split_at_equals(text)
    name, arguments, _ = _trailing_name(segments[0])
    for segment in segments[1:-1]:
        next_name, next_arguments, expression = _trailing_name(segment)
        found.append((name, arguments, _leading_expression(expression)))
        name, arguments = next_name, next_arguments
    if len(segments) > 1:
        found.append((name, arguments, _leading_expression(segments[-1])))
    return [item for item in found if item[0] and item[2]]


def _plain_assignments(text: str) -> list[Assignment] | None:
    """The common case, words of the form `name=value`; `None` where it is not."""
    found: list[Assignment] = []
    for word in text.split():
        name, _, value = word.partition("=")
        name = name.lstrip("$")  # CDL: `$W=1u`
        if not value or "=" in value or not (name[:1].isalpha() or name[:1] == "_"):
            return None
        found.append((name.lower(), None, value))
    return found


def _split_at_equals(text: str) -> list[str]:
    """Text between the `=` that assign: outside quotes, braces and parentheses, in no comparison."""
    segments, begin, depth = [], 0, 0
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
        elif piece == "=" and depth == 0:
            segments.append(text[begin : match.start()])
            begin = match.end()
    segments.append(text[begin:])
    return segments


def _trailing_name(text: str) -> tuple[str, tuple[str, ...] | None, str]:
    """Name at the end of a text, its argument names if it has any, and what stands before it."""
    text = text.rstrip()
    arguments = None
    if text.endswith(")") and "(" in text:
        opening = text.rindex("(")
        arguments = tuple(text[opening + 1 : -1].replace(",", " ").lower().split())
        text = text[:opening].rstrip()
    begin = len(text)
    while begin and (text[begin - 1].isalnum() or text[begin - 1] in "_."):
        begin -= 1
    name = text[begin:]
    if not (name[:1].isalpha() or name[:1] == "_"):
        return "", None, text[:begin]
    return name.lower(), arguments, text[:begin]


def _leading_expression(text: str) -> str:
    """The expression a text begins with; blanks belong to it where an operator joins what they separate."""
    pieces = _PIECE.findall(text.strip())
    depth, taken = 0, 0
    for index, piece in enumerate(pieces):
        if depth == 0:
            if piece == ",":
                break
            if (
                piece.isspace()
                and pieces[index - 1][-1] not in _JOINING
                and pieces[index + 1][0] not in _JOINING
            ):
                break
        depth = max(0, depth + (piece == "(") - (piece == ")"))
        taken = index + 1
    return "".join(pieces[:taken])
