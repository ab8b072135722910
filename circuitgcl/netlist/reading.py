"""The front door of the netlist room: files to one `Netlist`."""

from __future__ import annotations

import zlib
from pathlib import Path

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.dialects import DIALECTS, Dialect, DialectName, detect_dialect, find_spectre
from circuitgcl.netlist.lexing import logical_lines
from circuitgcl.netlist.parsing import ParsedFiles, Parser
from circuitgcl.netlist.records import Netlist, SkippedCard, Subcircuit

MAX_INCLUDE_DEPTH = 32
MAX_FILES = 10_000
MAX_TEXT_BYTES = 4 << 30  # a gzip bomb stops here
_GZIP_MAGIC = b"\x1f\x8b"
_SUFFIXES = (".gz", ".sp", ".spi", ".spice", ".cir", ".ckt", ".cdl", ".net", ".scs", ".sch")


def read_netlist(path: str | Path, *, dialect: DialectName | str | None = None) -> Netlist:
    """Read a SPICE netlist and everything it includes.

    Args:
        path: the netlist, plain or gzip'd (told by content).
        dialect: a dialect name; detected from the text when absent.

    Raises:
        NetlistError: the file cannot be read or is no netlist; the message names file and line.
    """
    path = Path(path)
    chosen = _dialect_named(dialect) if dialect is not None else None
    main = Subcircuit(name=design_name(path), ports=(), defaults={}, location=SourceLocation(str(path), 0))
    parsed = ParsedFiles(main)
    _Reader(parsed, chosen).read(path)
    if not parsed.cards:
        raise NetlistError(
            "no element and no subcircuit found; is this a SPICE netlist?",
            location=SourceLocation(str(path), 0),
        )
    return Netlist(
        name=main.name,
        path=str(path),
        main=main,
        subcircuits=parsed.subcircuits,
        global_nets=tuple(parsed.global_nets),
        scale=parsed.scale,
        skipped_cards=tuple(parsed.skipped_cards),
        warnings=tuple(parsed.warnings),
    )


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
    data = _read_bytes(path, origin)
    if data[:2] == _GZIP_MAGIC:
        data = _decompressed(data, here)
    if not data.strip():
        raise NetlistError("the file is empty; expected a SPICE netlist", location=here)
    if b"\x00" in data:
        raise NetlistError("the file is binary; expected the text of a SPICE netlist", location=here)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        raise NetlistError(
            "the file is HTML or XML; expected a SPICE netlist", location=SourceLocation(str(path), 1)
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_bytes(path: Path, origin: SourceLocation | None) -> bytes:
    place = origin or SourceLocation(str(path), 0)
    what = f"included file {path}" if origin else "the file"
    try:
        if path.is_char_device() or path.is_block_device():
            raise NetlistError(f"{what} is a device; expected a SPICE netlist", location=place)
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
    room = MAX_TEXT_BYTES
    while data.rstrip(b"\x00"):
        decompressor = zlib.decompressobj(wbits=31)
        try:
            parts.append(decompressor.decompress(data, room))
        except zlib.error as error:
            raise NetlistError(f"the gzip data is damaged: {error}", location=here) from None
        room -= len(parts[-1])
        if decompressor.unconsumed_tail or room <= 0:
            raise NetlistError(f"unpacks to more than {MAX_TEXT_BYTES >> 20} MiB", location=here)
        if not decompressor.eof:
            raise NetlistError("the gzip data is cut short", location=here)
        data = decompressor.unused_data
    return b"".join(parts)


def _dialect_named(name: DialectName | str) -> Dialect:
    try:
        return DIALECTS[DialectName(name)]
    except ValueError:
        raise NetlistError(f"unknown dialect {name!r}; known: {', '.join(DIALECTS)}") from None


class _Reader:
    """Reads one netlist's files, each inside the one that includes it."""

    def __init__(self, parsed: ParsedFiles, dialect: Dialect | None) -> None:
        self.parsed, self.dialect = parsed, dialect
        self.including: list[Path] = []  # resolved, outermost first
        self.files = 0

    def read(
        self, path: Path, origin: SourceLocation | None = None, around: list[Subcircuit] | None = None
    ) -> None:
        """Parse a file into the definitions that are open around it."""
        text = read_text(path, origin)
        spectre = find_spectre(text)
        if spectre:
            raise NetlistError(
                "this is Spectre syntax; expected SPICE or CDL. Export the schematic in one of these",
                location=SourceLocation(str(path), spectre),
            )
        self.files += 1
        if self.files > MAX_FILES:
            raise NetlistError(f"more than {MAX_FILES:,} files are included", location=origin)
        dialect = self.dialect or detect_dialect(text)

        def include(name: str, location: SourceLocation, open_definitions: list[Subcircuit]) -> None:
            self.include(path.parent / _expanded(name), name, location, open_definitions)

        self.including.append(path.resolve())
        parser = Parser(self.parsed, str(path), dialect, include, around)
        title_line = 0 if origin else text[: len(text) - len(text.lstrip())].count("\n") + 1
        parser.parse(logical_lines(text, dialect), title_line=title_line)
        self.including.pop()

    def include(self, path: Path, name: str, location: SourceLocation, around: list[Subcircuit]) -> None:
        """Read an included file; an absolute path that leads nowhere on this machine is passed over."""
        if path.resolve() in self.including:
            raise NetlistError(f"file {path.name} includes itself", location=location)
        if len(self.including) >= MAX_INCLUDE_DEPTH:
            raise NetlistError(
                f"includes are nested deeper than {MAX_INCLUDE_DEPTH} files", location=location
            )
        if Path(name).is_absolute() and not _exists(path):
            self.parsed.skipped_cards.append(SkippedCard(kind=f".include {name}", location=location))
            self.parsed.warnings.append(
                f"{location}: included file {name} does not exist on this machine; skipped"
            )
            return
        self.read(path, location, around)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for the file system
        return False


def _expanded(name: str) -> Path:
    """Path of an included file with a leading `~/` replaced."""
    return Path.home() / name[2:] if name.startswith("~/") else Path(name)
