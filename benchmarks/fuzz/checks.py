"""What must hold of the netlist room, whatever bytes it is given.

Every function takes text or bytes, reads them, and raises `BrokenPromiseError` where something promised does
not hold.
Any other exception that comes out is a defect as well.
"""

from __future__ import annotations

import gzip
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from circuitgcl.errors import NetlistError, OnError
from circuitgcl.netlist import (
    Card,
    FlatCircuit,
    Netlist,
    assembly,
    card_runs,
    elaboration,
    flatten,
    hierarchy,
    reading,
)
from circuitgcl.netlist import flattening as flattening_module
from circuitgcl.netlist.dialects import DIALECTS, Dialect, DialectName, language_sections
from circuitgcl.netlist.expressions import ExpressionError, Scope, mentioned_names
from circuitgcl.netlist.lexing import (
    Statements,
    UnbalancedQuoteError,
    assignments,
    split_parameters,
    tokens,
)

FILE_MARK = b"*%%file "  # begins a line behind which the text of an included file follows
MAIN_FILE = "deck.sp"
_DIALECTS = [None, *DIALECTS]
_WORD = re.compile(r"\w+")  # identifiers of Python may hold marks that parameter names may not
_LIMITS = ("at most", "more than", "deeper than", "unpacks to", "too often", "inside each other")


class BrokenPromiseError(AssertionError):
    """A promise is not kept."""


def require(holds: object, what: str) -> None:
    """Raise where something does not hold."""
    if not holds:
        raise BrokenPromiseError(what)


@contextmanager
def small_limits() -> Iterator[None]:
    """Bounds on the size of what a netlist expands to, so small that reaching them takes no time."""
    small = (
        (hierarchy, "MAX_DEVICES", 20_000),
        (hierarchy, "MAX_INSTANCES", 20_000),
        (elaboration, "MAX_BODIES", 300),
        (flattening_module, "MAX_TERMINALS", 1_000_000),
        (assembly, "MAX_VECTOR_NAMES", 20_000),
        (reading, "MAX_FILES", 60),
        (reading, "MAX_TEXT_BYTES", 1 << 20),
    )
    before = [getattr(module, name) for module, name, _ in small]
    for module, name, value in small:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(small, before, strict=True):
            setattr(module, name, value)


# the lexer


def check_lexer(text: str, dialect: Dialect, random: Random) -> None:
    """Statements, words, assignments and language sections of a text."""
    sections = language_sections(text, dialect)
    require(all(begin <= end for _, begin, end, _ in sections), "language sections end before they begin")
    for _, begin, _, line in sections:
        require(line == text.count("\n", 0, begin) + 1, "a language section has the wrong line")
    scan = Statements(text, dialect)
    found, places = [], []
    for statement in scan:
        found.append(statement)
        places.append((scan.position, scan.line))
        _check_statement(statement.text)
    lines = [statement.line for statement in found]
    require(lines == sorted(set(lines)), "statements are not in the order of their lines")
    require(lines[-1] <= text.count("\n") + 1 if lines else True, "a statement stands behind the text")
    if found:
        number = random.randrange(len(found))
        position, line = places[number]
        rest = list(Statements(text, dialect, start=position, line=line))
        require(rest == found[number + 1 :], "a scan that begins later finds other statements")


def _check_statement(text: str) -> None:
    require(text.strip() and text == text.lstrip() and "\n" not in text, "a statement is empty or indented")
    for function in (tokens, assignments, split_parameters):
        try:
            result = function(text)
        except UnbalancedQuoteError as error:
            require("\n" not in str(error), "an error of more than one line")
            continue
        if function is tokens:
            require(_dense("".join(result)) == _dense(text), "tokens lose characters")
        if function is assignments:
            require(all(name and value for name, _, value in result), "an assignment is empty")


def _dense(text: str) -> str:
    return "".join(text.replace(",", " ").split())


# expressions


def check_expressions(text: str) -> None:
    """Lines `name = expression` and `name(x, y) = expression`, evaluated in one scope; others alone."""
    parameters: dict[str, str] = {}
    functions: dict[str, tuple[tuple[str, ...], str]] = {}
    texts: list[str] = []
    for line in text.split("\n"):
        head, equals, body = line.partition("=")
        name, opening, arguments = head.strip().lower().partition("(")
        if equals and opening:
            functions[name.strip()] = tuple(arguments.rstrip(") ").replace(",", " ").split()), body
        elif equals and name.isidentifier() and _WORD.fullmatch(name):
            parameters[name] = body
        else:
            texts.append(line)
    scope = Scope(parameters, functions=functions)
    for each in (*texts, *parameters.values()):
        require(all(name == name.lower() for name in mentioned_names(each)), "a name is not folded")
        first = _value(scope.evaluate, each)
        require(first == _value(Scope(parameters, functions=functions).evaluate, each), "not the same twice")
    for name in parameters:
        require(scope.knows(name), "a parameter is unknown")
        require(_value(scope.lookup, name) == _value(scope.evaluate, name), "lookup differs from evaluate")


