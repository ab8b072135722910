"""Statements of the Spectre language to the assembly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.dialects import Dialect
from circuitgcl.netlist.elements import Element, add_copies
from circuitgcl.netlist.encryption import readable_parts
from circuitgcl.netlist.lexing import Statements, UnbalancedQuoteError, assignments, split_parameters
from circuitgcl.netlist.spectre_primitives import (
    ANALYSES,
    ANALYSES_OF_NODES,
    SPECTRE_PRIMITIVES,
    model_type_word,
)
from circuitgcl.netlist.spectre_spelling import (
    spice_expression,
    with_escapes_hidden,
    without_escapes,
    without_vectors,
)
from circuitgcl.netlist.spectre_structure import Structure

IncludeFile = Callable[[str, str | None, SourceLocation], None]  # name, library section, statement

_SHOWN = 60  # characters of a bad statement in its message


class SpectreParser:
    """Parses the statements of one file in the Spectre language.

    Args:
        assembly: where everything goes.
        path: the file, for source locations.
        dialect: the rules of the language.
        include: called for `include` statements.
    """

    def __init__(self, assembly: Assembly, path: str, dialect: Dialect, include: IncludeFile) -> None:
        self.assembly, self.path, self.dialect, self.include_file = assembly, path, dialect, include
        self.outer = assembly.depth  # definitions that were open before this file
        self.structure = Structure(assembly)
        self.skip_until = ""
        self.is_protected = False

    def parse(self, statements: Statements, *, title_line: int = 0) -> None:
        """Parse all statements of a file, or of a part of it.

        Args:
            statements: its statements.
            title_line: without meaning here; Spectre has no titles.

        Raises:
            NetlistError: a malformed statement, at its line.
        """
        for part in readable_parts(statements, self.dialect, self._fail_encrypted):
            for number, text in part:
                self._line(text, SourceLocation(self.path, number), part)
            self.structure.settle(SourceLocation(self.path, part.line))

    def _fail_encrypted(self, line: int) -> None:
        self.assembly.fail_encrypted(SourceLocation(self.path, line))

    def _line(self, text: str, location: SourceLocation, statements: Statements) -> None:
        if self.skip_until:
            if text.split(None, 1)[0] == self.skip_until:
                self.is_protected = self.is_protected and self.skip_until != "unprotect"
                self.skip_until = ""
        elif self.structure.concerns(text):
            try:
                for statement in self.structure.statements(text, location, statements):
                    self._statement(statement, location)
            except NetlistError as error:
                self._fail(error, location)
        else:
            self._statement(text, location)

    def _statement(self, text: str, location: SourceLocation) -> None:
        """Read one statement; one that cannot be read is an error or, when lenient, listed."""
        if self.assembly.is_skipping:
            return
        word = _WORD.match(text)
        handler = _HANDLERS.get(word[0]) if word else None
        try:
            if word is None or handler is None:
                self._instance(text, location)
            else:
                handler(self, text[word.end() :].strip(), location)
        except (UnbalancedQuoteError, NetlistError) as error:
            self._fail(error, location)

    def _fail(self, error: Exception, location: SourceLocation) -> None:
        if self.is_protected:
            self.skip_until = "unprotect"
            self.assembly.fail_encrypted(location)
        elif isinstance(error, NetlistError):
            self.assembly.fail(error)
        else:
            self.assembly.fail(NetlistError(str(error), location=location))

    def _instance(self, text: str, location: SourceLocation) -> None:
        written, text = text, with_escapes_hidden(text)
        if "{" in text:
            self._block(text, location)
            return
        match = _INSTANCE.match(text)
        if match:
            name, inside, master, tail = match.groups(default="")
            nodes = inside.split()
        else:
            name, nodes, master, tail = _without_parentheses(text, location)
        if master in ANALYSES and (not nodes or master in ANALYSES_OF_NODES):
            self._control(master, tail, location)
            return
        if SPECTRE_PRIMITIVES.get(master, master) is None:
            self.assembly.skip(master, location)
            return
        parameters, stray = _parameters(tail)
        if stray:
            self.assembly.warn(f"{location}: {name} has {stray} where `name=value` belongs; ignored")
        if text is not written:
            name, master, *nodes = (without_escapes(word) for word in (name, master, *nodes))
        if ":" in name:
            add_copies(self.assembly, Element(None, name, tuple(nodes), master, parameters), location)
        else:
            self.assembly.add_instance(name, nodes, master, parameters, location)

    def _block(self, text: str, location: SourceLocation) -> None:
        """Analyses and changes in braces: `name montecarlo ... { ... }`."""
        kind = text.replace("{", " ").split(None, 2)[1:2]
        if not kind or kind[0] not in ANALYSES:
            raise NetlistError(f"{text[:_SHOWN]!r}; no braces were expected here", location=location)
        self.assembly.skip(kind[0], location)

    def _control(self, kind: str, tail: str, location: SourceLocation) -> None:
        """An analysis or control statement; `options` may hold the scale of drawn lengths."""
        scale = _parameters(tail)[0].get("scale") if kind == "options" else None
        if scale:
            self.assembly.set_scale(scale, location)
        self.assembly.skip(kind, location)

    def _subckt(self, rest: str, location: SourceLocation) -> None:
        head, tail = split_parameters(with_escapes_hidden(rest))
        words = [without_escapes(word) for word in head.replace("(", " ").replace(")", " ").split()]
        if not words:
            raise NetlistError("subckt without a name; expected `subckt name (port ...)`", location=location)
        self.assembly.open_subcircuit(words[0], words[1:], _parameters(tail)[0], location)

    def _inline(self, rest: str, location: SourceLocation) -> None:
        keyword, *header = rest.split(None, 1) or [""]
        if keyword != "subckt":
            raise NetlistError(f"inline {keyword[:_SHOWN]}; expected `inline subckt`", location=location)
        self._subckt("".join(header), location)

    def _ends(self, rest: str, location: SourceLocation) -> None:
        name = "".join(with_escapes_hidden(rest).split()[:1])
        self.assembly.close_subcircuit(without_escapes(name), location, self.outer)

    def _parameter_statement(self, rest: str, location: SourceLocation) -> None:
        found = assignments(without_vectors(rest))
        if not found:
            raise NetlistError(f"parameters {rest[:_SHOWN]!r} has no `name=value`", location=location)
        formal = self.assembly.depth and not self.assembly.condition
        for name, _, expression in found:
            if formal:  # instances may override them
                self.assembly.body.defaults[name] = spice_expression(expression)
            else:
                self.assembly.add_parameter(name, spice_expression(expression))
        if len({name for name, _, _ in found}) < len(found):
            self.assembly.warn(
                f"{location}: parameters differ only by case, or are given twice; the last counts"
            )

    def _real(self, rest: str, location: SourceLocation) -> None:
        match = _FUNCTION.fullmatch(rest)
        if match is None:
            raise NetlistError(
                f"real {rest[:_SHOWN]!r}; expected `real name(real argument, ...) {{ return expression; }}`",
                location=location,
            )
        arguments = [
            argument.split()[-1].lower() for argument in match["arguments"].split(",") if argument.strip()
        ]
        self.assembly.add_function(match["name"], arguments, spice_expression(match["body"].strip()))

    def _model(self, rest: str, location: SourceLocation) -> None:
        words = with_escapes_hidden(rest).split(None, 2)
        if len(words) < 2:
            raise NetlistError("model needs a name and a type", location=location)
        base, _, inside = words[1].partition("{")
        type_word = model_type_word(base, " ".join([inside, *words[2:]]))
        self.assembly.add_model(without_escapes(words[0]), type_word, location)

    def _include(self, rest: str, location: SourceLocation) -> None:
        match = _FILE.match(rest)
        if match is None:
            raise NetlistError("include without a file name", location=location)
        section = _SECTION.search(rest, match.end())
        name = match["quoted"] or match["bare"]
        self.include_file(name, section[1] if section else None, location)

    def _section(self, rest: str, location: SourceLocation) -> None:
        """A section of a library, which nobody asked for: those asked for are read alone."""
        self.assembly.skip(f"section {rest}", location)
        self.skip_until = "endsection"

    def _global(self, rest: str, location: SourceLocation) -> None:
        for name in with_escapes_hidden(rest).split():
            self.assembly.add_global(without_escapes(name))

    def _protect(self, rest: str, location: SourceLocation) -> None:
        self.is_protected = True

    def _unprotect(self, rest: str, location: SourceLocation) -> None:
        self.is_protected = False

    def _nothing(self, rest: str, location: SourceLocation) -> None:
        """A statement that encloses others, or closes what has been closed otherwise."""


_Handler = Callable[[SpectreParser, str, SourceLocation], None]


def _skipped(kind: str) -> _Handler:
    def skip(parser: SpectreParser, rest: str, location: SourceLocation) -> None:
        parser.assembly.skip(kind, location)

    return skip


_WITHOUT_CIRCUIT = (
    "ahdl_include assert dspf_include ec export hdl ic nodeset paramset plot print save simulator "
    "spef_include statistics vcd_include vec_include #define #else #endif #if #ifdef #ifndef #undef"
)
_HANDLERS: dict[str, _Handler] = {
    **{kind: _skipped(kind) for kind in _WITHOUT_CIRCUIT.split()},
    "subckt": SpectreParser._subckt,
    "topckt": SpectreParser._subckt,  # MAGICAL marks its top cell so
    "inline": SpectreParser._inline,
    "ends": SpectreParser._ends,
    "parameters": SpectreParser._parameter_statement,
    "model": SpectreParser._model,
    "real": SpectreParser._real,
    "include": SpectreParser._include,
    "#include": SpectreParser._include,
    "library": SpectreParser._nothing,
    "endlibrary": SpectreParser._nothing,
    "section": SpectreParser._section,
    "endsection": SpectreParser._nothing,
    "global": SpectreParser._global,
    "protect": SpectreParser._protect,
    "unprotect": SpectreParser._unprotect,
}

_WORD = re.compile(r"#?[A-Za-z_]\w*(?=[\s({]|$)")
_INSTANCE = re.compile(r"([^\s()={}]+)\s*\(([^()={}]*)\)\s*([^\s()={}]+)(?:\s+(.*)|$)", re.S)
_FUNCTION = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s*\((?P<arguments>[^()]*)\)\s*\{\s*return\b(?P<body>[^;{}]*+);?\s*\}"
)
_FILE = re.compile(r"\"(?P<quoted>[^\"]+)\"|(?P<bare>[^\s\"=]++)(?!\s*=)")
_SECTION = re.compile(r"\bsection\s*=\s*[\"']?([^\s\"']+)")


def _without_parentheses(text: str, location: SourceLocation) -> tuple[str, list[str], str, str]:
    """Name, nodes, master and the rest of an instance whose nodes stand in no parentheses."""
    head, tail = split_parameters(text)
    words = head.split()
    if text[0] == ".":
        raise NetlistError(
            f"{words[0] if words else text[:_SHOWN]} is SPICE; is a `simulator lang=spice` missing?",
            location=location,
        )
    if "(" in head or ")" in head:
        raise NetlistError(
            f"{text[:_SHOWN]!r}; expected `name (node ...) master name=value ...`", location=location
        )
    if len(words) < 2:
        raise NetlistError(
            f"{text[:_SHOWN]!r} is no Spectre statement; expected `name (node ...) master`", location=location
        )
    return words[0], words[1:-1], words[-1], tail


@lru_cache(maxsize=4096)
def _parameters(text: str) -> tuple[Mapping[str, str], str]:
    """Parameters of an instance, which nobody changes, and words before them that belong nowhere."""
    stray, tail = split_parameters(without_vectors(text))
    found = {name: spice_expression(without_escapes(value)) for name, _, value in assignments(tail)}
    return found, stray.strip()
