"""Physical lines to logical lines to words and assignments.

Every function is linear in the length of its text, whatever the text is.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from circuitgcl.netlist.dialects import Dialect


class UnbalancedQuoteError(ValueError):
    """A quote or brace opens an expression that nothing closes."""


class LogicalLine(NamedTuple):
    """One statement, continuation lines joined."""

    line: int  # 1-based number of its first physical line
    text: str


class Statements(Iterator[LogicalLine]):
    """Statements of a netlist text, without comments.

    A `+` line continues the statement before it, also across comment and blank lines; a `+` with nothing
    before it is dropped with the comments. A line that ends with one of the dialect's joiners goes on with
    the next line; a comment in its place ends the statement, unless the comment ends with a joiner too.

    Args:
        text: the text of a file.
        dialect: its rules.
        start: where to begin, at the begin of a line.
        stop: where to end; the end of the text when absent.
        line: 1-based number of the line at `start`.

    Attributes:
        text: the text given.
        stop: where the statements end.
    """

    def __init__(
        self, text: str, dialect: Dialect, *, start: int = 0, stop: int | None = None, line: int = 1
    ) -> None:
        self.text, self.stop = text, len(text) if stop is None else stop
        self._place = _Place(start, line)  # apart, lest the scan refer to its owner and outlive it
        self._scan = _scan(text, self.stop, dialect, self._place)

    def __iter__(self) -> Iterator[LogicalLine]:
        return self._scan

    def __next__(self) -> LogicalLine:
        return next(self._scan)

    @property
    def position(self) -> int:
        """Where the first line of the next statement begins; nothing before it is looked at again."""
        return self._place.position

    @property
    def line(self) -> int:
        """1-based number of the line at `position`."""
        return self._place.line

    def skip_to(self, position: int, line: int) -> None:
        """Go on at the begin of another line, up to which the caller has read the text."""
        self._place.position, self._place.line = position, line


def logical_lines(text: str, dialect: Dialect) -> Iterator[LogicalLine]:
    """All statements of a text."""
    return iter(Statements(text, dialect))


class _Place:
    """Where in a text a scan stands; its owner may move it."""

    __slots__ = ("line", "position")

    def __init__(self, position: int, line: int) -> None:
        self.position, self.line = position, line


_GLUE = "\t"  # begins a line that continues the one before it without a blank; no stripped line begins so
_NO_STATEMENT = frozenset(("", "*", "+", _GLUE))


def _scan(text: str, stop: int, dialect: Dialect, place: _Place) -> Iterator[LogicalLine]:
    """Statements from a place on, which moves along: when one is yielded, to where the next begins."""
    new_line, no_statement, starred = tuple.__new__, _NO_STATEMENT, dialect.starred_statements
    while place.position < stop:
        position, line, number = place.position, place.line, 0
        statement, more = "", [""]
        for length, content in _physical_lines(text, position, stop, _Cleaner(dialect)):
            if content[:1] not in no_statement or (starred and content.startswith(starred)):
                if statement:
                    place.position, place.line = position, line
                    joined = "".join((statement, *more)) if more else statement
                    yield new_line(LogicalLine, (number, joined))
                    if place.position != position:
                        break
                statement, more, number = content, [], line
            elif statement and content and content[0] != "*":
                more.append(" " if content[0] == "+" else "")
                more.append(content[1:].lstrip())
            position += length + 1
            line += 1
        else:
            place.position, place.line = stop, line
            if statement:
                yield LogicalLine(number, "".join((statement, *more)))


_FIRST_CHUNK, _LARGEST_CHUNK = 1 << 11, 1 << 16


def _physical_lines(text: str, position: int, stop: int, cleaner: _Cleaner) -> Iterator[tuple[int, str]]:
    """Length of each line without its line feed, and what the line holds, as `_Cleaner` puts it.

    Lines are cut off in chunks, since that is fastest, of growing size, since a reader may soon skip ahead.
    """
    size = _FIRST_CHUNK
    while position < stop:
        end = text.rfind("\n", position, position + size) + 1 if position + size < stop else stop
        if not end:
            end = text.find("\n", position + size, stop) + 1 or stop
        chunk = text[position:end]
        lines = chunk.split("\n")
        if not lines[-1]:
            lines.pop()
        contents = map(cleaner if cleaner.is_needed(chunk) else str.strip, lines)
        yield from zip(map(len, lines), contents, strict=True)
        position, size = end, min(2 * size, _LARGEST_CHUNK)


_COMMENTED_TOP = "**.subckt"
_COMMENTED_PLUS = re.compile(r"\*{1,2}\+")
_DOUBLE_QUOTE = re.compile('"')


class _Cleaner:
    """Makes of physical lines what a scan understands.

    That is an empty text where nothing but a comment stands, `+` or `_GLUE` before what continues the line
    before, and else what begins a statement. Inline comments and joiners are gone.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._marks = dialect.comment_marks
        self._signs = *dialect.comment_marks, "\\", *set(dialect.starred_statements) & {_COMMENTED_TOP}
        self._joined = ""  # what to put before the next line because this one ends with a joiner
        self._in_top = False  # whether `*+` continues a commented `.subckt`

    def is_needed(self, chunk: str) -> bool:
        """Whether any line of a chunk is more than a statement, a `+` line or a `*` comment."""
        return bool(self._joined) or self._in_top or any(sign in chunk for sign in self._signs)

    def __call__(self, raw: str) -> str:
        """What a physical line holds."""
        content = raw.strip()
        for mark in self._marks:
            if mark in content:
                content = _without_comment(content, self._dialect)
                break
        if self._joined:
            return self._continuation(raw, content)
        if content[:1] == "*":
            return self._starred(content)
        self._in_top = False
        return self._without_joiner(content, within_quotes=False) if content[-1:] == "\\" else content

    def _continuation(self, raw: str, content: str) -> str:
        """A line after a joiner; a `*` or `+` in it is an operator unless it is the very first character."""
        sign, self._joined = self._joined, ""
        if raw[:1] == "+":
            content = content[1:].lstrip()
        if not content or raw[:1] == "*":
            self._joined = sign if self._joiner(raw.rstrip()) else ""
            return ""
        content = self._without_joiner(content, within_quotes=sign == _GLUE)
        if not content:
            self._joined = sign
            return ""
        return sign + content

    def _joiner(self, content: str) -> str:
        """The joiner at the end of a line, if there is one."""
        for joiner in self._dialect.joiners:
            if content.endswith(joiner) or content == joiner.strip():
                return joiner
        return ""

    def _without_joiner(self, content: str, *, within_quotes: bool) -> str:
        joiner = self._joiner(content)
        if not joiner:
            return content
        content = content[: -len(joiner)].rstrip()
        if content:
            glues = self._dialect.glues and within_quotes ^ _leaves_quotes_open(content)
            self._joined = _GLUE if glues else "+"
        return content

    def _starred(self, content: str) -> str:
        if _COMMENTED_TOP in self._signs:
            if content.startswith(_COMMENTED_TOP):
                self._in_top = True
                return content.replace(",", " ")
            sign = _COMMENTED_PLUS.match(content) if self._in_top else None
            if sign:
                return "+" + content[sign.end() :].replace(",", " ")
        return content


