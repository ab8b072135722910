"""The text of a netlist, as its user wrote it, and what is put into a copy of it.

All that is not asked for stays byte for byte. Files that need a change are copied into the file that includes
them; names of other included files are adapted where the copy goes to another folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.netlist.dialects import DIALECTS, Dialect, DialectName, detect_dialect, language_sections
from circuitgcl.netlist.reading import read_bytes

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_OPENS = re.compile(r"[ \t]*\.(?:subckt|macro)\b", re.I)
_CLOSES = re.compile(r"[ \t]*\.(?:ends|eom)\b[ \t]*(?P<name>\S*)", re.I)
_SPECTRE_OPENS = re.compile(r"[ \t]*(?:inline[ \t]+)?(?:subckt|topckt)\b")
_SPECTRE_CLOSES = re.compile(r"[ \t]*ends\b[ \t]*(?P<name>\S*)")
_FILE_END = re.compile(r"[ \t]*\.(?:end|alter)\b", re.I)
_INCLUDE = re.compile(
    r"""(?P<head>[ \t]*(?:\.(?:include|incl|inc|lib)|(?:ahdl_)?include)[ \t]+)"""
    r"""(?:'(?P<single>[^'\r\n]+)'|"(?P<double>[^"\r\n]+)"|(?P<bare>[^\s'"]+))(?P<section>[^\r\n]*)""",
    re.I,
)
_COMMENTED_TOP = "**.subckt"


@dataclass(frozen=True, kw_only=True, eq=False)
class DeckFile:
    """One file of a netlist; lines are numbered from 1 and keep their line ends."""

    path: Path
    lines: Sequence[str]
    dialect: Dialect  # it begins in
    encoding: str

    @classmethod
    def read(cls, path: Path, dialect: Dialect | None = None, *, around: Dialect | None = None) -> DeckFile:
        """Read a file, plain or gzip'd.

        Args:
            path: the file.
            dialect: its dialect; detected when absent.
            around: the dialect of the file that includes it.

        Raises:
            NetlistError: the file cannot be read.
        """
        data = read_bytes(path)
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            encoding, text = "latin-1", data.decode("latin-1")
        if dialect is None:
            dialect = detect_dialect(text, around) if around else detect_dialect(text)
        return cls(
            path=path,
            lines=_LINE.findall(text),
            dialect=dialect,
            encoding="utf-8" if encoding == "utf-16" else encoding,
        )

    @cached_property
    def _sections(self) -> list[tuple[int, Dialect]]:
        """First line and dialect of each part, the last one first."""
        text = "".join(line.rstrip("\r\n") + "\n" for line in self.lines)
        parts = language_sections(text, self.dialect)
        return [(first, dialect) for dialect, _, _, first in reversed(parts)]

    def dialect_at(self, line: int) -> Dialect:
        """Dialect in which a line is read."""
        return next((dialect for first, dialect in self._sections if first <= line), self.dialect)

    def is_spectre(self, line: int) -> bool:
        """Whether a line is in the Spectre language."""
        return self.dialect_at(line).name is DialectName.SPECTRE

    def body_end(self, header: int, name: str) -> int:
        """Line that closes the definition whose header stands on a line.

        Raises:
            DataError: no definition begins there, or it has no end.
        """
        opens, closes = (_SPECTRE_OPENS, _SPECTRE_CLOSES) if self.is_spectre(header) else (_OPENS, _CLOSES)
        here = SourceLocation(str(self.path), header)
        if not 0 < header <= len(self.lines) or not opens.match(self.lines[header - 1]):
            raise DataError(
                f"subcircuit {name} does not begin here any more; the file has changed. Estimate it again.",
                location=here,
            )
        depth = 0
        for number in range(header, len(self.lines) + 1):
            line = self.lines[number - 1]
            if opens.match(line):
                depth += 1
            elif closing := closes.match(line):
                depth -= 1
                if depth <= 0 or closing["name"].casefold() == name.casefold():
                    return number
        raise DataError(f"subcircuit {name} has no end; expected an .ends card after it.", location=here)

    @cached_property
    def inner_headers(self) -> frozenset[int]:
        """Lines of the headers of definitions inside others."""
        found: list[int] = []
        depth = 0
        for number, line in enumerate(self.lines, start=1):
            if _OPENS.match(line) or _SPECTRE_OPENS.match(line):
                if depth:
                    found.append(number)
                depth += 1
            elif _CLOSES.match(line) or _SPECTRE_CLOSES.match(line):
                depth = max(0, depth - 1)
        return frozenset(found)

    @cached_property
    def end_line(self) -> int:
        """Line of the statement that ends the file, one after the last where there is none."""
        in_control = False
        for number, line in enumerate(self.lines, start=1):
            if line.lstrip()[:1] != ".":
                continue
            word = line.split(None, 1)[0].lower()
            in_control = word == ".control" or (in_control and not word.startswith(".endc"))
            if not in_control and _FILE_END.match(line) and not self.is_spectre(number):
                return number
        return len(self.lines) + 1

    def is_main_top(self, line: int) -> bool:
        """Whether a definition's location means the top level of the file: none, or a commented `.subckt`."""
        return line == 0 or (
            line <= len(self.lines) and self.lines[line - 1].lstrip().startswith(_COMMENTED_TOP)
        )


