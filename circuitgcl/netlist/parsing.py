"""Logical lines to records: which definition a card belongs to, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.device_typing import MODEL_TYPES
from circuitgcl.netlist.dialects import Dialect
from circuitgcl.netlist.elements import parse_element
from circuitgcl.netlist.expressions import ExpressionError, Scope
from circuitgcl.netlist.lexing import LogicalLine, assignments, split_parameters
from circuitgcl.netlist.records import DeviceCard, InstanceCard, SkippedCard, Subcircuit

MAX_NESTED_DEFINITIONS = 64
_BLOCK_ENDS = {".control": ".endc"}
_FILE_ENDS = (".end", ".alter")  # what `.alter` changes is a variant of the circuit before it


@dataclass(slots=True)
class ParsedFiles:
    """Everything collected so far from the files of one netlist."""

    main: Subcircuit
    subcircuits: dict[tuple[str, ...], Subcircuit] = field(default_factory=dict)
    global_nets: list[str] = field(default_factory=list)
    scale: float = 1.0
    skipped_cards: list[SkippedCard] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cards: int = 0


IncludeFile = Callable[[str, SourceLocation, list[Subcircuit]], None]  # name, statement, open definitions


class Parser:
    """Parses the statements of one file into `ParsedFiles`; included files get a parser of their own."""

    def __init__(
        self,
        parsed: ParsedFiles,
        path: str,
        dialect: Dialect,
        include: IncludeFile,
        around: list[Subcircuit] | None = None,
    ) -> None:
        self.parsed, self.path, self.dialect, self.include_file = parsed, path, dialect, include
        self.open: list[Subcircuit] = [parsed.main] if around is None else list(around)
        self.outer = len(self.open)  # definitions that were open before this file
        self.skip_until = ""

    def parse(self, lines: Iterable[LogicalLine], *, title_line: int = 0) -> None:
        """Parse all statements of a file.

        Args:
            lines: its statements.
            title_line: where a title may stand; 0 in an included file.

        Raises:
            NetlistError: a malformed card, at its line.
        """
        may_have_title = self.dialect.has_title_line
        for line in lines:
            location = SourceLocation(self.path, line.line)
            if line.line == title_line and may_have_title and _looks_like_title(line):
                self._skip("title", location)
            elif self.skip_until:
                if line.text.split()[0].lower() == self.skip_until:
                    self.skip_until = ""
            elif line.text[0] in ".*":
                if self._directive(line.text, location):
                    break
            else:
                self._element(line.text, location)
        if len(self.open) > self.outer:
            missing = self.open[-1]
            self.parsed.warnings.append(f"{missing.location}: subcircuit {missing.name} has no .ends")

    def _skip(self, kind: str, location: SourceLocation) -> None:
        self.parsed.skipped_cards.append(SkippedCard(kind=kind, location=location))

    @property
    def body(self) -> Subcircuit:
        """The definition that statements now belong to."""
        return self.open[-1]

    def _directive(self, text: str, location: SourceLocation) -> bool:
        """Handle a dot card; true when it ends the file."""
        word, *rest = text.split(None, 1)
        word = word.lower()
        handler = _DIRECTIVES.get(word)
        if word in _FILE_ENDS:
            return True
        if handler is not None:
            handler(self, rest[0].strip() if rest else "", location)
        else:
            self.skip_until = _BLOCK_ENDS.get(word, "")
            self._skip(word, location)
        return False

    def _subckt(self, rest: str, location: SourceLocation) -> None:
        head, parameters = split_parameters(rest)
        words = head.replace(",", " ").split()
        if not words:
            raise NetlistError(".subckt without a name; expected `.subckt name port ...`", location=location)
        name, ports = words[0], tuple(words[1:])
        scope = tuple(definition.name.casefold() for definition in self.open[1:])
        definition = Subcircuit(
            name=name, ports=ports, defaults=_plain(assignments(parameters)), location=location, scope=scope
        )
        if len(self.open) > MAX_NESTED_DEFINITIONS:
            raise NetlistError(
                f"subcircuit {name} is defined inside {len(self.open) - 1} others; is an .ends missing?",
                location=location,
            )
        double = _first_repeated(ports)
        if double:
            self.parsed.warnings.append(
                f"{location}: subcircuit {name} lists port {double} twice; taken as one"
            )
        key = (*scope, name.casefold())
        earlier = self.parsed.subcircuits.get(key)
        if earlier is not None:
            self.parsed.warnings.append(
                f"{location}: subcircuit {name} is defined again; the first, at {earlier.location}, counts"
            )
        else:
            self.parsed.subcircuits[key] = definition
        self.open.append(definition)
        self.parsed.cards += 1

    def _ends(self, rest: str, location: SourceLocation) -> None:
        if len(self.open) <= self.outer:
            raise NetlistError(".ends without a .subckt before it", location=location)
        name = rest.split()[0].casefold() if rest else ""
        closed = len(self.open) - 1
        if name and name != self.body.name.casefold():
            names = [definition.name.casefold() for definition in self.open]
            if name in names[self.outer :]:  # inner definitions without an .ends of their own
                closed = len(names) - 1 - names[::-1].index(name)
            self.parsed.warnings.append(
                f"{location}: .ends {rest} closes subcircuit {self.open[closed].name} "
                f"of {self.open[closed].location}"
            )
        del self.open[closed:]

    def _param(self, rest: str, location: SourceLocation) -> None:
        found = assignments(rest)
        if not rest:  # CDL writers leave an empty one
            self._skip(".param", location)
        elif not found:
            raise NetlistError(f".param {rest!r} has no `name = value`", location=location)
        for name, arguments, expression in found:
            if arguments is None:
                self.body.parameters[name] = expression
            else:
                self.body.functions[name] = (arguments, expression)

    def _func(self, rest: str, location: SourceLocation) -> None:
        text = rest if "=" in rest else rest.replace(")", ") = ", 1)
        found = assignments(text)
        if not found or found[0][1] is None:
            raise NetlistError(
                f".func {rest!r}; expected `.func name(arguments) {{expression}}`", location=location
            )
        name, arguments, expression = found[0]
        self.body.functions[name] = (arguments or (), expression)

    def _model(self, rest: str, location: SourceLocation) -> None:
        words = rest.replace("(", " ").split()
        if len(words) < 2:
            raise NetlistError(".model needs a name and a type", location=location)
        device_type = MODEL_TYPES.get(words[1].lower())
        if device_type is not None:
            self.body.models[words[0].casefold()] = device_type
        else:
            self._skip(f".model {words[1].lower()}", location)

    def _global(self, rest: str, location: SourceLocation) -> None:
        known = {name.casefold() for name in self.parsed.global_nets}
        for name in rest.replace(",", " ").split():
            name = name.split(":")[0]  # CDL types its globals: `VDD:P`
            if name and name.casefold() not in known:
                known.add(name.casefold())
                self.parsed.global_nets.append(name)

    def _option(self, rest: str, location: SourceLocation) -> None:
        for name, _, expression in assignments(rest):
            if name == "scale":
                try:
                    self.parsed.scale = Scope({}).evaluate(expression)
                except ExpressionError as error:
                    raise NetlistError(f".option scale: {error}", location=location) from error

    def _include(self, rest: str, location: SourceLocation) -> None:
        words = rest.split(None, 1) if rest[:1] not in "\"'" else [rest]
        name = (words[0] if words else "").strip().strip("\"'")
        if not name:
            raise NetlistError(".include without a file name", location=location)
        self.include_file(name, location, self.open)

    def _lib(self, rest: str, location: SourceLocation) -> None:
        self._skip(".lib", location)
        self.parsed.warnings.append(
            f"{location}: model library {rest or '(unnamed)'} is not read; models are typed by name"
        )

    def _element(self, text: str, location: SourceLocation) -> None:
        self.parsed.cards += 1
        card = parse_element(text, location, self.parsed.warnings)
        if isinstance(card, DeviceCard):
            self.body.devices.append(card)
        elif isinstance(card, InstanceCard):
            self.body.instances.append(card)
        else:
            self._skip(f"element {text[0].upper()}", location)


_DIRECTIVES: dict[str, Callable[[Parser, str, SourceLocation], None]] = {
    ".subckt": Parser._subckt,
    ".macro": Parser._subckt,
    ".ends": Parser._ends,
    ".eom": Parser._ends,
    ".param": Parser._param,
    ".parameter": Parser._param,
    ".func": Parser._func,
    ".model": Parser._model,
    ".global": Parser._global,
    "*.global": Parser._global,
    ".option": Parser._option,
    ".options": Parser._option,
    ".include": Parser._include,
    ".inc": Parser._include,
    ".lib": Parser._lib,
}


def _plain(found: list[tuple[str, tuple[str, ...] | None, str]]) -> dict[str, str]:
    return {name: expression for name, _, expression in found}


def _first_repeated(names: tuple[str, ...]) -> str:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return ""


_TITLE_WORDS = {"m": 6, "x": 3, "q": 5, "r": 4, "c": 4, "l": 4, "d": 4, "v": 3, "i": 3}


def _looks_like_title(line: LogicalLine) -> bool:
    """Whether the first line of a file is free text, neither a dot card nor an element.

    An element has a parameter, or else enough nodes and a digit in its name.
    """
    if line.text[0] in ".*":
        return False
    needed = _TITLE_WORDS.get(line.text[0].lower())
    if needed is None or "=" in line.text:
        return needed is None
    words = line.text.split()
    return len(words) < needed or not any(character.isdigit() for character in words[0])