def _leaves_quotes_open(text: str) -> bool:
    return bool((text.count("'") + text.count('"')) % 2)


def _without_comment(content: str, dialect: Dialect) -> str:
    """A line up to its inline comment; double quotes protect what they enclose."""
    search = dialect.inline_comment.search
    comment = search(content)
    if comment and '"' in content:
        quotes = [match.start() for match in _DOUBLE_QUOTE.finditer(content)]
        while comment:
            before = bisect_left(quotes, comment.start())
            if before % 2 == 0 or before == len(quotes):
                break
            comment = search(content, quotes[before] + 1)
    return content[: comment.start()].rstrip() if comment else content


_INNER = r"\{(?:[^{}]++|\{[^{}]*+\})*+\}"
_QUOTED = rf"""'[^']*'|"[^"]*"|\{{(?:[^{{}}]++|{_INNER})*+\}}"""  # braces may nest three levels deep
_STRAY = frozenset("'\"{}")
_QUOTED_OR_STRAY = re.compile(rf"""{_QUOTED}|['"{{}}]""")
_WORD = re.compile(rf"""{_QUOTED}|=|[^\s='"{{}},]+|['"{{}}]""")


def tokens(text: str) -> list[str]:
    """Words of a statement; quoted or braced expressions and `=` are words of their own.

    Commas separate like blanks, except inside quotes and braces.

    Raises:
        UnbalancedQuoteError: a quote or brace is opened and not closed, or the other way round.
    """
    words: list[str] = _WORD.findall(text)
    if not _STRAY.isdisjoint(words):
        raise _unbalanced(text)
    return words


def _unbalanced(text: str) -> UnbalancedQuoteError:
    """What is wrong with a text whose quotes or braces do not pair."""
    stray = next(match for match in _QUOTED_OR_STRAY.finditer(text) if match[0] in _STRAY)
    return UnbalancedQuoteError(f"{stray[0]} is not balanced in {text[stray.start() :][:40]!r}")


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
    cut = max(len(head) - len(head.rsplit(None, 1)[-1]) if head else 0, head.rfind(",") + 1)
    return head[:cut], text[cut:]


Assignment = tuple[str, tuple[str, ...] | None, str]

_NEEDS_PARSING = re.compile(r"""['"{}()*/,?<>!&|:]""")
_PIECE = re.compile(rf"""{_QUOTED}|[<>!=]=|[^\s'"{{}}<>!=(),]+|\s+|.""", re.S)
_JOINING = frozenset("+-*/%^?:<>=&|!")


def assignments(text: str) -> list[Assignment]:
    """`name = expression` pairs of a parameter statement, in order; names in lower case.

    An unquoted expression may hold blanks round its operators (`.param a = b * 2`). A name with an argument
    list (`.param f(x) = 2*x`) comes with its argument names, otherwise the second item is `None`.

    Raises:
        UnbalancedQuoteError: as for `tokens`.
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
        elif piece in _STRAY:
            raise _unbalanced(text)
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