@dataclass(frozen=True, kw_only=True)
class Include:
    """An include statement."""

    line: int
    path: Path  # as found; need not exist
    is_whole_file: bool  # no section of a library


@dataclass(kw_only=True, eq=False)
class Deck:
    """A netlist of one or more files, and the changes that its copy shall have.

    Args:
        main: the main file.
        folder: where the copy goes.
    """

    main: DeckFile
    folder: Path
    files: dict[Path, DeckFile] = field(default_factory=dict)  # by resolved path
    _before: dict[tuple[Path, int], list[str]] = field(default_factory=dict)
    _replaced: dict[tuple[Path, int], tuple[int, list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files[self.main.path.resolve()] = self.main

    def file(self, path: str) -> DeckFile:
        """A file of the netlist, read once.

        Raises:
            NetlistError: it cannot be read.
        """
        key = Path(path).resolve()
        if key not in self.files:
            self.files[key] = DeckFile.read(Path(path), around=self.main.dialect)
        return self.files[key]

    def insert(self, file: DeckFile, line: int, text: Sequence[str]) -> None:
        """Put lines before a line of a file."""
        self._before.setdefault((file.path.resolve(), line), []).extend(text)

    def replace(self, file: DeckFile, first: int, last: int, text: Sequence[str]) -> None:
        """Put lines in the place of the lines from first to last."""
        self._replaced[file.path.resolve(), first] = last, list(text)

    def render(self) -> str:
        """The copy; bytes that are no UTF-8 are escaped as `surrogateescape` does it.

        Raises:
            DataError: a file to change is not included as a whole by the main file.
        """
        changed = {path for path, _ in (*self._before, *self._replaced)}
        placed: set[Path] = set()
        parts = list(self._rendered(self.main, changed, placed, {}))
        missing = changed - placed
        if missing:
            name = min(missing)
            raise DataError(
                f"{self.main.path}: {name.name} holds a subcircuit to annotate, but is not included as a "
                "whole file (a library section?). Annotate that file by itself."
            )
        return b"".join(parts).decode("utf-8", "surrogateescape")

    def rebased(self, file: DeckFile, line: str, number: int) -> str:
        """A line, with the name of the file that it includes as seen from the folder of the copy."""
        found = _INCLUDE.match(line)
        if found is None or self.folder.resolve() == file.path.parent.resolve():
            return line
        include = self._include(file, line, number)
        if include is None or not include.path.exists():
            return line
        kind = next(kind for kind in ("single", "double", "bare") if found[kind])
        path = str(include.path.resolve())
        if kind == "bare" and re.search(r"[\s'\"]", path):
            path = f'"{path}"'
        return line[: found.start(kind)] + path + line[found.end(kind) :]

    def _include(self, file: DeckFile, line: str, number: int) -> Include | None:
        """What a line includes by a relative name; `None` where it does not."""
        found = _INCLUDE.match(line)
        if found is None:
            return None
        name = found["single"] or found["double"] or found["bare"]
        is_library = found["head"].strip().lower() == ".lib"
        section = bool(found["section"].split("$")[0].split("*")[0].strip())
        if Path(name).is_absolute() or (is_library and not section and not re.search(r"[./\\]", name)):
            return None
        for folder in (file.path.parent, self.main.path.parent):
            if (folder / name).exists():
                return Include(line=number, path=folder / name, is_whole_file=not section)
        return None

    def _leads_to(self, path: Path, changed: set[Path], known: dict[Path, bool]) -> bool:
        """Whether a file, or one that it includes as a whole, is to be changed."""
        key = path.resolve()
        if key not in known:
            known[key] = key in changed  # for a file that includes itself
            file = self.file(str(path))
            known[key] |= any(
                self._leads_to(include.path, changed, known)
                for number, line in enumerate(file.lines, start=1)
                if (include := self._include(file, line, number)) is not None and include.is_whole_file
            )
        return known[key]

    def _rendered(
        self, file: DeckFile, changed: set[Path], placed: set[Path], known: dict[Path, bool]
    ) -> Iterator[bytes]:
        key = file.path.resolve()
        placed.add(key)
        number = 1
        while number <= len(file.lines):
            yield from _encoded(file, self._before.get((key, number), []))
            if (key, number) in self._replaced:
                last, lines = self._replaced[key, number]
                yield from _encoded(file, lines)
                number = last + 1
                continue
            line = file.lines[number - 1]
            if file is not self.main and number == file.end_line:
                return
            include = self._include(file, line, number) if changed - placed else None
            if (
                include is not None
                and include.is_whole_file
                and include.path.resolve() not in placed
                and self._leads_to(include.path, changed, known)
            ):
                yield from self._inlined(file, include, changed, placed, known)
            else:
                yield self.rebased(file, line, number).encode(file.encoding)
            number += 1
        inserted = self._before.get((key, number), [])
        if inserted and file.lines and not file.lines[-1].endswith(("\n", "\r")):
            yield b"\n"
        yield from _encoded(file, inserted)

    def _inlined(
        self,
        file: DeckFile,
        include: Include,
        changed: set[Path],
        placed: set[Path],
        known: dict[Path, bool],
    ) -> Iterator[bytes]:
        """An included file in the place of the statement that includes it."""
        inner = self.file(str(include.path))
        outside, inside = file.is_spectre(include.line), inner.dialect.name is DialectName.SPECTRE
        mark = "//" if outside else "*"
        switches = outside != inside or inner.is_spectre(len(inner.lines)) != inside
        yield from _encoded(file, [f"{mark} copied from {inner.path.name}:"])
        if outside != inside:
            yield from _encoded(file, [language_switch(inside)])
        yield from self._rendered(inner, changed, placed, known)
        if inner.lines and not inner.lines[-1].endswith(("\n", "\r")):
            yield b"\n"
        if switches:
            yield from _encoded(file, [language_switch(outside)])
        yield from _encoded(file, [f"{mark} end of {inner.path.name}"])


def language_switch(to_spectre: bool) -> str:
    """The statement that says in which language the following lines are."""
    return f"simulator lang={'spectre' if to_spectre else 'spice'}"


def _encoded(file: DeckFile, lines: Sequence[str]) -> Iterator[bytes]:
    return (f"{line}\n".encode(file.encoding, "replace") for line in lines)


def open_deck(path: str | Path, folder: Path, dialect: str = "") -> Deck:
    """The deck of a main file.

    Args:
        path: the main file.
        folder: where the copy goes.
        dialect: name of its dialect; detected when empty.

    Raises:
        NetlistError: the file cannot be read.
    """
    rules = DIALECTS[DialectName(dialect)] if dialect else None
    return Deck(main=DeckFile.read(Path(path), rules), folder=folder)
