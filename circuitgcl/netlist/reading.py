"""The front door of the netlist room: files to one `Netlist`."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.dialects import DIALECTS, Dialect, DialectName, detect_dialect
from circuitgcl.netlist.lexing import logical_lines
from circuitgcl.netlist.parsing import ParsedFiles, Parser
from circuitgcl.netlist.records import Netlist, Subcircuit

MAX_INCLUDE_DEPTH = 32
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
    _read_file(path, parsed, chosen, [], None)
    if not parsed.cards:
        raise NetlistError(
            "no element and no subcircuit found; is this a SPICE netlist?", location=SourceLocation(str(path), 0)
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
    """Text of a netlist file, decompressed, with `\\n` line ends.

    Args:
        path: the file.
        origin: the statement that asked for the file, blamed when it is missing.

    Raises:
        NetlistError: missing, unreadable, empty, binary, or another kind of document.
    """
    here = SourceLocation(str(path), 0)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NetlistError(f"file {path} does not exist", location=origin) from None
    except OSError as error:
        raise NetlistError(f"file {path} cannot be read: {error.strerror}", location=origin) from None
    if data[:2] == _GZIP_MAGIC:
        data = _decompressed(data, here)
    if not data.strip():
        raise NetlistError("the file is empty; expected a SPICE netlist", location=here)
    if b"\x00" in data[:65536]:
        raise NetlistError("the file is binary; expected the text of a SPICE netlist", location=here)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        raise NetlistError("the file is HTML or XML; expected a SPICE netlist", location=SourceLocation(str(path), 1))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decompressed(data: bytes, here: SourceLocation) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        text = decompressor.decompress(data, MAX_TEXT_BYTES)
        if decompressor.unconsumed_tail:
            raise NetlistError(f"unpacks to more than {MAX_TEXT_BYTES >> 30} GiB", location=here)
        if decompressor.unused_data:  # several gzip members in one file
            text = gzip.decompress(data)
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise NetlistError(f"the gzip data is damaged: {error}", location=here) from None
    if not decompressor.eof:
        raise NetlistError("the gzip data is cut short", location=here)
    return text


def _dialect_named(name: DialectName | str) -> Dialect:
    try:
        return DIALECTS[DialectName(name)]
    except ValueError:
        raise NetlistError(f"unknown dialect {name!r}; known: {', '.join(DIALECTS)}") from None


def _read_file(
    path: Path,
    parsed: ParsedFiles,
    dialect: Dialect | None,
    including: list[Path],
    origin: SourceLocation | None,
) -> None:
    resolved = path.resolve()
    if resolved in including:
        raise NetlistError(f"file {path.name} includes itself", location=origin)
    if len(including) >= MAX_INCLUDE_DEPTH:
        raise NetlistError(f"includes are nested deeper than {MAX_INCLUDE_DEPTH} files", location=origin)
    text = read_text(path, origin)
    chosen = dialect or detect_dialect(text)

    def include(name: str, _section: str | None, location: SourceLocation) -> None:
        target = Path(name).expanduser()
        target = target if target.is_absolute() else path.parent / target
        _read_file(target, parsed, dialect, [*including, resolved], location)

    parser = Parser(parsed, str(path), chosen, include)
    parser.parse(list(logical_lines(text, chosen)), is_main=not including)
