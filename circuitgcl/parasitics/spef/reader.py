"""Reader of IEEE 1481 SPEF, the parasitics exchange format of place-and-route and extraction tools.

    *C_UNIT 1 PF
    *NAME_MAP
    *3 clk
    *D_NET *3 0.0017                net and its total
    *CONN
    *I *7:A I *D inv_1              device pin
    *CAP
    1 *3:1 0.0010                   capacitance to ground
    2 *7:A *4:8 0.0007              coupling, listed again in the section of *4
    *RES …
    *END

Rows that begin with a number or an index are taken a block at a time; the statements between them one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import numpy as np

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import TextBlock, decode, read_blocks
from circuitgcl.parasitics.records import OffsetArray, Parasitics, SkippedCards
from circuitgcl.parasitics.spef.names import UNITS as CAPACITANCE_UNITS
from circuitgcl.parasitics.spef.names import CapacitanceUnit, is_index, shown
from circuitgcl.parasitics.spef.network import SpefNetwork, UnknownNameError
from circuitgcl.parasitics.spef.rows import BadRowError, Run, bad_value, split_rows

_COMMENT = re.compile(rb'("[^"\n]*")|(?<!\\)//[^\n]*')
_INDENT = re.compile(rb"(?m)^[ \t]+")
_ZERO_OHM = re.compile(rb" 0(?:\.0*)?(?:[eE][+-]?\d+)? *\n")  # begins with plain letters, which is fast
_NO_UNIT = "a capacitance before *C_UNIT; expected a header with a line such as *C_UNIT 1 PF."
_PLAIN_HEADER = frozenset(
    b"*" + word
    for word in b"DATE VENDOR PROGRAM VERSION DESIGN_FLOW DIVIDER BUS_DELIMITER T_UNIT R_UNIT L_UNIT".split()
)
_SKIPPED_NETS = frozenset({b"*D_PNET", b"*R_PNET"})


class _Part(StrEnum):
    """Which part of the file a line lies in, and so what a row there means."""

    HEADER = "the header"
    COMMENT = "a comment"
    NAME_MAP = "*NAME_MAP"
    POWER = "*POWER_NETS"
    GROUND = "*GROUND_NETS"
    PORTS = "*PORTS"
    SKIPPED = "a part that is not used"
    BETWEEN = "the place between two nets"
    NET = "a net before *CONN or *CAP"
    CONN = "*CONN"
    CAP = "*CAP"
    RES = "*RES"
    INDUC = "*INDUC"
    REDUCED = "*R_NET"
    SKIPPED_NET = "a net that is not used"


_IN_NET = frozenset(
    {_Part.NET, _Part.CONN, _Part.CAP, _Part.RES, _Part.INDUC, _Part.REDUCED, _Part.SKIPPED_NET}
)
_ROWS_UNUSED = frozenset({_Part.COMMENT, _Part.INDUC, _Part.REDUCED, _Part.SKIPPED, _Part.SKIPPED_NET})
_DETAILS = {b"*CONN": _Part.CONN, b"*CAP": _Part.CAP, b"*RES": _Part.RES, b"*INDUC": _Part.INDUC}
_LISTS = {
    b"*NAME_MAP": _Part.NAME_MAP,
    b"*POWER_NETS": _Part.POWER,
    b"*GROUND_NETS": _Part.GROUND,
    b"*PORTS": _Part.PORTS,
}


def read_spef(path: str | Path) -> Parasitics:
    """Read a SPEF file, plain or gzip'd.

    Internal points and ports are summed into their nets; a pin that capacitors name is a node of its own,
    spelled `instance:pin` whatever `*DELIMITER` says. Names come without escapes and with the file's
    divider. A coupling listed in the sections of both nets counts once. Nets come in the order of their
    sections; those of `*GROUND_NETS` without a section are the reference node. Totals that do not fit,
    couplings whose two listings differ and statements without use here are listed in `skipped_cards`.

    Raises:
        ParasiticsError: the file cannot be read, is no SPEF, is cut off, holds two designs, has an unknown
            unit, an index outside the name map, a point of an unknown net, or a value that is negative or no
            number.
    """
    reader = _SpefReader(path)
    for block in read_blocks(path):
        reader.take(block)
    return reader.finish()


class _SpefReader:
    """State carried from block to block."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._network = SpefNetwork()
        self._part = _Part.HEADER
        self._before_comment = _Part.HEADER
        self._unit: CapacitanceUnit | None = None
        self._design: str | None = None
        self._is_spef = False
        self._skipped: dict[str, tuple[int, int]] = {}  # kind → count, first line
        self._last_line = 0
        self._resistors: list[bytes] = []  # rows of *RES in this block
        self._runs: list[Run] = []  # rows of *CAP in this block
        self._statements: dict[bytes, Callable[[list[bytes], int], None]] = {
            b"*SPEF": self._take_spef,
            b"*DESIGN": self._take_design,
            b"*C_UNIT": self._take_unit,
            b"*DELIMITER": self._take_delimiter,
            b"*D_NET": self._take_net,
            b"*R_NET": self._take_net,
            b"*END": self._take_end,
            b"*I": self._take_pin,
            b"*P": self._take_port,
            b"*C2_R1_C1": self._take_pi_model,
        }

    def take(self, block: TextBlock) -> None:
        data = block.data
        if b"//" in data:
            data = _COMMENT.sub(rb"\1", data)
        if b"\n " in data or b"\n\t" in data or data[:1] in b" \t":
            data = _INDENT.sub(b"", data)
        starts, odd = _odd_lines(data)
        edges = starts[odd].tolist()
        stops = starts[odd + 1].tolist()
        numbers = (odd + block.first_line).tolist()
        begin, line = 0, block.first_line
        for start, stop, number in zip(edges, stops, numbers, strict=True):
            if start > begin:
                self._take_rows(data[begin:start], line)
            self._take_line(data[start:stop], number)
            begin, line = stop, number + 1
        if len(data) > begin:
            self._take_rows(data[begin:], line)
        self._flush()
        self._flush_resistors()
        self._last_line = block.first_line + len(starts) - 2

    def finish(self) -> Parasitics:
        if self._part in _IN_NET:
            section = self._network.sections[-1:] if self._part is not _Part.SKIPPED_NET else []
            begun = f" of {decode(section[0].spelled)} (line {section[0].line})" if section else ""
            self._fail(
                self._last_line,
                f"the file ends inside the section{begun}; expected *END. Is the file cut off?",
            )
        if not self._network.sections:
            self._fail(0, "no *D_NET or *R_NET found; expected a SPEF file with nets.")
        skipped = [
            SkippedCards(kind=kind, count=count, first_line=line)
            for kind, (count, line) in self._skipped.items()
        ]
        source = Path(self._path).name
        design = self._design if self._design is not None else source.partition(".")[0]
        try:
            return self._network.to_parasitics(design, source, skipped)
        except UnknownNameError as error:
            self._fail(self._line_of(error.token), f"{error}")

    def _take_line(self, text: bytes, number: int) -> None:
        """Handle one line outside the rows that are taken together."""
        if self._part is _Part.COMMENT or text[:2] == b"/*":
            self._take_comment(text)
            return
        fields = text.split()
        if not fields:
            return
        statement = self._statements.get(fields[0]) or self._statements.get(fields[0].upper())
        try:
            if statement:
                statement(fields, number)
            elif fields[0][:1] == b"*" and not is_index(fields[0]):
                self._take_other(fields[0].upper(), fields, number)
            else:
                self._take_words(fields, number)
        except UnknownNameError as error:
            self._fail(number, f"{error}")

    def _take_comment(self, text: bytes) -> None:
        if self._part is not _Part.COMMENT:
            self._before_comment, self._part = self._part, _Part.COMMENT
        if b"*/" in text:
            self._part = self._before_comment

    def _take_rows(self, text: bytes, line: int) -> None:
        """Handle lines that begin with a number or an index, and blank ones."""
        if self._part is _Part.CAP:
            self._runs.append(Run(text=text, line=line, section=len(self._network.sections) - 1))
        elif self._part is _Part.RES:
            self._resistors.append(text)
        elif self._part is _Part.NAME_MAP:
            self._take_map(text, line)
        elif self._part not in _ROWS_UNUSED:
            for i, row in enumerate(text.split(b"\n")):
                self._take_line(row, line + i)

    def _take_words(self, fields: list[bytes], number: int) -> None:
        """Handle a line without a keyword."""
        if self._part is _Part.PORTS:
            self._network.other_nets.add(self._network.name_of(fields[0]))
        elif self._part is _Part.POWER:
            self._network.other_nets.update(map(self._network.name_of, fields))
        elif self._part is _Part.GROUND:
            self._network.reference_nets.update(map(self._network.name_of, fields))
        elif self._part in {_Part.SKIPPED, _Part.SKIPPED_NET, _Part.REDUCED} or (
            self._is_spef and self._part is _Part.HEADER and fields[0][:1] == b'"'
        ):
            pass
        elif not self._is_spef:
            self._fail(number, f"`{shown(fields)}` is no SPEF; expected a file that begins with *SPEF.")
        else:
            self._fail(number, f"`{shown(fields)}` has no meaning in {self._part.value}; expected a keyword.")

    def _take_map(self, text: bytes, line: int) -> None:
        fields = text.split()
        keys, names = fields[0::2], self._network.names
        known = len(names)
        if len(fields) % 2 == 0 and b"".join(keys).replace(b"*", b"").isdigit():
            names.update(zip(keys, fields[1::2], strict=True))
            if len(names) == known + len(keys) and all(key[:1] == b"*" for key in keys):
                return
        seen: dict[bytes, bytes] = {}
        for i, row in enumerate(text.split(b"\n")):
            pair = row.split()
            if pair and (len(pair) != 2 or not is_index(pair[0])):
                self._fail(line + i, f"`{shown(pair)}` is no entry of *NAME_MAP; expected `*12 name`.")
            if pair and seen.setdefault(pair[0], pair[1]) != pair[1]:
                self._fail(
                    line + i,
                    f"index {decode(pair[0])} stands for {decode(seen[pair[0]])} already; expected one name.",
                )

    def _take_spef(self, fields: list[bytes], number: int) -> None:
        if self._is_spef:
            self._fail(number, "a second design begins here; expected one design. Split the file.")
        self._is_spef = True

    def _take_design(self, fields: list[bytes], number: int) -> None:
        if self._design is not None:
            self._fail(number, f"a second *DESIGN after {self._design}; expected one design. Split the file.")
        self._is_spef = True
        self._design = decode(b" ".join(fields[1:])).strip('"')

    def _take_unit(self, fields: list[bytes], number: int) -> None:
        self._is_spef = True
        try:
            self._unit = CapacitanceUnit.parse(fields[1:])
        except ValueError:
            self._fail(
                number,
                f"`{shown(fields)}` is no unit of capacitance; expected a positive number and one of "
                f"{CAPACITANCE_UNITS}, such as *C_UNIT 1 FF.",
            )

    def _take_delimiter(self, fields: list[bytes], number: int) -> None:
        if len(fields) != 2 or len(fields[1]) != 1 or fields[1].isalnum():
            self._fail(
                number, f"`{shown(fields)}` is no delimiter; expected one of : . / | as in *DELIMITER :"
            )
        self._network.delimiter = fields[1]

    def _take_net(self, fields: list[bytes], number: int) -> None:
        self._is_spef = True
        if self._part in _IN_NET:
            self._fail(number, f"`{shown(fields)}` begins inside another net; expected *END before it.")
        if len(fields) < 3:
            self._fail(number, f"`{shown(fields)}` is incomplete; expected a net and its total capacitance.")
        total = self._farad(fields[2], number)
        assert self._unit is not None
        earlier = self._network.open_net(fields[1], number, total, self._unit.last_digit_farad(fields[2]))
        if earlier is not None:
            self._fail(
                number,
                f"net {decode(self._network.name_of(fields[1]))} has a section already at line {earlier}; "
                "expected one section per net.",
            )
        self._part = _Part.NET
        if fields[0].upper() == b"*R_NET":
            self._part = _Part.REDUCED
            self._network.sections[-1].reduced_farad = total

    def _take_pi_model(self, fields: list[bytes], number: int) -> None:
        if self._part is not _Part.REDUCED or len(fields) < 4:
            self._fail(number, f"`{shown(fields)}`: expected *C2_R1_C1 with three values, inside an *R_NET.")
        self._network.set_pi_model(self._farad(fields[1], number) + self._farad(fields[3], number))

    def _take_pin(self, fields: list[bytes], number: int) -> None:
        if self._part is not _Part.CONN or len(fields) < 2:
            self._check_connection(fields, number)
            return
        other = self._network.add_pin(fields[1])
        if other is not None:
            self._fail(
                number,
                f"pin {decode(fields[1])} lies on net {decode(other)} already; expected each pin on one net.",
            )

    def _take_port(self, fields: list[bytes], number: int) -> None:
        self._check_connection(fields, number)
        if self._part is not _Part.SKIPPED_NET:
            self._network.add_port(fields[1])

    def _check_connection(self, fields: list[bytes], number: int) -> None:
        if self._part not in {_Part.CONN, _Part.SKIPPED_NET} or len(fields) < 2:
            self._fail(number, f"`{shown(fields)}`: expected a pin or port, in the *CONN part of a net.")

    def _take_end(self, fields: list[bytes], number: int) -> None:
        if self._part not in _IN_NET:
            self._fail(number, "*END without a net; expected *D_NET or *R_NET before it.")
        self._part = _Part.BETWEEN

    def _take_other(self, word: bytes, fields: list[bytes], number: int) -> None:
        """Handle a keyword that changes the part of the file, or has no use here."""
        if word in _DETAILS:
            if self._part not in _IN_NET:
                self._fail(number, f"{decode(word)} outside a net; expected *D_NET before it.")
            if self._part is not _Part.SKIPPED_NET:
                self._part = _DETAILS[word]
        elif word in _LISTS or word in _SKIPPED_NETS:
            self._is_spef = True
            if self._part in _IN_NET:
                self._fail(number, f"{decode(word)} begins inside a net; expected *END before it.")
            self._part = _LISTS.get(word, _Part.SKIPPED_NET)
            if self._part is _Part.SKIPPED_NET:
                self._skip(word, number)
            elif len(fields) > 1:
                self._take_words(fields[1:], number)
        elif word in _PLAIN_HEADER or self._part in {_Part.CONN, _Part.REDUCED, _Part.SKIPPED_NET}:
            self._is_spef = self._is_spef or self._part is _Part.HEADER
        elif not self._is_spef:
            self._fail(number, f"`{shown(fields)}` is no SPEF; expected a file that begins with *SPEF.")
        else:
            if self._part not in _IN_NET:
                self._part = _Part.SKIPPED
            self._skip(word, number)

    def _farad(self, text: bytes, number: int) -> float:
        if self._unit is None:
            self._fail(number, _NO_UNIT)
        try:
            farad = self._unit.farad(text)
        except ValueError:
            farad = float("nan")
        if not 0 <= farad < np.inf:
            self._fail(number, bad_value(text))
        return farad

    def _flush(self) -> None:
        """Store the rows of `*CAP` collected from this block."""
        runs, self._runs = self._runs, []
        if not runs:
            return
        if self._unit is None:
            self._fail(runs[0].line, _NO_UNIT)
        try:
            batches, with_sensitivity = split_rows(runs, self._unit)
        except BadRowError as error:
            self._fail(error.line, str(error))
        for line in with_sensitivity:
            self._skip(b"*SC", line)
        for batch in batches:
            self._network.add_rows(batch)

    def _flush_resistors(self) -> None:
        """Note which pins the resistors of this block join without resistance; they have no other use."""
        text = b"\n" + b"".join(self._resistors).replace(b"\t", b" ")
        self._resistors = []
        for zero in _ZERO_OHM.finditer(text):
            fields = text[text.rfind(b"\n", 0, zero.start()) + 1 : zero.end()].split()
            if len(fields) == 4:
                self._network.add_short(fields[1], fields[2])

    def _skip(self, word: bytes, line: int) -> None:
        kind = decode(word)
        known, first = self._skipped.get(kind, (0, line))
        self._skipped[kind] = (known + 1, first)

    def _line_of(self, token: bytes) -> int:
        """First line with a capacitor on a point, or with that pin; only an error reads the file again."""
        row = re.compile(
            rb"(?m)^[ \t]*(?:\d+|\*[Ii])[ \t](?:[^\n]*[ \t])?" + re.escape(token) + rb"(?=[ \t\r\n])"
        )
        for block in read_blocks(self._path):
            found = row.search(block.data)
            if found:
                return block.first_line + block.data.count(b"\n", 0, found.start())
        return 0

    def _fail(self, line: int, message: str) -> NoReturn:
        raise ParasiticsError(message, location=SourceLocation(str(self._path), line))


def _odd_lines(data: bytes) -> tuple[OffsetArray, OffsetArray]:
    """Line starts [L+1]; numbers of the lines that are not blank and begin with no number and no index."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(buffer == 10) + 1])
    first = buffer[starts[:-1]]
    second = buffer[np.minimum(starts[:-1] + 1, len(buffer) - 1)]
    lead = np.where(first == ord("*"), second, first)
    row = ((lead >= ord("0")) & (lead <= ord("9"))) | (first == 10)
    return starts, np.flatnonzero(~row)
