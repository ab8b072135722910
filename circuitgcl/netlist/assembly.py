"""Where the parsers of every language put what they read, until it becomes a `Netlist`.

Cards go straight into columns; a body's node names are numbered as they appear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from circuitgcl.errors import NetlistError, OnError, SourceLocation, shortened
from circuitgcl.netlist.bodies import OpenBody, Vocabulary, is_same
from circuitgcl.netlist.conditions import Conditions, Decide
from circuitgcl.netlist.device_typing import model_card_type
from circuitgcl.netlist.expressions import ExpressionError, Scope, mentioned_names, unquoted
from circuitgcl.netlist.records import (
    GROUND_KEY,
    GROUND_NAMES,
    CardSpec,
    IntArray,
    Netlist,
    SkippedCard,
    Subcircuit,
)
from circuitgcl.schema import DeviceType

MAX_NESTED_DEFINITIONS = 64
_LONG_EXPRESSION = 1000  # characters
MAX_VECTOR_NAMES = 5_000_000  # instances and nodes that ranges stand for, in a whole netlist


class Assembly:
    """Everything collected so far from the files of one netlist.

    Args:
        name: design name, which its top level gets.
        path: main file.
        dialect: of the main file.
        case_sensitive: whether names compare exactly.
        last_counts: which of two different definitions of one name counts, the last or the first.
        on_error: what to do with a card that cannot be used.
    """

    def __init__(
        self,
        name: str,
        path: str,
        *,
        dialect: str = "",
        case_sensitive: bool = False,
        last_counts: bool = False,
        on_error: OnError = OnError.RAISE,
    ) -> None:
        self.name, self.path, self.dialect = name, path, dialect
        self.case_sensitive, self.last_counts, self.on_error = case_sensitive, last_counts, on_error
        self.fold: Callable[[str], str] = str if case_sensitive else str.casefold
        self.skipped_cards: list[SkippedCard] = []
        self.warnings: list[str] = []
        self.vertical_models: set[str] = set()  # whose transistors have no bulk
        self.cards = 0
        self._vector_names = 0
        self._specs: list[CardSpec] = []
        self._spec_index: dict[tuple[object, ...], int] = {}
        self._files: list[str] = []
        self._file_index: dict[str, int] = {}
        self._global_nets: dict[str, str] = {}  # folded -> as spelled
        self._scale = 1.0
        self._global_scope: Scope | None = None  # with what it has evaluated; until a definition changes it
        self._definitions: list[tuple[tuple[str, ...], OpenBody]] = []
        self.conditions = Conditions()
        self.main = self._body(name, (), {}, SourceLocation(path, 0), ())
        self.open = [self.main]

    @property
    def body(self) -> OpenBody:
        """The definition that statements now belong to."""
        return self.open[-1]

    @property
    def depth(self) -> int:
        """Number of definitions open around the next statement."""
        return len(self.open) - 1

    def _body(
        self,
        name: str,
        ports: Iterable[str],
        defaults: Mapping[str, str],
        location: SourceLocation,
        scope: tuple[str, ...],
    ) -> OpenBody:
        return OpenBody(
            name=name,
            ports=tuple(ports),
            defaults=dict(defaults),
            location=location,
            scope=scope,
            nodes=Vocabulary(self.fold),
        )

    # what was noticed

    def warn(self, text: str) -> None:
        """Note what the user should know."""
        self.warnings.append(text)

    def skip(self, kind: str, location: SourceLocation) -> None:
        """List a statement that carries nothing the circuit needs."""
        self.skipped_cards.append(SkippedCard(kind=kind, location=location))

    def fail(self, error: NetlistError) -> None:
        """Raise an error when strict; list it among the skipped cards when lenient."""
        if self.on_error is OnError.RAISE:
            raise error
        place = error.location or SourceLocation(self.path, 0)
        self.skip(f"error: {str(error).removeprefix(f'{place}: ')}", place)

    def fail_encrypted(self, location: SourceLocation) -> None:
        """Report a part of a file that nobody can read."""
        self.fail(NetlistError("this section is encrypted and cannot be read", location=location))

    # definitions

    def open_subcircuit(
        self, name: str, ports: Sequence[str], defaults: Mapping[str, str], location: SourceLocation
    ) -> None:
        """Begin a definition; cards that follow belong to it.

        Raises:
            NetlistError: too many definitions inside each other.
        """
        if self.depth >= MAX_NESTED_DEFINITIONS:
            raise NetlistError(
                f"subcircuit {name} is defined inside {self.depth} others; is an .ends missing?",
                location=location,
            )
        scope = tuple(self.fold(body.name) for body in self.open[1:])
        body = self._body(name, ports, defaults, location, scope)
        if len(body.nodes.labels) < len(body.ports):
            twice = next(port for i, port in enumerate(ports) if body.nodes[port] < i)
            self.warn(f"{location}: subcircuit {name} lists port {twice} twice; taken as one")
        self._definitions.append(((*scope, self.fold(name)), body))
        self.open.append(body)
        self.cards += 1

    def name_top(self, name: str, ports: Sequence[str], location: SourceLocation) -> None:
        """Give the top level the name and the ports of a cell; ports come before all other nodes."""
        if self.main.ports or self.main.spec or self.depth:
            self.skip("second top cell", location)
            return
        self.main.name, self.main.location = name, location
        self.main.number_ports(ports)

    def close_subcircuit(self, name: str, location: SourceLocation, outermost: int = 0) -> None:
        """End the innermost definition, or the one named with all that stand open inside it.

        Args:
            name: name on the closing card; empty when it has none.
            location: the closing card.
            outermost: number of definitions that were open before this file, which it cannot close.
        """
        if self.depth <= outermost:
            self.fail(NetlistError(".ends without a .subckt before it", location=location))
            return
        closed = self.depth
        if name and self.fold(name) != self.fold(self.body.name):
            names = [self.fold(body.name) for body in self.open]
            if self.fold(name) in names[outermost + 1 :]:  # inner definitions without an .ends of their own
                closed = len(names) - 1 - names[::-1].index(self.fold(name))
            closing = self.open[closed]
            self.warn(f"{location}: .ends {name} closes subcircuit {closing.name} of {closing.location}")
        del self.open[closed:]

    def mark(self) -> tuple[int, int]:
        """What is open now: definitions and conditions."""
        return self.depth, len(self.conditions)

    def close_to(self, mark: tuple[int, int]) -> None:
        """Close what a file left open.

        Raises:
            NetlistError: a definition without an end, when strict.
        """
        depth, conditions = mark
        if self.depth > depth:
            unclosed = self.body
            del self.open[depth + 1 :]
            fault = f"subcircuit {unclosed.name} has no .ends; all that follows was taken as its body"
            self.fail(NetlistError(fault, location=unclosed.location))
        if len(self.conditions) > conditions:
            self.warn(f"{self.path}: an .if has no .endif")
            self.conditions.end_to(conditions)

    def add_parameter(self, name: str, expression: str) -> None:
        """Define a parameter of the innermost definition; inside an `.if`, where its condition holds."""
        condition, known = self.condition, self.body.parameters.get(name)
        if condition and known is not None:
            if len(known) > _LONG_EXPRESSION:  # would be copied into the next one, and so on
                earlier = f"{name}#{len(self.body.parameters)}"
                self.body.parameters[earlier], known = known, earlier
            expression = f"({condition}) ? ({unquoted(expression)}) : ({unquoted(known)})"
        self.body.parameters[name] = expression
        self._global_scope = None

    def add_function(self, name: str, arguments: Sequence[str], expression: str) -> None:
        """Define a function of the innermost definition."""
        self.body.functions[name.lower()] = tuple(arguments), expression
        self._global_scope = None

    def add_model(self, name: str, type_word: str, location: SourceLocation, polarity: str = "") -> None:
        """Note what a model card says its devices are.

        Args:
            name: the model.
            type_word: the word behind its name.
            location: the card.
            polarity: its `type` parameter, where it has one.
        """
        device_type = model_card_type(type_word, polarity)
        if device_type is None:
            self.skip(f".model {type_word.lower()}", location)
            return
        folded = self.fold(name)
        self.body.models[folded] = device_type
        if type_word.lower() == "vdmos":
            self.vertical_models.add(folded)
        stem, _, bin_number = folded.rpartition(".")
        if stem and bin_number.isdigit():  # binned models: cards name the stem
            self.body.models.setdefault(stem, device_type)

    def add_global(self, name: str) -> None:
        """Make a net global."""
        self._global_nets.setdefault(self.fold(name), name)

    def set_scale(self, expression: str, location: SourceLocation) -> None:
        """Set the metres per drawn unit of W and L."""
        try:
            self._scale = self._known_so_far().evaluate(expression)
        except ExpressionError as error:
            self.fail(NetlistError(f".option scale: {error}", location=location))

    def connect(self, first: str, second: str) -> None:
        """Make two nets of the innermost definition one."""
        self.body.connected.append((first, second))

    # conditional statements

    def begin_condition(self, expression: str, location: SourceLocation) -> None:
        """Open an `.if`; what cannot be decided yet is decided where the body is elaborated.

        Raises:
            NetlistError: too many of them inside each other.
        """
        if len(self.conditions) >= MAX_NESTED_DEFINITIONS:
            raise NetlistError("too many conditions inside each other", location=location)
        self._enter_branch(self.conditions.begin, expression, location)

    def begin_else(self, location: SourceLocation, expression: str = "") -> None:
        """Begin the next branch of the innermost `.if`."""
        if not self.conditions:
            self.fail(NetlistError(".else without an .if before it", location=location))
            return
        self._enter_branch(self.conditions.begin_else, expression, location)

    def end_condition(self, location: SourceLocation) -> None:
        """Close the innermost `.if`."""
        if self.conditions:
            self.conditions.end()
        else:
            self.fail(NetlistError(".endif without an .if before it", location=location))

    def _enter_branch(
        self, enter: Callable[[str, Decide], None], expression: str, location: SourceLocation
    ) -> None:
        expression = " ".join(expression.split())  # it is quoted in messages of one line
        try:
            enter(expression, self._decided)
        except ExpressionError as error:
            self.fail(NetlistError(f".if {expression}: {error}", location=location))

    def _decided(self, expression: str) -> bool | None:
        """Truth of a condition that global parameters decide, else `None`."""
        names = mentioned_names(expression)
        known = self._known_so_far()
        is_local = any(
            name in body.defaults or name in body.parameters for body in self.open[1:] for name in names
        )
        if is_local or not all(known.knows(name) for name in names):
            return None
        return bool(known.evaluate(expression))

    def _known_so_far(self) -> Scope:
        """Global parameters and functions, as far as they have been read."""
        if self._global_scope is None:
            self._global_scope = Scope(self.main.parameters, functions=self.main.functions)
        return self._global_scope

    @property
    def is_skipping(self) -> bool:
        """Whether the next statement stands in a branch that is certainly not taken."""
        return self.conditions.is_skipping

    @property
    def condition(self) -> str:
        """Expression that must hold for the next card; empty where it always stands."""
        return self.conditions.expression

    # cards

    def count_vector_names(self, count: int, location: SourceLocation) -> None:
        """Count the names that the ranges of a card stand for, before they are made.

        Raises:
            NetlistError: too many in all.
        """
        if self._vector_names + count > MAX_VECTOR_NAMES:
            raise NetlistError(
                f"vector instances stand for more than {MAX_VECTOR_NAMES:,} instances and nodes",
                location=location,
            )
        self._vector_names += count

    def add_device(
        self,
        name: str,
        kind: DeviceType,
        nodes: Sequence[str],
        master: str,
        parameters: Mapping[str, str],
        location: SourceLocation,
    ) -> None:
        """Add an element card to the innermost definition."""
        self.add_card(name, nodes, self.spec(kind, master, len(nodes), parameters), location)

    def add_instance(
        self,
        name: str,
        nodes: Sequence[str],
        master: str,
        parameters: Mapping[str, str],
        location: SourceLocation,
    ) -> None:
        """Add an instance; what its master is shows when everything is read."""
        self.add_card(name, nodes, self.spec(None, master, len(nodes), parameters), location)

    def add_card(self, name: str, nodes: Sequence[str], spec: int, location: SourceLocation) -> None:
        """Add a card that says what a spec says."""
        self.open[-1].add_card(name, nodes, spec, location.line, self.file_number(location.path))
        self.cards += 1

    def add_run(self, names: bytes, nodes: IntArray, specs: IntArray, location: SourceLocation) -> None:
        """Add cards that stand on lines of their own, one after the other.

        Args:
            names: n card names, each with a line feed behind it.
            nodes: [n * pins] numbers of the body's vocabulary, card by card.
            specs: [n] numbers from `spec`.
            location: the first card.
        """
        self.open[-1].add_run(names, nodes, specs, location.line, self.file_number(location.path))
        self.cards += len(specs)

    def spec(self, kind: DeviceType | None, master: str, pins: int, parameters: Mapping[str, str]) -> int:
        """Number of what a card says besides its name and nodes."""
        pairs = tuple(parameters.items())
        condition = self.condition if self.conditions else ""
        key = kind, master, pins, pairs, condition
        number = self._spec_index.setdefault(key, len(self._specs))
        if number == len(self._specs):
            self._specs.append(
                CardSpec(kind=kind, master=master, pins=pins, parameters=pairs, condition=condition)
            )
        return number

    def file_number(self, path: str) -> int:
        """Number of a source file."""
        number = self._file_index.setdefault(path, len(self._files))
        if number == len(self._files):
            self._files.append(path)
        return number

    # the result

    def finish(self) -> Netlist:
        """The netlist; nothing can be added afterwards."""
        keys = {name: name for name in self._global_nets} | dict.fromkeys(GROUND_NAMES, GROUND_KEY)
        subcircuits: dict[tuple[str, ...], Subcircuit] = {}
        for key, body in self._definitions:
            self._keep(subcircuits, key, body.closed(keys, self._specs, self._files))
        return Netlist(
            name=self.name,
            path=self.path,
            dialect=self.dialect,
            main=self.main.closed(keys, self._specs, self._files),
            subcircuits=subcircuits,
            specs=self._specs,
            global_nets=tuple(self._global_nets.values()),
            scale=self._scale,
            case_sensitive=self.case_sensitive,
            on_error=self.on_error,
            skipped_cards=tuple(self.skipped_cards),
            warnings=tuple(map(shortened, self.warnings)),
        )

    def _keep(
        self,
        subcircuits: dict[tuple[str, ...], Subcircuit],
        key: tuple[str, ...],
        definition: Subcircuit,
    ) -> None:
        """Enter a definition; of several under one name, the dialect says which counts."""
        earlier = subcircuits.setdefault(key, definition)
        if earlier is definition:
            return
        again = f"{definition.location}: subcircuit {definition.name} is defined again"
        if is_same(earlier, definition):
            self.warn(f"{again}, just as at {earlier.location}")
            return
        kept, which = (definition, "last") if self.last_counts else (earlier, "first")
        subcircuits[key] = kept
        spelling = "" if earlier.name == definition.name else f" (as {earlier.name})"
        self.warn(f"{again}, unlike at {earlier.location}{spelling}; the {which} one counts")
