"""Bodies of definitions as text, and copies of them with more ports, capacitors and other masters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.netlist.lexing import logical_lines, split_parameters
from circuitgcl.netlist.spectre_spelling import with_escapes_hidden
from circuitgcl.parasitics.annotation.deck import DeckFile
from circuitgcl.parasitics.annotation.scopes import ScopedCapacitor

WIDTH = 100  # characters of a line that is written anew

_OPENS = re.compile(r"(?:\.(?:subckt|macro)|(?:inline\s+)?(?:subckt|topckt))\b", re.I)
_CLOSES = re.compile(r"(?:\.(?:ends|eom)|ends)\b", re.I)
_COMMENT = re.compile(r"\s*(?:[*$;]|//|\Z)")
_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|\{[^{}]*\}|[^\s'"{}]|['"{}])+""")
_MULTIPLIER = re.compile(r"(?<![\w.])m\s*=\s*(?!1(?:\.0*)?(?:\s|\Z))", re.I)
_SPECTRE_SPECIAL = re.compile(r"[^A-Za-z0-9_!]")
_HIDDEN = 0xE000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEdit:
    """How one instance of a body is to be changed."""

    name: str  # of the instance
    master: str  # the definition that it has
    new_master: str
    nodes: tuple[str, ...]  # nets of the body at its added ports


@dataclass(frozen=True, slots=True)
class _Statement:
    first: int  # line
    last: int
    text: str  # continuation lines joined, without comments


