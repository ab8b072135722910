"""One Magic extraction file (`cell.ext`): the statements of one cell that bear on capacitance.

    scale R C L                         the others' capacitances are in C attofarad
    node NAME R C x y layer …           a piece of metal and its capacitance to the substrate
    substrate NAME …                    the reference node of this cell
    equiv NAME NAME                     two names of one node
    cap NAME NAME C                     coupling; `subcap NAME C` corrects the capacitance to the substrate
    use CELL ID[x0:x1:dx][y0:y1:dy] …   a subcell, or an array of it
    merge PATH PATH C …                 two nodes are connected across cells; C corrects for the overlap
    device CLASS TYPE x y x y … sub (NODE length attributes) …

After the manual page ext(5) of Magic. Nothing is looked up here: names may be paths into subcells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NoReturn

import numpy as np

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import decode, read_blocks
from circuitgcl.parasitics.records import FloatArray

_ATTOFARAD = 1e-18
_FIELD = re.compile(rb'(?:"[^"]*"|[^\s"])+')
_COUPLINGS = re.compile(rb'(?m)(?:^cap "[^\n]*\n)+')  # most lines of most files
_KEYWORD = re.compile(rb"[A-Za-z_]+")
_ARRAY_USE = re.compile(rb"(.+?)\[(-?\d{1,9}):(-?\d{1,9}):-?\d+\]\[(-?\d{1,9}):(-?\d{1,9}):-?\d+\]")
_TEXT_LAYER = b"comment"  # a label without metal below
_LEADING_SIZES = {b"mosfet": 2, b"asymmetric": 2, b"bjt": 2}  # device classes with length and width up front
_SIZED_IF_MODEL = {
    b"devres",
    b"devcap",
    b"devcaprev",
    b"vsource",
}  # a model has two sizes, otherwise one value
_NO_SIZES = {
    *(b"subckt", b"msubckt", b"rsubckt", b"csubckt", b"dsubckt", b"veriloga"),
    *(b"diode", b"pdiode", b"ndiode"),
}
_TRANSISTORS = {b"mosfet", b"asymmetric", b"msubckt"}
_SILENT = frozenset(
    b"timestamp version tech style resistclasses parameters attr distance adjust abstract primitive".split()
)


@dataclass(frozen=True, kw_only=True)
class Use:
    """A subcell of a cell, or an array of one."""

    cell: str
    name: bytes
    columns: range  # x subscripts
    rows: range  # y subscripts
    line: int  # 1-based

    @property
    def count(self) -> int:
        """Number of instances."""
        return len(self.columns) * len(self.rows)

    def names(self) -> Iterator[bytes]:
        """Instance names: `id`, `id[i]` of a row or column, `id[y,x]` of a two-dimensional array."""
        for x in self.columns:
            for y in self.rows:
                subscripts = [b"%d" % i for i, axis in ((y, self.rows), (x, self.columns)) if len(axis) > 1]
                yield self.name + (b"[" + b",".join(subscripts) + b"]" if subscripts else b"")


@dataclass(kw_only=True)
class Capacitances:
    """Statements with up to two names and a capacitance, in file order."""

    a: list[bytes] = field(default_factory=list)
    b: list[bytes] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)  # the number as written
    lines: list[int] = field(default_factory=list)  # 1-based

    def add(self, a: bytes, b: bytes, text: bytes, line: int) -> None:
        """Append one statement; its number is converted later, all of a kind at once."""
        self.a.append(a)
        self.b.append(b)
        self.texts.append(text)
        self.lines.append(line)


@dataclass(kw_only=True)
class MagicCell:
    """Statements of one file; names as written, bytes."""

    path: Path
    farad_per_unit: float = _ATTOFARAD
    node_names: dict[bytes, None] = field(default_factory=dict)  # all declared here, in order
    substrates: set[bytes] = field(default_factory=set)
    ports: set[bytes] = field(default_factory=set)
    equivalents: list[tuple[bytes, bytes]] = field(default_factory=list)  # equiv, and ends of resistors
    to_substrate: Capacitances = field(default_factory=Capacitances)  # node, rnode, subcap
    couplings: Capacitances = field(default_factory=Capacitances)  # cap
    merges: Capacitances = field(default_factory=Capacitances)
    kills: list[tuple[bytes, int]] = field(default_factory=list)  # node and line of `killnode`
    uses: list[Use] = field(default_factory=list)
    pins: list[tuple[bytes, bytes]] = field(default_factory=list)  # node, `type@x,y:terminal`
    skipped: dict[str, tuple[int, int]] = field(default_factory=dict)  # kind → count, first line

    def skip(self, kind: str, line: int) -> None:
        """Count a statement that has no effect."""
        count, first = self.skipped.get(kind, (0, line))
        self.skipped[kind] = (count + 1, first)

    def farads(self, statements: Capacitances) -> FloatArray:
        """Values [K] in farad.

        Raises:
            ParasiticsError: a value is no finite number.
        """
        try:
            values = np.fromiter(map(float, statements.texts), np.float64, len(statements.texts))
        except ValueError:
            values = np.array([_number_or_nan(text) for text in statements.texts])
        farads: FloatArray = values * self.farad_per_unit
        wrong = np.flatnonzero(~np.isfinite(farads))
        if len(wrong):
            text, line = decode(statements.texts[wrong[0]]), statements.lines[wrong[0]]
            self.refuse(line, f"`{text}` is no capacitance; expected a finite number such as 12.5.")
        return farads

    def refuse(self, line: int, message: str) -> NoReturn:
        """Raise a `ParasiticsError` located in this file."""
        raise ParasiticsError(message, location=SourceLocation(str(self.path), line))


def read_magic_cell(path: Path) -> MagicCell:
    """Read one file; subcells are only named.

    Raises:
        ParasiticsError: the file cannot be read or is cut off, a statement is too short or malformed.
    """
    reader = _CellReader(path)
    number = 0
    for block in read_blocks(path):
        data, done, number = block.data, 0, block.first_line - 1
        for run in _COUPLINGS.finditer(data):
            count = run[0].count(b"\n")
            number = reader.take_lines(data[done : run.start()], number)
            if not reader.take_couplings(run[0], number + 1, count):
                reader.take_lines(run[0], number)
            number += count
            done = run.end()
        number = reader.take_lines(data[done:], number)
    return reader.finish(number)


class _CellReader:
    def __init__(self, path: Path) -> None:
        self._cell = MagicCell(path=path)
        self._handlers: dict[bytes, tuple[int, int, Callable[[list[bytes], int], None]]] = {
            # keyword: least number of fields, most fields looked at, what to do
            b"scale": (4, 5, self._scale),
            b"node": (7, 7, self._node),
            b"rnode": (7, 7, self._node),
            b"substrate": (7, 7, self._substrate),
            b"port": (3, 3, self._port),
            b"equiv": (3, 3, self._equiv),
            b"cap": (4, 5, self._coupling),
            b"subcap": (3, 4, self._correction),
            b"use": (9, 10, self._use),
            b"merge": (3, 4, self._merge),
            b"resist": (4, 5, self._resistor),
            b"killnode": (2, 3, self._kill),
            b"device": (8, 10_000, self._device),
            b"fet": (9, 10_000, self._fet),
        }
        self._continued: list[bytes] = []  # lines ended by a backslash so far
        self._continued_from = 0
        self._unknown: tuple[bytes, int] = (b"", 0)  # last word that is no keyword
        self._any_statement = False

    def take_couplings(self, text: bytes, first_line: int, count: int) -> bool:
        """Handle consecutive cap lines at once; false, and nothing done, if one of them is not plain."""
        if self._continued or text.count(b'"') != 4 * count:
            return False
        fields = text.replace(b'"', b" ").split()
        if len(fields) != 4 * count or fields[::4] != [b"cap"] * count:
            return False
        couplings = self._cell.couplings
        couplings.a += fields[1::4]
        couplings.b += fields[2::4]
        couplings.texts += fields[3::4]
        couplings.lines += range(first_line, first_line + count)
        self._any_statement = True
        return True

    def take_lines(self, text: bytes, number: int) -> int:
        """Handle any lines after line `number`; the number of the last one."""
        lines = text.split(b"\n")[:-1]
        for offset, line in enumerate(lines, 1):
            self._take(line, number + offset)
        return number + len(lines)

    def _take(self, line: bytes, number: int) -> None:
        if line.endswith(b"\\"):
            self._continued_from = self._continued_from if self._continued else number
            self._continued.append(line[:-1])
            return
        if self._continued:
            line, number = b"".join([*self._continued, line]), self._continued_from
            self._continued = []
        self._statement(line.strip(), number)

    def finish(self, last_line: int) -> MagicCell:
        """The cell, after the last line."""
        cell = self._cell
        if self._continued:
            cell.refuse(self._continued_from, "the file ends inside a continued line; is it cut off?")
        word, line = self._unknown
        keywords = {*self._handlers, *_SILENT}
        if line == last_line and any(known.startswith(word) for known in keywords):
            cell.refuse(line, f"the file ends with `{decode(word)}`; is it cut off?")
        if not self._any_statement:
            cell.refuse(
                0, "no statement of a Magic extraction; expected lines such as `tech …` and `node …`."
            )
        return cell

    def _statement(self, line: bytes, number: int) -> None:
        if not line or line.startswith(b"#"):
            return
        word = line.split(None, 1)[0]
        if word in _SILENT:
            self._any_statement = True
            return
        if word not in self._handlers:
            self._stranger(word, number)
            return
        self._any_statement = True
        least, most, handle = self._handlers[word]
        if line.count(b'"') % 2:
            self._cell.refuse(number, f"a quoted name of this {decode(word)} statement has no end; cut off?")
        fields = _fields(line, most)
        if len(fields) < least:
            self._cell.refuse(
                number,
                f"{decode(word)} has {len(fields)} fields; expected at least {least}. Is the file cut off?",
            )
        handle(fields, number)

    def _stranger(self, word: bytes, number: int) -> None:
        if not _KEYWORD.fullmatch(word):
            self._cell.refuse(
                number,
                f"`{decode(word[:40])}` begins no statement of a Magic extraction; expected node, cap, …",
            )
        self._cell.skip(decode(word), number)
        self._unknown = (word, number)

    def _scale(self, fields: list[bytes], line: int) -> None:
        cell = self._cell
        values = [_number_or_nan(text) for text in fields[1:4]]
        if not all(0 < value < np.inf for value in values):
            cell.refuse(line, "scale needs three positive numbers for resistance, capacitance and length.")
        known, cell.farad_per_unit = cell.farad_per_unit, values[1] * _ATTOFARAD
        if known != cell.farad_per_unit and (
            cell.to_substrate.lines or cell.couplings.lines or cell.merges.lines
        ):
            cell.refuse(line, "scale stands after capacitances; expected it before the first of them.")

    def _node(self, fields: list[bytes], line: int) -> None:
        keyword, name, _, text = fields[:4]
        cell = self._cell
        if fields[6] == _TEXT_LAYER and _number_or_nan(text) == 0:
            cell.skip("node on layer comment", line)
            return
        cell.node_names[name] = None
        cell.to_substrate.add(name, b"", text, line)
        if keyword == b"rnode":  # piece `net.n3` of a net that resistance extraction broke up
            net = name.rpartition(b".")[0]
            if any(net == killed for killed, _ in cell.kills[-1:]):
                cell.node_names[net] = None
                cell.equivalents.append((net, name))

    def _substrate(self, fields: list[bytes], line: int) -> None:
        self._node(fields, line)
        self._cell.node_names[fields[1]] = None
        self._cell.substrates.add(fields[1])

    def _port(self, fields: list[bytes], line: int) -> None:
        self._cell.node_names[fields[1]] = None
        self._cell.ports.add(fields[1])

    def _equiv(self, fields: list[bytes], line: int) -> None:
        if fields[1] != fields[2]:
            self._cell.node_names.update(dict.fromkeys(fields[1:]))
            self._cell.equivalents.append((fields[1], fields[2]))

    def _coupling(self, fields: list[bytes], line: int) -> None:
        self._cell.couplings.add(fields[1], fields[2], fields[3], line)

    def _correction(self, fields: list[bytes], line: int) -> None:
        self._cell.to_substrate.add(fields[1], b"", fields[2], line)

    def _merge(self, fields: list[bytes], line: int) -> None:
        self._cell.merges.add(fields[1], fields[2], fields[3] if len(fields) > 3 else b"0", line)

    def _resistor(self, fields: list[bytes], line: int) -> None:
        """Both ends belong to one net, which is all that matters to its capacitance."""
        self._cell.merges.add(fields[1], fields[2], b"0", line)

    def _kill(self, fields: list[bytes], line: int) -> None:
        self._cell.kills.append((fields[1], line))

    def _use(self, fields: list[bytes], line: int) -> None:
        name, columns, rows = fields[2], range(1), range(1)
        array = _ARRAY_USE.fullmatch(name)
        if array:
            name = array[1]
            x0, x1, y0, y1 = (int(text) for text in array.groups()[1:])
            columns, rows = range(min(x0, x1), max(x0, x1) + 1), range(min(y0, y1), max(y0, y1) + 1)
        cell = decode(fields[1])
        if not cell or "/" in cell or "\\" in cell or "\0" in cell or cell in {".", ".."}:
            self._cell.refuse(line, f"`{cell}` is no cell name; expected the name of a file beside this one.")
        self._cell.uses.append(Use(cell=cell, name=name, columns=columns, rows=rows, line=line))

    def _device(self, fields: list[bytes], line: int) -> None:
        kind, model = fields[1:3]
        if kind in _SIZED_IF_MODEL:
            sizes = 1 if model == b"None" else 2
        elif kind in _LEADING_SIZES or kind in _NO_SIZES:
            sizes = _LEADING_SIZES.get(kind, 0)
        else:
            self._cell.skip(f"device {decode(kind)}", line)
            return
        rest = fields[7 + sizes :]
        while rest and b"=" in rest[0]:
            del rest[0]
        self._terminals(model, fields[3:5], rest, line, transistor=kind in _TRANSISTORS)

    def _fet(self, fields: list[bytes], line: int) -> None:
        self._terminals(fields[1], fields[2:4], fields[8:], line, transistor=True)

    def _terminals(
        self, model: bytes, place: list[bytes], rest: list[bytes], line: int, *, transistor: bool
    ) -> None:
        """Pins of one device; `rest` is its substrate node (or none) and three fields per terminal."""
        cell = self._cell
        if len(rest) % 3 == 2:
            cell.refuse(line, f"device {decode(model)} has an incomplete terminal; is the line cut off?")
        device = model + b"@" + b",".join(place)
        if len(rest) % 3:
            if rest[0] in cell.node_names:  # an undeclared one is the substrate by another name
                cell.pins.append((rest[0], device + b":B"))
            del rest[0]
        nodes = rest[::3]
        roles: Iterable[bytes] = (b"G", b"S", b"D") if transistor and len(nodes) <= 3 else ()
        roles = [*roles, *(b"%d" % i for i in range(1, len(nodes) + 1))][: len(nodes)]
        for node, role in zip(nodes, roles, strict=True):
            cell.node_names[node] = None
            cell.pins.append((node, device + b":" + role))


def _fields(line: bytes, most: int) -> list[bytes]:
    """First fields of a line, without their quotes."""
    fields = line.split(None, most)[:most]
    if any(text.count(b'"') % 2 for text in fields):  # a name with a blank in it
        fields = [match[0] for match in islice(_FIELD.finditer(line), most)]
    return [text.replace(b'"', b"") for text in fields]


def _number_or_nan(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
