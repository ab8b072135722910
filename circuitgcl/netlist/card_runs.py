"""The bulk path: runs of alike element cards, read column by column.

Flat netlists hold millions of cards of a few shapes, one on each line. A run of lines of one shape is found
with one regular expression, and its columns are turned into numbers by `RunWords`. What a card says behind
its nodes is parsed once for every distinct wording, by the same `parse_element` that reads single cards, so
that both paths agree by construction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.device_typing import LETTER_TYPES
from circuitgcl.netlist.elements import is_value, parse_element
from circuitgcl.netlist.records import IntArray
from circuitgcl.netlist.run_words import RunWords, UnreadableRunError

SHORTEST_RUN = 8  # lines; below, single cards are as fast
LONGEST_RUN = 1 << 21  # characters taken at once, so that memory stays flat

_NO_WORD = r"""'"{}()$;\\=,"""  # characters that need a closer look
_WORD = rf"[^\s{_NO_WORD}]+"
_SPECIAL = re.compile(r"""['"{}()$;\\,]""")
_COLON = re.compile(r"(?i:params?)\s*:|[<\[]\d+:\d+[>\]]")  # a keyword, or a range that makes several cards
_NEXT_STATEMENT = re.compile(r"(?:[ \t]*+(?:\*[^\n]*+)?\n)*+[ \t]*+")  # over blank and comment lines
_NODES = {"m": 4, "r": 2, "c": 2, "l": 2, "d": 2}


@dataclass(frozen=True, slots=True)
class Shape:
    """What alike cards have in common: their letter and the number of their words."""

    letter: str
    nodes: int
    before: int  # words before the first `name=value`, the card's name included
    assignments: int

    @property
    def words(self) -> int:
        """Number of words of a card."""
        return self.before + self.assignments


def shape_of(text: str) -> tuple[Shape, list[str]] | None:
    """Shape and words of a plain card, or `None` for one that needs a closer look."""
    if _SPECIAL.search(text) or "//" in text or (":" in text and _COLON.search(text)):
        return None
    words = text.split()
    before = len(words) - text.count("=")
    if before < 2 or not all("=" in word for word in words[before:]):
        return None
    shape = _shape(text[0].lower(), before, len(words) - before, words[before - 2] == "/")
    if shape is None or "/" in words[1 : shape.nodes + 1]:
        return None
    return shape, words


@lru_cache(maxsize=1024)
def _shape(letter: str, before: int, assignments: int, has_slash: bool) -> Shape | None:
    if letter == "x":
        nodes = before - (3 if has_slash else 2)
        return Shape(letter, nodes, before, assignments) if nodes >= 0 else None
    nodes = _NODES.get(letter, -1)
    behind = before - nodes - 1  # words between the nodes and the first assignment
    if nodes < 0 or behind not in ((1,) if letter == "m" else (0, 1)):
        return None
    return Shape(letter, nodes, before, assignments)


@lru_cache(maxsize=256)
def _run_pattern(shape: Shape) -> re.Pattern[str]:
    """Lines of one shape, each with its line feed."""
    letter = f"[{shape.letter}{shape.letter.upper()}]"
    words = rf"(?:[ \t]+{_WORD}){{{shape.before - 1}}}"
    assigned = rf"(?:[ \t]+{_WORD}={_WORD}){{{shape.assignments}}}" if shape.assignments else ""
    name = rf"{letter}[^\s{_NO_WORD}]*"
    return re.compile(rf"(?:[ \t]*+{name}{words}{assigned}[ \t]*+\n)++")


