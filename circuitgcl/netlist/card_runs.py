"""The bulk path: runs of alike element cards, read column by column.

Flat netlists hold millions of cards of a few shapes, one on each line. A run of lines of one shape is found
with one regular expression, split into words at once, and its columns are turned into numbers by
dictionaries. What a card says behind its nodes is parsed once for every distinct wording, by the same
`parse_element` that reads single cards, so that both paths agree by construction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat

import numpy as np

from circuitgcl.errors import SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.elements import parse_element

SHORTEST_RUN = 16  # lines; below, single cards are as fast
LONGEST_RUN = 1 << 21  # characters taken at once, so that memory stays flat

_WORD = r"""[^\s'"{}()$;\\=,]+"""
_CARD = re.compile(rf"({_WORD}(?:[ \t]+{_WORD})*)((?:[ \t]+{_WORD}={_WORD})*)[ \t]*")
_RANGE = re.compile(r"[<\[]\d+:\d+[>\]]")  # a card with one may stand for several
_NODES = {"m": 4, "r": 2, "c": 2, "l": 2, "d": 2}
_NEXT_STATEMENT = re.compile(r"(?:[ \t]*+(?:\*[^\n]*+)?\n)*+[ \t]*+")  # over blank and comment lines


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


def shape_of(text: str) -> Shape | None:
    """Shape of a statement, or `None` where its kind is read one by one."""
    letter = text[0].lower()
    if letter != "x" and letter not in _NODES:
        return None
    match = _CARD.fullmatch(text)
    if match is None:
        return None
    before = match[1].split()
    if letter == "x":
        nodes = len(before) - (3 if before[-2:-1] == ["/"] else 2)
    else:
        nodes = _NODES[letter]
        if letter == "m" and len(before) != nodes + 2:
            return None
        if letter != "m" and len(before) != nodes + 2 and len(before) != nodes + 1:
            return None
    if nodes < 0 or len(before) < nodes + 1 or "/" in before[1 : nodes + 1]:
        return None
    return Shape(letter, nodes, len(before), len(match[2].split()))


@lru_cache(maxsize=256)
def _run_pattern(shape: Shape) -> re.Pattern[str]:
    """Lines of one shape, each with its line feed."""
    letter = f"[{shape.letter}{shape.letter.upper()}]"
    words = rf"(?:[ \t]+{_WORD}){{{shape.before - 1}}}"
    assigned = rf"(?:[ \t]+{_WORD}={_WORD}){{{shape.assignments}}}" if shape.assignments else ""
    name = rf"{letter}[^\s'\"{{}}()$;\\=,]*"
    return re.compile(rf"(?:[ \t]*+{name}{words}{assigned}[ \t]*+\n)++")


class _Wordings(dict[tuple[str, ...], int]):
    """Spec numbers of cards of one shape, by the words behind their nodes."""

    def __init__(self, assembly: Assembly, shape: Shape, location: SourceLocation) -> None:
        super().__init__()
        self.assembly, self.location = assembly, location
        self.head = f"{shape.letter}0 {'n ' * shape.nodes}"

    def __missing__(self, words: tuple[str, ...]) -> int:
        element = parse_element(self.head + " ".join(words), self.location)
        assert element is not None, "only letters of elements with nodes have a shape"
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

    def may_begin(self, position: int, letter: str) -> bool:
        """Whether a run of cards of a letter can begin at a position, as far as is known."""
        return position >= self._tried and self.text[position : position + 1].lower() == letter

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
        if lines < SHORTEST_RUN or "//" in run or (":" in run and _RANGE.search(run)):
            return position, line
        self._add(shape, run.split(), SourceLocation(self.path, line))
        return end, line + lines

    def _add(self, shape: Shape, words: list[str], first: SourceLocation) -> None:
        width, behind = shape.words, shape.nodes + 1
        names = words[::width]
        count = len(names)
        condition = self.assembly.condition
        wordings = self._wordings.get((shape, condition))
        if wordings is None:
            wordings = self._wordings[shape, condition] = _Wordings(self.assembly, shape, first)
        columns = [words[column::width] for column in range(behind, width)]
        endings = zip(*columns, strict=True) if columns else repeat((), count)
        specs = np.fromiter(map(wordings.__getitem__, endings), np.int32, count)
        numbers = self.assembly.body.nodes
        nodes = np.empty((count, shape.nodes), np.int32)
        for column in range(shape.nodes):
            nodes[:, column] = np.fromiter(
                map(numbers.__getitem__, words[column + 1 :: width]), np.int32, count
            )
        self.assembly.add_run(names, nodes, specs, first)
