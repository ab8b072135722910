"""Logical lines to records: which definition a card belongs to, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.device_typing import LETTER_TYPES, MODEL_TYPES, mos_type_from_name
from circuitgcl.netlist.dialects import Dialect
from circuitgcl.netlist.expressions import ExpressionError, Scope
from circuitgcl.netlist.lexing import LogicalLine, assignments, split_parameters, tokens
from circuitgcl.netlist.records import DeviceCard, InstanceCard, SkippedCard, Subcircuit
from circuitgcl.schema import DeviceType

_NODE_COUNTS = {"r": 2, "c": 2, "l": 2, "v": 2, "i": 2, "b": 2, "d": 2, "e": 4, "g": 4, "f": 2, "h": 2}
_BLOCK_ENDS = {".control": ".endc", ".alter": ".end"}


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


IncludeFile = Callable[[str, str | None, SourceLocation], None]


class Parser:
    """Parses the statements of one file into `ParsedFiles`; included files get a parser of their own."""

    def __init__(self, parsed: ParsedFiles, path: str, dialect: Dialect, include: IncludeFile) -> None:
        self.parsed, self.path, self.dialect, self.include = parsed, path, dialect, include
        self.open: list[Subcircuit] = [parsed.main]
        self.skip_until = ""

    def parse(self, lines: list[LogicalLine], *, is_main: bool) -> None:
        """Parse all statements of a file.

        Raises:
            NetlistError: a malformed card, at its line.
        """
        for index, line in enumerate(lines):
            location = SourceLocation(self.path, line.line)
            if index == 0 and is_main and self.dialect.has_title_line and _looks_like_title(line):
                self.skipped("title", location)
            elif self.skip_until:
                if line.text.split()[0].lower() == self.skip_until:
                    self.skip_until = ""
            elif line.text[0] in ".*":
                if self.directive(line.text, location):
                    break
            else:
                self.element(line.text, location)
        if len(self.open) > 1:
            missing = self.open[-1]
            self.parsed.warnings.append(f"{missing.location}: subcircuit {missing.name} has no .ends")

    def skipped(self, kind: str, location: SourceLocation) -> None:
        self.parsed.skipped_cards.append(SkippedCard(kind=kind, location=location))

    @property
    def body(self) -> Subcircuit:
        """The definition that statements now belong to."""
        return self.open[-1]

    # --- dot cards -------------------------------------------------------------------------------------------

    def directive(self, text: str, location: SourceLocation) -> bool:
        """Handle a dot card; true when it ends the file."""
        word = text.split(None, 1)[0].lower()
        rest = text[len(word) :].strip()
        handler = _DIRECTIVES.get(word)
        if word == ".end":
            return True
        if handler is not None:
            handler(self, rest, location)
        else:
            self.skip_until = _BLOCK_ENDS.get(word, "")
            self.skipped(word, location)
        return False

    def subckt(self, rest: str, location: SourceLocation) -> None:
        head, parameters = split_parameters(rest)
        words = head.replace(",", " ").split()
        if not words:
            raise NetlistError(".subckt without a name; expected `.subckt name port ...`", location=location)
        name, ports = words[0], tuple(words[1:])
        scope = tuple(definition.name.casefold() for definition in self.open[1:])
        definition = Subcircuit(
            name=name, ports=ports, defaults=_plain(assignments(parameters)), location=location, scope=scope
        )
        folded = [port.casefold() for port in ports]
        if len(set(folded)) < len(folded):
            double = next(port for port in ports if folded.count(port.casefold()) > 1)
            raise NetlistError(f"subcircuit {name} lists port {double} twice", location=location)
        key = (*scope, name.casefold())
        earlier = self.parsed.subcircuits.get(key)
        if earlier is not None:
            self.parsed.warnings.append(
                f"{location}: subcircuit {name} is defined again (first at {earlier.location}); the first one counts"
            )
        else:
            self.parsed.subcircuits[key] = definition
        self.open.append(definition)
        self.parsed.cards += 1

    def ends(self, rest: str, location: SourceLocation) -> None:
        if len(self.open) == 1:
            raise NetlistError(".ends without a .subckt before it", location=location)
        name = rest.split()[0].casefold() if rest else ""
        closed = len(self.open) - 1
        if name and name != self.body.name.casefold():
            names = [definition.name.casefold() for definition in self.open]
            if name in names[1:]:  # inner definitions without an .ends of their own
                closed = len(names) - 1 - names[::-1].index(name)
            self.parsed.warnings.append(
                f"{location}: .ends {rest} closes subcircuit {self.open[closed].name} of {self.open[closed].location}"
            )
        del self.open[closed:]

    def param(self, rest: str, location: SourceLocation) -> None:
        found = assignments(rest)
        if not found:
            raise NetlistError(f".param {rest!r} has no `name = value`", location=location)
        for name, arguments, expression in found:
            if arguments is None:
                self.body.parameters[name] = expression
            else:
                self.body.functions[name] = (arguments, expression)

    def func(self, rest: str, location: SourceLocation) -> None:
        text = rest if "=" in rest else rest.replace(")", ") = ", 1)
        found = assignments(text)
        if not found or found[0][1] is None:
            raise NetlistError(f".func {rest!r}; expected `.func name(arguments) {{expression}}`", location=location)
        name, arguments, expression = found[0]
        self.body.functions[name] = (arguments or (), expression)

    def model(self, rest: str, location: SourceLocation) -> None:
        words = rest.replace("(", " ").split()
        if len(words) < 2:
            raise NetlistError(".model needs a name and a type", location=location)
        device_type = MODEL_TYPES.get(words[1].lower())
        if device_type is not None:
            self.body.models[words[0].casefold()] = device_type
        else:
            self.skipped(f".model {words[1].lower()}", location)

    def global_(self, rest: str, location: SourceLocation) -> None:
        known = {name.casefold() for name in self.parsed.global_nets}
        for name in rest.replace(",", " ").split():
            name = name.split(":")[0]  # CDL types its globals: `VDD:P`
            if name.casefold() not in known:
                known.add(name.casefold())
                self.parsed.global_nets.append(name)

    def option(self, rest: str, location: SourceLocation) -> None:
        for name, _, expression in assignments(rest):
            if name == "scale":
                try:
                    self.parsed.scale = Scope({}).evaluate(expression)
                except ExpressionError as error:
                    raise NetlistError(f".option scale: {error}", location=location) from error

    def include_(self, rest: str, location: SourceLocation) -> None:
        words = rest.split(None, 1) if rest[:1] not in "\"'" else [rest]
        name = (words[0] if words else "").strip().strip("\"'")
        if not name:
            raise NetlistError(".include without a file name", location=location)
        self.include(name, None, location)

    def lib(self, rest: str, location: SourceLocation) -> None:
        self.skipped(".lib", location)
        self.parsed.warnings.append(f"{location}: model library {rest or '(unnamed)'} is not read; models are typed by name")

    # --- elements --------------------------------------------------------------------------------------------

    def element(self, text: str, location: SourceLocation) -> None:
        """Parse one element card into the open definition."""
        self.parsed.cards += 1
        letter = text[0].lower()
        head, tail = split_parameters(text)
        words = tokens(head.replace("(", " ").replace(")", " ") if letter in "mxq" else head)
        parameters = _plain(assignments(tail))
        if letter == "x":
            self.instance(words, parameters, location)
        elif letter == "m":
            self.mosfet(words, parameters, location)
        elif letter == "q":
            self.bipolar(words, parameters, location)
        elif letter in "rcl":
            self.passive(letter, words, parameters, location)
        elif letter in LETTER_TYPES:
            self.other(letter, words, parameters, location)
        elif letter.isalpha():
            self.skipped(f"element {letter.upper()}", location)
        else:
            raise NetlistError(
                f"{text.split()[0][:40]!r} is neither an element nor a dot card; is this a SPICE netlist?",
                location=location,
            )

    def instance(self, words: list[str], parameters: dict[str, str], location: SourceLocation) -> None:
        words = [word for word in words if word != "/"]  # CDL: `XI2 a b / CELL`
        if len(words) < 2:
            raise NetlistError(f"{words[0]} names no subcircuit", location=location)
        card = InstanceCard(
            name=words[0], nodes=tuple(words[1:-1]), subcircuit=words[-1], parameters=parameters, location=location
        )
        self.body.instances.append(card)

    def mosfet(self, words: list[str], parameters: dict[str, str], location: SourceLocation) -> None:
        if len(words) < 6:
            found = max(0, len(words) - 2)
            hint = " Is the bulk missing?" if found == 3 else ""
            raise NetlistError(f"{words[0]} has {found} nodes; a MOSFET needs 4.{hint}", location=location)
        model = words[5]
        device_type = mos_type_from_name(model)
        if device_type is None:
            device_type = DeviceType.NMOS
            self.parsed.warnings.append(f"{location}: polarity of MOSFET model {model} is unknown; taken as NMOS")
        self.device(words[0], device_type, words[1:5], model, parameters, location)

    def bipolar(self, words: list[str], parameters: dict[str, str], location: SourceLocation) -> None:
        if len(words) < 5:
            raise NetlistError(f"{words[0]} has {max(0, len(words) - 2)} nodes; a BJT needs 3 or 4", location=location)
        has_substrate = len(words) > 5 and not _is_number(words[5])
        model = words[5] if has_substrate else words[4]
        device_type = DeviceType.PNP if "pnp" in model.lower() else DeviceType.NPN
        self.device(words[0], device_type, words[1 : 5 if has_substrate else 4], model, parameters, location)

    def passive(self, letter: str, words: list[str], parameters: dict[str, str], location: SourceLocation) -> None:
        if len(words) < 3:
            raise NetlistError(f"{words[0]} has {len(words) - 1} nodes; two are needed", location=location)
        model = ""
        for word in words[3:]:
            if _is_number(word) or word[0] in "'{\"":
                parameters.setdefault(letter, word)
            elif not model and not word.startswith("$"):
                model = word
        self.device(words[0], LETTER_TYPES[letter], words[1:3], model, parameters, location)

    def other(self, letter: str, words: list[str], parameters: dict[str, str], location: SourceLocation) -> None:
        count = _NODE_COUNTS.get(letter, 3)
        if len(words) < count + 1:
            raise NetlistError(f"{words[0]} has {len(words) - 1} nodes; {count} are needed", location=location)
        device_type = LETTER_TYPES[letter]
        has_model = device_type in (DeviceType.DIODE, DeviceType.JFET)
        model = words[count + 1] if has_model and len(words) > count + 1 else ""
        kept = {} if device_type is DeviceType.SOURCE else parameters
        self.device(words[0], device_type, words[1 : count + 1], model, kept, location)

    def device(
        self,
        name: str,
        device_type: DeviceType,
        nodes: list[str],
        model: str,
        parameters: dict[str, str],
        location: SourceLocation,
    ) -> None:
        self.body.devices.append(
            DeviceCard(
                name=name,
                device_type=device_type,
                nodes=tuple(nodes),
                model=model,
                parameters=parameters,
                location=location,
            )
        )


_DIRECTIVES: dict[str, Callable[[Parser, str, SourceLocation], None]] = {
    ".subckt": Parser.subckt,
    ".macro": Parser.subckt,
    ".ends": Parser.ends,
    ".eom": Parser.ends,
    ".param": Parser.param,
    ".parameter": Parser.param,
    ".func": Parser.func,
    ".model": Parser.model,
    ".global": Parser.global_,
    "*.global": Parser.global_,
    ".option": Parser.option,
    ".options": Parser.option,
    ".include": Parser.include_,
    ".inc": Parser.include_,
    ".lib": Parser.lib,
}


def _plain(found: list[tuple[str, tuple[str, ...] | None, str]]) -> dict[str, str]:
    return {name: expression for name, _, expression in found}


def _is_number(word: str) -> bool:
    return word[0].isdigit() or (len(word) > 1 and word[0] in "+-." and (word[1].isdigit() or word[1] == "."))


def _looks_like_title(line: LogicalLine) -> bool:
    """Whether the first statement of a file is free text: neither a dot card nor an element with enough nodes."""
    if line.text[0] in ".*":
        return False
    words = split_parameters(line.text)[0].split()
    needed = {"m": 6, "x": 3, "q": 5, "r": 4, "c": 4, "l": 4, "d": 4, "v": 3, "i": 3}.get(line.text[0].lower(), 99)
    return len(words) < needed or not any(character.isdigit() for character in line.text)
