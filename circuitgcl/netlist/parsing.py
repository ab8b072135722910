"""SPICE-like statements to the assembly: which definition a card belongs to, and what dot cards say."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import chain, islice

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.card_runs import RunReader, Shape
from circuitgcl.netlist.defined_names import DefinedNames
from circuitgcl.netlist.dialects import Dialect
from circuitgcl.netlist.elements import NOTHING_DEFINED, add_element, without_parentheses
from circuitgcl.netlist.encryption import readable_parts
from circuitgcl.netlist.lexing import (
    LogicalLine,
    Statements,
    UnbalancedQuoteError,
    assignments,
    split_parameters,
)
from circuitgcl.netlist.port_directions import StatedLine, stated_directions

# Called with the name, the statement's place, and the section: `None` for no library, "" for a whole one.
IncludeFile = Callable[[str, str | None, SourceLocation], None]

_BLOCK_ENDS = {".control": ".endc", ".data": ".enddata", ".verilog": ".endverilog", ".hdl_block": ".endhdl"}
_FILE_ENDS = (".end", ".alter")  # what `.alter` changes is a variant of the circuit before it
_SCALE_WORDS = {"micron": "1e-6", "meter": "1", "metre": "1"}  # CDL: `*.SCALE MICRON`
_SHOWN = 60  # characters of a bad statement in its message
_NO_COMMENT: StatedLine = sys.maxsize, []


class Parser:
    """Parses the statements of one file; included files get a parser of their own.

    Args:
        assembly: where everything goes.
        path: the file, for source locations.
        dialect: its dialect.
        include: called for `.include` and `.lib` statements.
    """

    def __init__(self, assembly: Assembly, path: str, dialect: Dialect, include: IncludeFile) -> None:
        self.assembly, self.path, self.dialect, self.include_file = assembly, path, dialect, include
        self.outer = assembly.depth  # definitions that were open before this file
        self.skip_until: tuple[str, ...] = ()
        self.protected = False
        self.shape: Shape | None = None  # of the last card
        self.defined = NOTHING_DEFINED

    def parse(self, statements: Statements, *, title_line: int = 0) -> None:
        """Parse all statements of a file.

        Args:
            statements: its statements.
            title_line: where a title may stand; 0 in an included file.

        Raises:
            NetlistError: a malformed card, at its line.
        """
        for part in readable_parts(statements, self.dialect, self._fail_encrypted):
            if self._part(part, title_line):
                break

    def _part(self, statements: Statements, title_line: int) -> bool:
        """Parse statements until the file ends; whether a statement ended it."""
        assembly, text = self.assembly, statements.text
        self.runs = RunReader(assembly, self.path, text, statements.stop)
        if self.defined is NOTHING_DEFINED:  # all parts have the same text
            self.defined = DefinedNames(text, assembly.fold, assembly.vertical_models)
        comments = stated_directions(text, statements.position, statements.stop, statements.line)
        comment = next(comments, _NO_COMMENT)
        for line in statements:
            while comment[0] < line.line:  # it stands in the definition that is open before this statement
                assembly.body.state_directions(comment[1])
                comment = next(comments, _NO_COMMENT)
            text, location = line.text, SourceLocation(self.path, line.line)
            if line.line == title_line and self.dialect.has_title_line and _looks_like_title(line):
                self.assembly.skip("title", location)
            elif self.skip_until:
                if text.split(None, 1)[0].lower() in self.skip_until:
                    self.skip_until = ()
            elif text[0] in ".*":
                if self._tried(self._directive, text, location):
                    self._rest_of_file(text.split(None, 1)[0].lower(), statements)
                    return True
            elif not self.assembly.is_skipping:
                before = self.shape
                self._tried(self._element, text, location)
                if self.shape is not None and self.shape == before:  # the second of a kind may begin a run
                    self._run(statements)
        for _, stated in chain([comment], comments):
            assembly.body.state_directions(stated)
        return False

    def _fail_encrypted(self, line: int) -> None:
        self.assembly.fail_encrypted(SourceLocation(self.path, line))

    def _tried(
        self, handle: Callable[[str, SourceLocation], bool | None], text: str, location: SourceLocation
    ) -> bool:
        """Handle a statement; one that cannot be read is an error or, when lenient, listed."""
        try:
            return bool(handle(text, location))
        except (NetlistError, UnbalancedQuoteError) as error:
            if self.protected:
                self.protected, self.skip_until = False, (".unprotect", ".unprot")
                self.assembly.fail_encrypted(location)
            elif isinstance(error, NetlistError):
                self.assembly.fail(error)
            else:
                self.assembly.fail(NetlistError(str(error), location=location))
        return False

    def _run(self, statements: Statements) -> None:
        """Read the cards that are alike the last one, if many follow."""
        while self.shape is not None and self.runs.may_begin(self.shape, statements.position):
            try:
                position, line = self.runs.read(self.shape, statements.position, statements.line)
            except (NetlistError, UnbalancedQuoteError):  # card by card, the bad one is found at its line
                return
            if position == statements.position:
                return
            statements.skip_to(position, line)

    def _rest_of_file(self, end: str, statements: Statements) -> None:
        """List what follows the statement that ends a file."""
        following = next(iter(islice(statements, 1)), None)
        if following is not None:
            self.assembly.skip(f"text after {end}", SourceLocation(self.path, following.line))

    def _element(self, text: str, location: SourceLocation) -> None:
        self.shape = None  # also when the card cannot be read
        self.shape = self.runs.add(text, location)
        if self.shape is None:
            add_element(self.assembly, text, location, self.defined)

    def _directive(self, text: str, location: SourceLocation) -> bool:
        """Handle a dot card; true when it ends the file."""
        word, *rest = text.split(None, 1)
        word = word.lower()
        if self.assembly.is_skipping and word not in _CONDITIONALS:
            return False
        if word in _FILE_ENDS:
            return True
        handler = _DIRECTIVES.get(word)
        if handler is not None:
            handler(self, rest[0].strip() if rest else "", location)
        else:
            self.skip_until = (_BLOCK_ENDS[word],) if word in _BLOCK_ENDS else ()
            self.assembly.skip(word, location)
        return False

    def _subckt(self, rest: str, location: SourceLocation) -> None:
        head, parameters = split_parameters(rest)
        words = without_parentheses(head.replace(",", " ").split())
        if not words:
            raise NetlistError(".subckt without a name; expected `.subckt name port ...`", location=location)
        ports = [word for word in words[1:] if word != "/"]
        self.assembly.open_subcircuit(words[0], ports, _plain(parameters), location)

    def _ends(self, rest: str, location: SourceLocation) -> None:
        self.assembly.close_subcircuit(rest.split()[0] if rest else "", location, self.outer)

    def _param(self, rest: str, location: SourceLocation) -> None:
        found = assignments(rest)
        if not rest:  # CDL writers leave an empty one
            self.assembly.skip(".param", location)
        elif not found:
            raise NetlistError(f".param {rest[:_SHOWN]!r} has no `name = value`", location=location)
        for name, arguments, expression in found:
            if arguments is None:
                self.assembly.add_parameter(name, expression)
            else:
                self.assembly.add_function(name, arguments, expression)

    def _func(self, rest: str, location: SourceLocation) -> None:
        text = rest if "=" in rest.split(")", 1)[-1][:3] else rest.replace(")", ") = ", 1)
        found = assignments(text)
        if not found or found[0][1] is None:
            raise NetlistError(
                f".func {rest[:_SHOWN]!r}; expected `.func name(arguments) {{expression}}`", location=location
            )
        name, arguments, expression = found[0]
        self.assembly.add_function(name, arguments or (), expression)

    def _model(self, rest: str, location: SourceLocation) -> None:
        words = rest.replace("(", " ").split(None, 2)
        if len(words) < 2:
            raise NetlistError(".model needs a name and a type", location=location)
        polarity = _POLARITY.search(words[2]) if len(words) > 2 else None
        told = (polarity[1] or polarity[2]) if polarity else ""
        self.assembly.add_model(words[0], words[1], location, told)

    def _global(self, rest: str, location: SourceLocation) -> None:
        for name in rest.replace(",", " ").split():
            name = name.split(":")[0]  # CDL types its globals: `VDD:P`
            if name:
                self.assembly.add_global(name)

    def _option(self, rest: str, location: SourceLocation) -> None:
        for name, _, expression in assignments(rest):
            if name == "scale":
                self.assembly.set_scale(expression, location)

    def _cdl_scale(self, rest: str, location: SourceLocation) -> None:
        word = rest.split()[0].lower() if rest else ""
        if word in _SCALE_WORDS:
            self.assembly.set_scale(_SCALE_WORDS[word], location)
        else:
            self.assembly.skip("*.scale", location)

    def _connect(self, rest: str, location: SourceLocation) -> None:
        names = rest.replace(",", " ").replace("=", " ").split()
        if len(names) < 2:
            raise NetlistError(".connect needs two nets", location=location)
        for name in names[1:]:
            self.assembly.connect(names[0], name)

    def _include(self, rest: str, location: SourceLocation) -> None:
        words = _file_words(rest)
        if not words:
            raise NetlistError(".include without a file name", location=location)
        self.include_file(words[0], None, location)

    def _lib(self, rest: str, location: SourceLocation) -> None:
        words = _file_words(rest)
        if not words:
            raise NetlistError(".lib without a file or section name", location=location)
        if len(words) > 1:
            self.include_file(words[0], words[1], location)
        elif _LIBRARY_FILE.search(words[0]):  # LTspice, PSpice: the whole file
            self.include_file(words[0], "", location)
        else:  # a section begins here, and nobody asked for it
            self.assembly.skip(f".lib section {words[0]}", location)
            self.skip_until = (".endl",)

    def _protect(self, rest: str, location: SourceLocation) -> None:
        self.protected = True

    def _unprotect(self, rest: str, location: SourceLocation) -> None:
        self.protected = False

    def _if(self, rest: str, location: SourceLocation) -> None:
        self.assembly.begin_condition(rest, location)

    def _elseif(self, rest: str, location: SourceLocation) -> None:
        self.assembly.begin_else(location, rest)

    def _else(self, rest: str, location: SourceLocation) -> None:
        self.assembly.begin_else(location)

    def _endif(self, rest: str, location: SourceLocation) -> None:
        self.assembly.end_condition(location)

    def _commented_top(self, rest: str, location: SourceLocation) -> None:
        """The top cell of an xschem netlist, whose cards stand outside every definition."""
        words = rest.split()
        if words:
            self.assembly.name_top(words[0], words[1:], location)

    def _nothing(self, rest: str, location: SourceLocation) -> None:
        """A card that closes what has been closed otherwise, or is read elsewhere."""


_CONDITIONALS = frozenset({".if", ".elseif", ".else", ".endif"})
_DIRECTIVES: dict[str, Callable[[Parser, str, SourceLocation], None]] = {
    ".subckt": Parser._subckt,
    ".macro": Parser._subckt,
    ".ends": Parser._ends,
    ".eom": Parser._ends,
    ".param": Parser._param,
    ".params": Parser._param,
    ".parameter": Parser._param,
    ".parameters": Parser._param,
    ".csparam": Parser._param,
    ".global_param": Parser._param,
    ".func": Parser._func,
    ".function": Parser._func,
    ".model": Parser._model,
    ".global": Parser._global,
    "*.global": Parser._global,
    ".option": Parser._option,
    ".options": Parser._option,
    ".include": Parser._include,
    ".incl": Parser._include,
    ".inc": Parser._include,
    ".lib": Parser._lib,
    ".endl": Parser._nothing,
    "**.subckt": Parser._commented_top,
    "**.ends": Parser._nothing,
    ".if": Parser._if,
    ".elseif": Parser._elseif,
    ".else": Parser._else,
    ".endif": Parser._endif,
    ".connect": Parser._connect,
    "*.connect": Parser._connect,
    "*.scale": Parser._cdl_scale,
    "*.pininfo": Parser._nothing,  # `port_directions` reads it in every dialect
    ".protect": Parser._protect,
    ".prot": Parser._protect,
    ".unprotect": Parser._unprotect,
    ".unprot": Parser._unprotect,
}

_POLARITY = re.compile(r"\b(?:type\s*=\s*([-+]?\w+)|(pchan)\b)", re.I)
_FILE_WORD = re.compile(r"""'([^']*)'|"([^"]*)"|(\S+)""")
_LIBRARY_FILE = re.compile(r"[./\\]")  # in a file name, not in the name of a section


def _file_words(rest: str) -> list[str]:
    """Words of an include statement, which may be quoted and hold blanks."""
    found = ("".join(match.groups(default="")) for match in _FILE_WORD.finditer(rest))
    return [word.strip() for word in found if word.strip()]


def _plain(text: str) -> dict[str, str]:
    return {name: expression for name, _, expression in assignments(text)}


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