@dataclass(frozen=True, kw_only=True, eq=False)
class BodyText:
    """A definition in its file, or all of a main file.

    Args:
        file: the file.
        name: the definition.
        header: line of its header, 0 for the top level of the file.
        end: line that closes it; what is added goes before that line.
    """

    file: DeckFile
    name: str
    header: int
    end: int

    @classmethod
    def at(cls, file: DeckFile, name: str, line: int) -> BodyText:
        """The body of the definition that begins on a line; line 0 or a commented `.subckt` is the top level.

        Raises:
            DataError: there is no such definition any more.
        """
        if file.is_main_top(line):
            return cls(file=file, name=name, header=0, end=file.end_line)
        return cls(file=file, name=name, header=line, end=file.body_end(line, name))

    @property
    def is_spectre(self) -> bool:
        """Whether it is written in the Spectre language."""
        return self.file.is_spectre(max(1, min(self.end, len(self.file.lines))))

    @property
    def is_nested(self) -> bool:
        """Whether the definition stands inside another one of its file."""
        return self.header in self.file.inner_headers

    def spelled(self, name: str) -> str:
        """A name as the language of the body spells it."""
        return _SPECTRE_SPECIAL.sub(r"\\\g<0>", name) if self.is_spectre else name

    def location(self, line: int) -> SourceLocation:
        """A line of the file."""
        return SourceLocation(str(self.file.path), line)

    @cached_property
    def _statements(self) -> list[_Statement]:
        """Statements of the body itself, those of inner definitions left out."""
        begin, stop = self.header, min(self.end - 1, len(self.file.lines))
        dialect = self.file.dialect_at(max(1, min(self.end, len(self.file.lines))))
        text = "".join(line.rstrip("\r\n") + "\n" for line in self.file.lines[begin:stop])
        found = [(line + begin, content) for line, content in logical_lines(text, dialect)]
        statements: list[_Statement] = []
        depth = 0
        for (first, content), (following, _) in zip(found, [*found[1:], (stop + 1, "")], strict=True):
            depth += _OPENS.match(content) is not None
            if depth == 0:
                last = following - 1
                while last > first and _COMMENT.match(self.file.lines[last - 1]):
                    last -= 1
                statements.append(_Statement(first, last, content))
            depth = max(0, depth - (_CLOSES.match(content) is not None))
        return statements

    @cached_property
    def instances(self) -> Mapping[str, list[_Statement]]:
        """Statements by folded name of what they place."""
        found: dict[str, list[_Statement]] = {}
        for statement in self._statements:
            if statement.text[0] not in ".*":
                word = statement.text.split(None, 1)[0].split("(")[0]
                found.setdefault(self._folded(self._plain(word)), []).append(statement)
        return found

    def _plain(self, word: str) -> str:
        """A name without the escapes of Spectre."""
        return word.replace("\\", "") if self.is_spectre else word

    def _folded(self, name: str) -> str:
        """The form in which the language of the body compares names."""
        return name if self.is_spectre else name.casefold()

    def is_multiplied(self, instance: str) -> bool:
        """Whether an instance may stand for several parallel ones."""
        statements = self.instances.get(self._folded(instance), [])
        return any(_MULTIPLIER.search(split_parameters(statement.text)[1]) for statement in statements)

    @cached_property
    def has_multiplier(self) -> bool:
        """Whether the definition has a parameter `m`, with which simulators multiply what is inside."""
        return bool(self.header) and _MULTIPLIER.search(self._header_text[1]) is not None

    @cached_property
    def _card_stem(self) -> str:
        """Begin of names that no card of the body has."""
        stem, taken = "Cpar", [name.casefold() for name in self.instances]
        while any(name.startswith(stem.casefold()) for name in taken):
            stem += "_"
        return stem

    def cards(self, capacitors: Sequence[ScopedCapacitor], ground: str = "0") -> list[str]:
        """Cards of capacitors, named so that no card of the body has the name."""
        stem = self._card_stem
        lines = []
        for number, item in enumerate(capacitors, start=1):
            a = self.spelled(item.net_a)
            b = ground if item.net_b is None else self.spelled(item.net_b)
            lines.append(
                f"{stem}{number} ({a} {b}) capacitor c={item.farad!r}"
                if self.is_spectre
                else f"{stem}{number} {a} {b} {item.farad!r}"
            )
        return lines

    def replacements(self, edits: Sequence[ChildEdit]) -> Iterator[tuple[int, int, list[str]]]:
        """First and last line of every instance to change, and the lines that replace it.

        Raises:
            DataError: an instance cannot be found, or is not spelled plainly.
        """
        for edit in edits:
            statements = [
                statement
                for statement in self.instances.get(self._folded(edit.name), [])
                if self._folded(self._master(statement)) == self._folded(edit.master)
            ]
            if not statements:
                raise DataError(
                    f"instance {edit.name} of {edit.master} is no card of its own in {self.name} "
                    "(a vector?); expected one. Annotate for ngspice, which needs no change of the instance.",
                    location=self.location(self.header),
                )
            for statement in statements:
                yield statement.first, statement.last, _wrapped(self._edited(statement, edit))

    def _parts(self, statement: _Statement) -> tuple[str, str, str]:
        """Text up to the master, the master, and what follows; escaped characters are hidden."""
        text = with_escapes_hidden(statement.text) if self.is_spectre else statement.text
        if self.is_spectre and (match := _PARENTHESISED.match(text)):
            return match[1], match[2], match[3]
        head, rest = split_parameters(text)
        before, master = ["", *head.rsplit(None, 1)][-2:]
        return before, master.rstrip(), rest

    def _master(self, statement: _Statement) -> str:
        return self._plain(_shown(self._parts(statement)[1]))

    def _edited(self, statement: _Statement, edit: ChildEdit) -> str:
        before, _, rest = self._parts(statement)
        nodes = " ".join(self.spelled(node) for node in edit.nodes)
        before = before.rstrip()
        if nodes and before.endswith(")"):
            before = f"{before[:-1].rstrip()} {nodes})"
        elif nodes and before.split()[-1] == "/":
            before = f"{before[:-1].rstrip()} {nodes} /"
        elif nodes:
            before = f"{before} {nodes}"
        parameters = _with_keyword(rest, statement.text)
        return f"{_shown(before)} {self.spelled(edit.new_master)} {_shown(parameters)}".rstrip()

    def copy(
        self, name: str, ports: Sequence[str], cards: Sequence[str], edits: Sequence[ChildEdit]
    ) -> list[str]:
        """Lines of a copy under another name.

        Args:
            name: of the copy.
            ports: added after its ports.
            cards: added at its end.
            edits: of its instances.

        Raises:
            DataError: an instance cannot be changed.
        """
        replaced = {first: (last, lines) for first, last, lines in self.replacements(edits)}
        header_last, header = self._header(name, ports)
        lines = _wrapped(header)
        number = header_last + 1
        while number < self.end:
            if number in replaced:
                last, new = replaced[number]
                lines += new
                number = last + 1
            else:
                lines.append(self.file.lines[number - 1].rstrip("\r\n"))
                number += 1
        closing = "ends" if self.is_spectre else ".ends"
        return [*lines, *cards, f"{closing} {self.spelled(name)}"]

    @cached_property
    def _header_text(self) -> tuple[int, str]:
        """Last line and text of the header."""
        text = "".join(line.rstrip("\r\n") + "\n" for line in self.file.lines[self.header - 1 : self.end - 1])
        statements = logical_lines(text, self.file.dialect_at(self.header))
        content = next(statements).text
        following = next(statements, None)
        last = self.end - 1 if following is None else self.header + following.line - 2
        while last > self.header and _COMMENT.match(self.file.lines[last - 1]):
            last -= 1
        return last, content

    def _header(self, name: str, ports: Sequence[str]) -> tuple[int, str]:
        """Last line of the header, and the header of a copy."""
        last, content = self._header_text
        if content.lower().startswith("inline"):
            raise DataError(
                f"{self.name} is an inline subcircuit, of which no copy can be made under another name. "
                "Exclude its nets with --exclude.",
                location=self.location(self.header),
            )
        hidden = with_escapes_hidden(content) if self.is_spectre else content
        head, rest = split_parameters(hidden)
        words = head.replace("(", " ").replace(")", " ").split()
        added = [self.spelled(port) for port in ports]
        params = _with_keyword(rest, hidden)
        kept = [_shown(word) for word in words[2:]]
        return last, " ".join([words[0], self.spelled(name), *kept, *added, _shown(params)]).rstrip()


_PARAMETERS_KEYWORD = re.compile(r"\bparams?\s*:", re.I)
_PARENTHESISED = re.compile(r"(\S+\s*\([^()]*\))\s*([^\s(]+)(.*)\Z", re.S)


def _shown(text: str) -> str:
    """A text with its hidden characters escaped again."""
    return (
        text if text.isascii() else re.sub("[\ue000-\ue0ff]", lambda m: f"\\{chr(ord(m[0]) - _HIDDEN)}", text)
    )


def _with_keyword(parameters: str, statement: str) -> str:
    """Parameters of a statement, after the keyword `params:` where it has that."""
    keyword = _PARAMETERS_KEYWORD.search(statement) if ":" in statement else None
    return f"{keyword[0]} {parameters.strip()}" if keyword else parameters


def _wrapped(text: str) -> list[str]:
    """A statement in lines of bearable length."""
    lines, line = [], ""
    for word in _WORD.findall(text):
        if line and len(line) + len(word) >= WIDTH:
            lines.append(line)
            line = f"+ {word}"
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
