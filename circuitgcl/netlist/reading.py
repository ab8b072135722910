"""The front door of the netlist room: files to one `Netlist`."""

from __future__ import annotations

import os
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from circuitgcl.errors import ConfigError, NetlistError, OnError, SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.dialects import (
    DIALECTS,
    Dialect,
    DialectName,
    Duplicates,
    Section,
    detect_dialect,
    language_sections,
)
from circuitgcl.netlist.lexing import Statements
from circuitgcl.netlist.parsing import Parser
from circuitgcl.netlist.records import Netlist
from circuitgcl.netlist.spectre import SpectreParser

MAX_INCLUDE_DEPTH = 32
MAX_FILES = 10_000
MAX_TEXT_BYTES = 4 << 30  # a gzip bomb stops here
_SECTION_KINDS = (".lib section", "section ")  # skipped, for nobody asked for them
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_PIECE = 1 << 16  # bytes
_SUFFIXES = (".gz", ".sp", ".spi", ".spice", ".cir", ".ckt", ".cdl", ".net", ".scs", ".sch")
_MODEL_FILE = re.compile(  # a library or sources without which a circuit keeps its topology
    r"(?:model|corner|stimul)[^/]*$|(?:^|/)models?/|(?:^|/)design\.(?:ngspice|xyce|hspice)$"
    r"|\.(?:lib|l|mod|mdl|pm\d?|nmos|pmos)(?:\.\w+)?$",
    re.I,
)
_OTHER_KINDS = (
    (re.compile(r"(?:\s*//[^\n]*\n)*\s*\*SPEF\b", re.I), "SPEF, an extraction result"),
    (
        re.compile(r"(?:(?:timestamp|version|tech|style|scale|resistclasses|parameters) [^\n]*\n){3}"),
        "a Magic .ext file, an extraction result",
    ),
    (re.compile(r"\s*(?:`timescale|module)\s"), "Verilog"),
    (re.compile(r"\s*(?:/\*|#include\b)"), "C source"),
    (re.compile(r"\s*<"), "HTML or XML"),
    (re.compile(r"\s*[\[{]\s*[\"{\[]"), "JSON"),
)


@dataclass(frozen=True, kw_only=True)
class NetlistConfig:
    """How netlists are read."""

    dialect: str = ""  # name of a dialect; detected from the text of each file when empty
    on_error: OnError = OnError.RAISE  # whether a statement that cannot be read is an error or is skipped

    def __post_init__(self) -> None:
        if self.dialect:
            _dialect_named(self.dialect)


def read_netlist(
    path: str | Path, *, dialect: DialectName | str | None = None, on_error: OnError | str = OnError.RAISE
) -> Netlist:
    """Read a netlist and everything it includes.

    Args:
        path: the netlist, plain or gzip'd (told by content).
        dialect: a dialect name; detected from the text of each file when absent.
        on_error: whether a statement that cannot be read ends the reading, or is listed among the skipped
            ones.

    Raises:
        NetlistError: the file cannot be read or is no netlist; the message names file and line.
        ConfigError: there is no such dialect.
    """
    path = Path(path)
    chosen = _dialect_named(dialect) if dialect else None
    text = read_text(path)
    rules = chosen or detect_dialect(text)
    assembly = Assembly(
        design_name(path),
        str(path),
        dialect=rules.name,
        case_sensitive=rules.case_sensitive,
        last_counts=rules.duplicates is Duplicates.LAST,
        on_error=OnError(on_error),
    )
    _Reader(assembly, chosen).read(_Source(path, _Text(text)), rules)
    if not assembly.cards:
        raise NetlistError(_without_cards(assembly), location=SourceLocation(str(path), 0))
    return assembly.finish()


def _without_cards(assembly: Assembly) -> str:
    """What to say of a file without any card."""
    if any(card.kind.startswith(_SECTION_KINDS) for card in assembly.skipped_cards):
        return "the file holds library sections only, which another file may ask for"
    if assembly.main.parameters or assembly.main.models:
        return "the file holds parameters and models only, no element and no subcircuit"
    return "no element and no subcircuit found; is this a SPICE netlist?"


def design_name(path: Path) -> str:
    """File name without netlist and compression suffixes."""
    name = path.name
    while Path(name).suffix.lower() in _SUFFIXES and Path(name).stem:
        name = Path(name).stem
    return name


def read_text(path: Path, origin: SourceLocation | None = None) -> str:
    """Text of a netlist file, decompressed, with single line feeds as line ends.

    Args:
        path: the file.
        origin: the statement that asked for the file, blamed when it is missing.

    Raises:
        NetlistError: missing, unreadable, empty, binary, or another kind of document.
    """
    here = SourceLocation(str(path), 0)
    data = read_bytes(path, origin)
    if not data.strip():
        raise NetlistError("the file is empty; expected a SPICE netlist", location=here)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _unix_lines(data.decode("utf-16", errors="replace"))
    if b"\x00" in data:
        raise NetlistError("the file is binary; expected the text of a SPICE netlist", location=here)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    for pattern, kind in _OTHER_KINDS:
        if pattern.match(text):
            raise NetlistError(
                f"the file is {kind}; expected a SPICE netlist", location=SourceLocation(str(path), 1)
            )
    return _unix_lines(text)