def _value(evaluate: Callable[[str], float], text: str) -> object:
    try:
        value = evaluate(text)
    except ExpressionError as error:
        require(len(str(error).splitlines()) == 1, f"an error of more than one line: {error!r}")
        return "error"
    require(isinstance(value, float) and isfinite(value), "a value that is not finite")
    return value


# files


@dataclass(frozen=True, slots=True)
class Case:
    """How bytes are read."""

    dialect: DialectName | None
    is_gzip: bool

    @classmethod
    def of(cls, selector: int) -> Case:
        """Case of a number."""
        return cls(_DIALECTS[selector % len(_DIALECTS)], bool(selector // len(_DIALECTS) % 4 == 3))


def write_files(folder: Path, data: bytes, case: Case) -> Path:
    """The main file, and those that follow behind marks, in an empty folder."""
    main, *others = data.split(FILE_MARK)
    path = folder / MAIN_FILE
    path.write_bytes(gzip.compress(main, 1) if case.is_gzip else main)
    for other in others[:6]:
        name, _, content = other.partition(b"\n")
        plain = re.sub(rb"[^A-Za-z0-9.]", b"", name[:20]).decode()
        if plain.strip("."):
            (folder / plain).write_bytes(content)
    return path


def check_file(path: Path, case: Case) -> FlatCircuit | None:
    """Strict and lenient reading of a file, in bulk and card by card.

    Returns:
        The circuit that a strict reader finds, if it does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strict = _read(path, case, OnError.RAISE)
        lenient = _read(path, case, OnError.SKIP)
        with card_by_card():
            mode, outcome = (OnError.SKIP, lenient) if isinstance(strict, str) else (OnError.RAISE, strict)
            _require_alike(outcome, _read(path, case, mode))
    if isinstance(lenient, str):
        require(_may_end_lenient(lenient, strict), f"lenient reading ends with {lenient}")
    if not isinstance(strict, str):
        require(not isinstance(lenient, str), "lenient reading fails where strict reading does not")
        return strict[1]
    return None


Outcome = tuple[Netlist, FlatCircuit] | str  # or what an error says


def _read(path: Path, case: Case, mode: OnError) -> Outcome:
    try:
        netlist = reading.read_netlist(path, dialect=case.dialect, on_error=mode)
        circuit = flatten(netlist)
    except NetlistError as error:
        require(error.location is not None, f"no place: {error}")
        require(len(str(error).splitlines()) == 1, f"an error of more than one line: {error!r}")
        return str(error)
    check_netlist(netlist)
    check_circuit(circuit)
    return netlist, circuit


def _may_end_lenient(message: str, strict: Outcome) -> bool:
    """Whether a lenient reader may stop with a message: the file is none, empty, or beyond a limit."""
    if any(word in message for word in _LIMITS):
        return True
    if isinstance(strict, str) and strict == message and "deck.sp:" not in message.replace("deck.sp: ", ""):
        return True  # about the file as a whole
    return any(
        words in message
        for words in (
            "contains no device",
            "no element and no subcircuit",
            "the file holds parameters and models only",
            "the file holds library sections only",
            "the file defines no circuit",
            "; expected a SPICE netlist",
        )
    )


@contextmanager
def card_by_card() -> Iterator[None]:
    """Reading without the bulk path."""
    reader = card_runs.RunReader
    add, may_begin = reader.add, reader.may_begin
    reader.add, reader.may_begin = lambda *_: None, lambda *_: False  # type: ignore[method-assign]
    try:
        yield
    finally:
        reader.add, reader.may_begin = add, may_begin  # type: ignore[method-assign]


def _require_alike(bulk: Outcome, single: Outcome) -> None:
    """Compare what the bulk path and the card-by-card path give."""
    if isinstance(bulk, str) or isinstance(single, str):
        require(bulk == single, f"in bulk {bulk!r:.300}, card by card {single!r:.300}")
        return
    (netlist, circuit), (other, other_circuit) = bulk, single
    for one, two in zip(_bodies(netlist), _bodies(other), strict=True):
        require(_as_told(one.cards) == _as_told(two.cards), f"cards of {one.name} differ in bulk")
        require(list(one.nodes) == list(two.nodes), f"nodes of {one.name} differ in bulk")
        require(one.port_nodes == two.port_nodes and one.global_nodes == two.global_nodes, "nets differ")
    require(netlist.warnings == other.warnings, "warnings differ in bulk")
    require(netlist.skipped_cards == other.skipped_cards, "skipped cards differ in bulk")
    require(circuit.device_names() == other_circuit.device_names(), "devices differ in bulk")
    require(np.array_equal(circuit.pin_net, other_circuit.pin_net), "nets differ in bulk")


def _as_told(cards: Iterable[Card]) -> list[Card]:
    """Cards without superfluous blanks in their expressions."""
    return [
        replace(card, parameters={name: " ".join(text.split()) for name, text in card.parameters.items()})
        for card in cards
    ]


def _bodies(netlist: Netlist) -> list[Any]:
    return [netlist.main, *netlist.subcircuits.values()]


def check_netlist(netlist: Netlist) -> None:
    """Columns of a netlist fit together."""
    for body in _bodies(netlist):
        cards = body.cards
        columns = (cards.names, cards.spec, cards.line, cards.file)
        require({len(column) for column in columns} == {len(cards)}, "columns of different lengths")
        require(int(cards.node_offset[-1]) == len(cards.node), "nodes and specs do not fit together")
        require(bool((cards.node >= 0).all()) and _below(cards.node, len(body.nodes)), "a node without name")
        require(all(cards.names), "a card without a name")
        require(len(body.port_nodes) == len(body.ports), "ports without nodes")
        for spec in cards.used_specs.tolist():
            require(spec < len(netlist.specs), "a spec that is none")
    for skipped in netlist.skipped_cards:
        require(
            len(skipped.kind.splitlines()) <= 1, f"a skipped card of more than one line: {skipped.kind!r}"
        )
    for warning in netlist.warnings:
        require(len(warning.splitlines()) == 1, f"a warning of more than one line: {warning!r}")


def _below(values: np.ndarray, bound: int) -> bool:
    return not len(values) or int(values.max()) < bound


def check_circuit(circuit: FlatCircuit) -> None:
    """Arrays of a flat circuit fit together, and say what its definitions say."""
    require(circuit.device_count > 0, "a circuit without devices")
    require(len(circuit.pin_offset) == circuit.device_count + 1, "pin offsets")
    require(int(circuit.pin_offset[-1]) == circuit.pin_count, "pin offsets end elsewhere")
    for values, bound in (
        (circuit.pin_net, circuit.net_count),
        (circuit.device_card, len(circuit.table)),
        (circuit.device_instance, len(circuit.instance_parent)),
        (circuit.net_instance, len(circuit.instance_parent)),
        (circuit.instance_definition, len(circuit.definitions)),
        (circuit.terminal_net, circuit.net_count),
        (circuit.table.model, len(circuit.table.model_names)),
    ):
        require(not len(values) or int(values.min()) >= 0, "a negative index")
        require(_below(values, bound), "an index out of bounds")
    table = circuit.table
    for field in fields(table):
        column = getattr(table, field.name)
        if isinstance(column, np.ndarray) and column.dtype.kind == "f":
            require(not np.isinf(column).any(), f"an infinite {field.name}")
    require(np.isfinite(table.multiplier).all() and (table.fingers >= 1).all(), "multiplier or fingers")
    for warning in circuit.warnings:
        require(len(warning.splitlines()) == 1, f"a warning of more than one line: {warning!r}")
    _check_against_definitions(circuit)


def _check_against_definitions(circuit: FlatCircuit) -> None:
    """Expand the definitions one instance at a time, and compare names, nets and rows with the arrays."""
    names, nets = circuit.device_names(), circuit.net_names()
    require(not any("\n" in name or not name for name in (*names, *nets)), "a name is empty or broken")
    ends = circuit.pin_offset.tolist()
    pins = [nets[net] for net in circuit.pin_net.tolist()]
    flat = sorted(
        (name, row, tuple(pins[begin:end]))
        for name, row, begin, end in zip(names, circuit.device_card.tolist(), ends, ends[1:], strict=False)
    )
    expanded: list[tuple[str, int, tuple[str, ...]]] = []
    top = circuit.definitions[-1]
    stack = [(len(circuit.definitions) - 1, "", list(top.net_labels))]
    while stack:
        number, path, labels = stack.pop()
        definition = circuit.definitions[number]
        ends = definition.pin_offset.tolist()
        local = definition.pin_net.tolist()
        for device, (name, row) in enumerate(
            zip(definition.device_names, definition.device_card.tolist(), strict=True)
        ):
            own = tuple(labels[net] for net in local[ends[device] : ends[device + 1]])
            expanded.append((path + name, row, own))
        ends = definition.child_net_offset.tolist()
        for child, (name, below) in enumerate(
            zip(definition.child_names, definition.child_definition.tolist(), strict=True)
        ):
            outer = [labels[net] for net in definition.child_net[ends[child] : ends[child + 1]].tolist()]
            inner = list(circuit.definitions[below].net_labels)[len(outer) :]
            inside = f"{path}{name}/"
            stack.append((below, inside, outer + [inside + label for label in inner]))
    require(flat == sorted(expanded), "the flat circuit is not what its definitions expand to")