class _Wordings(dict[tuple[str, ...], int]):
    """Spec numbers of cards of one shape, by the words behind their nodes."""

    def __init__(self, assembly: Assembly, shape: Shape) -> None:
        super().__init__()
        self.assembly, self.location = assembly, SourceLocation(assembly.path, 0)
        self.nodes = shape.nodes
        self.is_plain = shape.letter in "rcl" and shape.words == shape.before == shape.nodes + 2
        self.letter, self.head = shape.letter, f"{shape.letter}0 {'n ' * shape.nodes}"

    def __missing__(self, words: tuple[str, ...]) -> int:
        if self.is_plain and is_value(words[0]):  # `C1 a b 1.2f`: rarely alike
            value = {self.letter: words[0]}
            number = self[words] = self.assembly.spec(LETTER_TYPES[self.letter], "", self.nodes, value)
            return number
        element = parse_element(self.head + " ".join(words), self.location)
        assert element is not None, "only letters of elements with nodes have a shape"
        if len(element.nodes) != self.nodes:  # `X1 a b inv params: w=1u`, `X1 a b inv w =1u`
            raise NetlistError("the words of this card need a closer look", location=self.location)
        number = self[words] = self.assembly.spec(
            element.kind, element.master, len(element.nodes), element.parameters
        )
        return number


class RunReader:
    """Reads runs of alike cards of one file into an assembly.

    Args:
        assembly: where the cards go.
        path: the file, for source locations.
        text: its text.
        stop: where the part to be read ends.
    """

    def __init__(self, assembly: Assembly, path: str, text: str, stop: int) -> None:
        self.assembly, self.path, self.text, self.stop = assembly, path, text, stop
        self._wordings: dict[tuple[Shape, str], _Wordings] = {}
        self._tried = 0  # lines before this position were matched before and make no run

    def add(self, text: str, location: SourceLocation) -> Shape | None:
        """Add one card, if it is a plain one.

        Returns:
            Its shape, or `None` where nothing was added: the card is not plain, or cannot be read.
        """
        found = shape_of(text)
        if found is None:
            return None
        shape, words = found
        behind = shape.nodes + 1
        try:
            spec = self._wordings_of(shape, location)[tuple(words[behind:])]
        except NetlistError:
            return None
        self.assembly.add_card(words[0], words[1:behind], spec, location)
        return shape

    def may_begin(self, shape: Shape, position: int) -> bool:
        """Whether a run of cards of a shape can begin at a position, as far as is known."""
        return position >= self._tried and self.text[position : position + 1].lower() == shape.letter

    def read(self, shape: Shape, position: int, line: int) -> tuple[int, int]:
        """Read the run of cards that begins at a position.

        Args:
            shape: shape of the card before it.
            position: where in the text a line begins.
            line: number of that line, from 1.

        Returns:
            Position and line number of what follows; those given where there is no run.

        Raises:
            NetlistError: a card that cannot be read, though not at its line: nothing has been added then.
        """
        match = _run_pattern(shape).match(self.text, position, min(self.stop, position + LONGEST_RUN))
        if match is None:
            return position, line
        end = self._tried = match.end()
        if self.text.startswith("+", _NEXT_STATEMENT.match(self.text, end).end()):  # type: ignore[union-attr]
            end = self.text.rfind("\n", position, end - 1) + 1  # the last card goes on behind the run
        run = self.text[position:end]
        lines = run.count("\n")
        if lines < SHORTEST_RUN or "//" in run or (":" in run and _COLON.search(run)):
            return position, line
        try:
            self._add(shape, RunWords(run, shape.words), SourceLocation(self.path, line))
        except UnreadableRunError:
            return position, line
        return end, line + lines

    def _add(self, shape: Shape, words: RunWords, first: SourceLocation) -> None:
        behind = shape.nodes + 1
        wordings = self._wordings_of(shape, first)
        if behind < shape.words:
            code, endings = words.coded_rest(behind)
            specs = _numbers([wordings[tuple(ending.split())] for ending in endings])[code]
        else:
            specs = np.full(len(words), wordings[()], np.int32)
        nodes = np.zeros(0, np.int32)
        if shape.nodes:
            code, names = words.coded(1, behind)  # card by card, for names are numbered as they appear
            nodes = _numbers(list(map(self.assembly.body.nodes.__getitem__, names)))[code]
        self.assembly.add_run(words.lines(0), nodes, specs, first)

    def _wordings_of(self, shape: Shape, location: SourceLocation) -> _Wordings:
        key = shape, self.assembly.condition
        wordings = self._wordings.get(key)
        if wordings is None:
            wordings = self._wordings[key] = _Wordings(self.assembly, shape)
        wordings.location = location
        return wordings


def _numbers(values: list[int]) -> IntArray:
    return np.array(values, np.int32)