def read_bytes(path: Path, origin: SourceLocation | None = None) -> bytes:
    """Content of a file as it is, except that it is decompressed.

    Args:
        path: the file.
        origin: the statement that asked for the file, blamed when it is missing.

    Raises:
        NetlistError: missing, unreadable, or damaged gzip data.
    """
    data = _stored_bytes(path, origin)
    return _decompressed(data, SourceLocation(str(path), 0)) if data[:2] == _GZIP_MAGIC else data


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _stored_bytes(path: Path, origin: SourceLocation | None) -> bytes:
    place = origin or SourceLocation(str(path), 0)
    what = f"included file {path}" if origin else "the file"
    try:
        if path.is_char_device() or path.is_block_device():
            raise NetlistError(f"{what} is a device; expected a SPICE netlist", location=place)
        if origin and path.is_fifo():  # a shell gives a main file so, but here nobody may ever write to it
            raise NetlistError(f"{what} is a pipe; expected a SPICE netlist", location=place)
        return path.read_bytes()
    except FileNotFoundError:
        raise NetlistError(f"{what} does not exist", location=place) from None
    except IsADirectoryError:
        raise NetlistError(f"{what} is a directory; expected a SPICE netlist", location=place) from None
    except OSError as error:
        raise NetlistError(f"{what} cannot be read: {error.strerror}", location=place) from None


def _decompressed(data: bytes, here: SourceLocation) -> bytes:
    """Content of all gzip members, which may be followed by zero padding."""
    parts: list[bytes] = []
    room, position = MAX_TEXT_BYTES, 0
    while data[position : position + 1].strip(b"\x00") or data[position:].strip(b"\x00"):
        decompressor = zlib.decompressobj(wbits=31)
        while not decompressor.eof:
            piece = data[position : position + _GZIP_PIECE]  # small, lest what follows be copied every time
            if not piece:
                raise NetlistError("the gzip data is cut short", location=here)
            try:
                parts.append(decompressor.decompress(piece, room))
            except zlib.error as error:
                raise NetlistError(f"the gzip data is damaged: {error}", location=here) from None
            room -= len(parts[-1])
            if decompressor.unconsumed_tail or room <= 0:
                raise NetlistError(f"unpacks to more than {MAX_TEXT_BYTES >> 20} MiB", location=here)
            position += len(piece) - len(decompressor.unused_data)
    return b"".join(parts)


def _dialect_named(name: DialectName | str) -> Dialect:
    try:
        return DIALECTS[DialectName(name)]
    except ValueError:
        raise ConfigError(f"unknown dialect {str(name)!r}; known: {', '.join(DIALECTS)}") from None


class _StatementParser(Protocol):
    """What reads the statements of one language."""

    def parse(self, statements: Statements, *, title_line: int = 0) -> None: ...


