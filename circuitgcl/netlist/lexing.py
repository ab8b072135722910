"""Physical lines to logical lines to tokens."""

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

    A `+` line continues the statement before it, also across comment and blank lines; a `+` with nothing before
    it is dropped with the comments.
    """
    start, parts = 0, []
    comment = dialect.inline_comment
    for number, raw in enumerate(text.split("\n"), 1):
        stripped = raw.strip()
        if not stripped or (stripped[0] == "*" and not stripped.startswith("*.")):
            continue
        match = comment.search(stripped)
        if match:
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


_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|\{[^{}]*\}|=|[^\s='"{},]+|['"{}]""")
_EQUALS = re.compile(r"\s*=\s*")


def tokens(text: str) -> list[str]:
    """Words of a statement; quoted or braced expressions and `=` are words of their own.

    Commas separate like blanks, except inside parentheses that belong to an expression such as `max(a, b)`.
    """
    return _TOKEN.findall(text)


_ASSIGNMENT = re.compile(
    r"""([A-Za-z_][\w.]*)\s*(?:\(([\w\s,]*)\))?\s*=\s*('[^']*'|"[^"]*"|\{[^{}]*\}|(?:[^\s'"{}=()]|\((?:[^()]|\([^()]*\))*\))+(?:\s*[-+*/]\s*(?:[^\s'"{}=()]|\((?:[^()]|\([^()]*\))*\))+)*)"""
)


def assignments(text: str) -> list[tuple[str, tuple[str, ...] | None, str]]:
    """`name = expression` pairs of a parameter statement, in order.

    An unquoted expression may hold blanks round its operators (`.param a = b * 2`). A name with an argument list
    (`.param f(x) = 2*x`) comes with its argument names, otherwise the second item is `None`.
    """
    found = []
    for match in _ASSIGNMENT.finditer(text):
        arguments = match[2]
        names = None if arguments is None else tuple(arguments.replace(",", " ").lower().split())
        found.append((match[1].lower(), names, match[3]))
    return found


def split_parameters(text: str) -> tuple[str, str]:
    """A card's text before its first `name=`, and from that name on.

    A `params:` keyword opens the second part as well.
    """
    keyword = re.search(r"\bparams?\s*:", text, re.I)
    if keyword:
        return text[: keyword.start()], text[keyword.end() :]
    position = _first_equals(text)
    if position < 0:
        return text, ""
    head = text[:position].rstrip()
    cut = max(head.rfind(" "), head.rfind("\t"), head.rfind(")") if head.endswith(")") else -1)
    return head[: cut + 1], text[cut + 1 :]


def _first_equals(text: str) -> int:
    """Position of the first `=` outside quotes and braces, or -1."""
    closing = ""
    for position, character in enumerate(text):
        if closing:
            if character == closing:
                closing = ""
        elif character in "'\"{":
            closing = "}" if character == "{" else character
        elif character == "=":
            return position
    return -1