class _Text:
    """The text of a file, with what is found in it once for all its sections."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: dict[Dialect, list[Section]] = {}
        self._dialects: dict[Dialect, Dialect] = {}

    def parts(self, dialect: Dialect) -> list[Section]:
        """Its parts by language."""
        if dialect not in self._parts:
            self._parts[dialect] = language_sections(self.text, dialect)
        return self._parts[dialect]

    def dialect(self, around: Dialect) -> Dialect:
        """Its dialect; where nothing tells, that of the file round it."""
        if around not in self._dialects:
            self._dialects[around] = detect_dialect(self.text, otherwise=around)
        return self._dialects[around]

    @cached_property
    def library_sections(self) -> dict[str, tuple[str, int, int]]:
        """Name, begin and end of the content of its library sections, by folded name."""
        found: dict[str, tuple[str, int, int]] = {}
        begin = _SECTION_BEGIN.search(self.text)
        while begin is not None:
            end = _SECTION_END.search(self.text, begin.end())
            stop = end.start() if end else len(self.text)
            found.setdefault(begin[1].casefold(), (begin[1], min(begin.end() + 1, stop), stop))
            begin = _SECTION_BEGIN.search(self.text, stop) if end else None
        return found


@dataclass(frozen=True, slots=True)
class _Source:
    """A file, or one section of a library file."""

    path: Path
    content: _Text
    section: str | None = None

    def span(self, origin: SourceLocation | None) -> tuple[int, int]:
        """Begin and end of what is to be read.

        Raises:
            NetlistError: the library has no such section.
        """
        if not self.section:
            return 0, len(self.content.text)
        sections = self.content.library_sections
        if self.section.casefold() not in sections:
            raise NetlistError(
                f"library {self.path.name} has no section {self.section}; "
                f"it has: {', '.join(name for name, _, _ in sections.values()) or 'none'}",
                location=origin,
            )
        return sections[self.section.casefold()][1:]


class _Reader:
    """Reads one netlist's files, each inside the one that includes it."""

    def __init__(self, assembly: Assembly, dialect: Dialect | None) -> None:
        self.assembly, self.dialect = assembly, dialect
        self.including: list[tuple[Path, str | None]] = []  # resolved, outermost first
        self.libraries: dict[Path, _Text] = {}  # files that are asked for section by section
        self.files = 0

    def read(self, source: _Source, dialect: Dialect, origin: SourceLocation | None = None) -> None:
        """Parse a file into the definitions that are open around it."""
        self.files += 1
        if self.files > MAX_FILES:
            raise NetlistError(f"more than {MAX_FILES:,} files are included", location=origin)
        start, stop = source.span(origin)
        path, text = str(source.path), source.content.text
        self.assembly.file_number(path)

        def include(name: str, section: str | None, location: SourceLocation) -> None:
            self.include(source.path.parent, name, section, location, dialect)

        self.including.append((source.path.resolve(), source.section))
        outer = self.assembly.mark()
        parsers: dict[DialectName, _StatementParser] = {}
        first = 0 if origin else text[: len(text) - len(text.lstrip())].count("\n") + 1
        parts = source.content.parts(dialect)
        for rules, begin, end, line in parts[bisect_right(parts, start, key=itemgetter(2)) :]:
            low, high = max(begin, start), min(end, stop)
            if low >= high:
                break
            if rules.name not in parsers:
                parsers[rules.name] = self._parser(rules, path, include)
            line += text.count("\n", begin, low)
            statements = Statements(text, rules, start=low, stop=high, line=line)
            parsers[rules.name].parse(statements, title_line=first)
        self.assembly.close_to(outer)
        self.including.pop()

    def _parser(
        self, rules: Dialect, path: str, include: Callable[[str, str | None, SourceLocation], None]
    ) -> _StatementParser:
        kind = SpectreParser if rules.name is DialectName.SPECTRE else Parser
        return kind(self.assembly, path, rules, include)

    def include(
        self, folder: Path, name: str, section: str | None, location: SourceLocation, around: Dialect
    ) -> None:
        """Read an included file.

        A model library that does not exist here is passed over with a warning, and so are a file named like
        one and a file of another machine: an absolute path, or one by an unknown variable. Any other missing
        file is an error.
        """
        statement = f".include {name}" if section is None else f".lib {name} {section}".rstrip()
        path = self._found(folder, name)
        if path is None:
            is_elsewhere = name.startswith(("/", "~", "$")) or _DRIVE.match(name) is not None
            is_needed = section is None and not is_elsewhere and not _MODEL_FILE.search(name)
            if is_needed and self.assembly.on_error is OnError.RAISE:
                raise NetlistError(f"included file {name} does not exist", location=location)
            self.assembly.skip(f"missing {statement}", location)
            self.assembly.warn(f"{location}: included file {name} does not exist; skipped")
            return
        resolved = path.resolve()
        if (resolved, section) in self.including:
            raise NetlistError(f"file {path.name} includes itself", location=location)
        if len(self.including) >= MAX_INCLUDE_DEPTH:
            raise NetlistError(
                f"includes are nested deeper than {MAX_INCLUDE_DEPTH} files", location=location
            )
        content = self.libraries.get(resolved) or _Text(read_text(path, location))
        if section:
            self.libraries[resolved] = content
        dialect = self.dialect
        if dialect is None or dialect.name is DialectName.SPECTRE:
            dialect = content.dialect(around)
        self.read(_Source(path, content, section), dialect, location)

    def _found(self, folder: Path, name: str) -> Path | None:
        """Where an included file is: beside the file that names it, or beside the main file.

        Of an absolute path that leads nowhere only the file name counts, since folders get moved as a whole.
        """
        try:
            wanted = Path(os.path.expanduser(os.path.expandvars(name)))  # noqa: PTH111 - leaves an unknown `~user`
            places = (folder, Path(self.assembly.path).parent)
            for place in places:
                if (place / wanted).exists():
                    return place / wanted
            opened = {path for path, _ in self.including}
            for place in places if wanted.is_absolute() else ():
                if (place / wanted.name).is_file() and (place / wanted.name).resolve() not in opened:
                    return place / wanted.name
        except (OSError, ValueError):  # a name the file system cannot take
            return None
        return None


_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SECTION_BEGIN = re.compile(
    r"^[ \t]*(?:\.lib[ \t]+|section[ \t]+(?:=[ \t]*)?)['\"]?([^\s'\"./\\]+)['\"]?[ \t]*(?:[$*;/].*)?$",
    re.I | re.M,
)
_SECTION_END = re.compile(r"^[ \t]*(?:\.endl|endsection)\b", re.I | re.M)
