"""The ladder of name normalisations: joins two lists of names that spell the same things differently.

Names are compared as written first, then under ever coarser normalisations. A rung joins two names that are
left over on both sides and are alone with their key there; names that share a key stay apart, and the reason
is kept.

A normalisation works on all names at once, as one text, so that a million names take seconds. Since equal
keys stay equal on coarser rungs, names that are alone with the coarsest key of all are joined at once, and
only the rung that would have done it is looked up; names that share that key climb rung by rung.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from circuitgcl.parasitics.records import IntArray

EXAMPLES = 3  # names shown where many could be
AS_WRITTEN = "as written"
WITHOUT_TOP = "without top cell"

_SEPARATORS = "/.:|"
_TO_SLASH = str.maketrans(_SEPARATORS, "/" * len(_SEPARATORS))
_LEADING_SLASH = re.compile(r"\n/+(?=[^/\n])")
_FIRST_X = re.compile(r"\nx+(?=[^/\n]+/)")  # several, since the instance's own name may begin with X
_LATER_X = re.compile(r"/x+(?=[^/\n]+/)")
_TO_SQUARE = str.maketrans("<({>)}", "[[[]]]")
_BUS_OPEN = re.compile(r"\[(?=\d+\])")
_BUS_CLOSE = re.compile(r"\](?<=\d\])")
_BUS_WORD = re.compile(r"(_\d+)_(?=[/\n])")  # `a_3_` for `a[3]`, as logic synthesis writes it
_GLOBAL_MARK = re.compile(r"!+\n")
_ANONYMOUS_MARK = re.compile(r"#+\n")
_HEAD = re.compile(rf"\n([^{_SEPARATORS}\n]+)[{_SEPARATORS}]")

Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """Why a name was not joined: others have the same key."""

    rung: str
    names: int  # of this side with that key
    partners: tuple[int, ...]  # of the other side with that key; the first few

    def reason(self, other: Sequence[str]) -> str:
        """The doubt in words; `other` are the names of the other side."""
        could_be = ", ".join(other[partner] for partner in self.partners)
        return f"{self.rung}, {self.names} extracted net{'s'[: self.names != 1]} could be {could_be}"


@dataclass(kw_only=True)
class Joined:
    """State of a climb: which name of one side is which of the other."""

    partner: IntArray  # [n] position on the other side, -1 while there is none
    counts: dict[str, int] = field(default_factory=dict)  # rung → names joined there
    doubts: dict[int, Doubt] = field(default_factory=dict)  # the first doubt about each name

    def pair(self, one: Sequence[int] | Positions, other: Sequence[int] | Positions, rung: str) -> None:
        """Join names at the same positions of two lists of positions."""
        if len(one):
            self.partner[np.asarray(one)] = other
            self.counts[rung] = self.counts.get(rung, 0) + len(one)


def _without_brackets(text: str) -> str:
    """Bits as `a_3`, whatever they were."""
    bare = _BUS_CLOSE.sub("", _BUS_OPEN.sub("_", text.translate(_TO_SQUARE)))
    return _BUS_WORD.sub(r"\1", bare) if "_\n" in bare or "_/" in bare else bare


# Each works on the keys of the one before it; a text has a line feed before and behind every name.
NORMALISATIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("up to case", str.casefold),
    ("up to escapes", lambda text: text.replace("\\", "")),
    ("up to separators", lambda text: _LEADING_SLASH.sub("\n", text.translate(_TO_SLASH))),
    ("up to leading X", lambda text: _LATER_X.sub("/", _FIRST_X.sub("\n", text))),
    ("up to bus notation", _without_brackets),
    ("up to global mark", lambda text: _GLOBAL_MARK.sub("\n", text) if "!" in text else text),
    ("up to anonymous mark", lambda text: _ANONYMOUS_MARK.sub("\n", text) if "#" in text else text),
    ("up to underscores", lambda text: text.replace("/", "_")),
)
"""Label and normalisation of every rung after the first."""


def climb(joined: Joined, names: Sequence[str], others: Sequence[str], tops: Collection[str] = ()) -> None:
    """Join what is left of two lists of names, from the finest rung to the coarsest.

    Args:
        joined: where the result goes; what is joined already stays.
        names: of one side, [n].
        others: of the other side.
        tops: names of the top cell that may stand before names of either side.
    """
    left = _Leftovers(joined, names, others)
    left.join(AS_WRITTEN, left.names(), left.others())
    _climb_left(left, left.names(), left.others(), "")
    if not left.is_done():
        sides = left.names(), left.others()
        stripped = _without_tops(sides, (names, others), tops)
        if stripped != sides:
            left.join(WITHOUT_TOP, *stripped)
            stripped = left.kept(stripped)
            _climb_left(left, *stripped, f"{WITHOUT_TOP}, ")


def coarsest(names: Sequence[str]) -> list[str]:
    """Keys of the last rung."""
    return _split(reduce(lambda text, rung: rung[1](text), NORMALISATIONS, _text(names)))


def slashed(names: Sequence[str]) -> list[str]:
    """Names in lower case with `/` between their components."""
    return _split(reduce(lambda text, rung: rung[1](text), NORMALISATIONS[:3], _text(names)))


def rungs() -> Iterator[str]:
    """Labels of all rungs of a climb, for messages."""
    yield AS_WRITTEN
    yield from (label for label, _ in NORMALISATIONS)
    yield WITHOUT_TOP


def _text(names: Sequence[str]) -> str:
    if not names:
        return "\n"
    text = "\n" + "\n".join(names) + "\n"
    if text.count("\n") != len(names) + 1:  # a name with a line feed in it; none comes from a netlist
        text = "\n" + "\n".join(name.replace("\n", " ") for name in names) + "\n"
    return text


def _split(text: str) -> list[str]:
    return text[1:-1].split("\n") if len(text) > 1 else []


class _Leftovers:
    """Names without a partner on both sides, and the joining of one rung."""

    def __init__(self, joined: Joined, names: Sequence[str], others: Sequence[str]) -> None:
        self._joined = joined
        self._all = names, others
        taken = np.zeros(len(others) + 1, bool)
        taken[joined.partner] = True  # the last entry stands for -1
        self.one: Positions = np.flatnonzero(joined.partner < 0)
        self.other: Positions = np.flatnonzero(~taken[:-1])
        self._kept: tuple[Positions, Positions] = self.one, self.other  # positions of the last keys

    def is_done(self) -> bool:
        """Whether a side has nothing left."""
        return not len(self.one) or not len(self.other)

    def names(self) -> list[str]:
        return [self._all[0][i] for i in self.one.tolist()]

    def others(self) -> list[str]:
        return [self._all[1][i] for i in self.other.tolist()]

    def kept(self, keys: tuple[list[str], list[str]]) -> tuple[list[str], list[str]]:
        """Of the keys of the last join, those of names still left over."""
        one, other = self._kept
        return (
            keys[0] if len(one) == len(keys[0]) else [keys[0][p] for p in one.tolist()],
            keys[1] if len(other) == len(keys[1]) else [keys[1][p] for p in other.tolist()],
        )

    def join(self, rung: str, keys: Sequence[str], other_keys: Sequence[str]) -> None:
        """Join keys that are alone on both sides."""
        row, other_row, contested = alone(keys, other_keys)
        self._joined.pair(self.one[row], self.other[other_row], rung)
        if len(contested):
            self._doubt(rung, keys, other_keys, contested.tolist())
        self.drop(row, other_row)

    def take(self, one: Positions, other: Positions, rung: str) -> None:
        """Join names by their positions on both sides; `drop` takes them out of what is left."""
        self._joined.pair(one, other, rung)

    def drop(self, row: Positions, other_row: Positions) -> None:
        """Take rows of either side out of what is left."""
        masks = np.ones(len(self.one), bool), np.ones(len(self.other), bool)
        masks[0][row] = masks[1][other_row] = False
        self._kept = np.flatnonzero(masks[0]), np.flatnonzero(masks[1])
        self.one, self.other = self.one[masks[0]], self.other[masks[1]]

    def _doubt(self, rung: str, keys: Sequence[str], other_keys: Sequence[str], rows: Sequence[int]) -> None:
        contested = {keys[row] for row in rows}
        partners: dict[str, tuple[int, ...]] = {}
        for position, key in zip(self.other.tolist(), other_keys, strict=True):
            if key in contested and len(known := partners.get(key, ())) < EXAMPLES:
                partners[key] = (*known, position)
        counts = Counter(keys[row] for row in rows)
        for row in rows:
            doubt = Doubt(rung=rung, names=counts[keys[row]], partners=partners[keys[row]])
            self._joined.doubts.setdefault(int(self.one[row]), doubt)


def alone(keys: Sequence[str], other_keys: Sequence[str]) -> tuple[Positions, Positions, Positions]:
    """Positions of keys that both sides have exactly once, of either side; and of other shared keys."""
    found = dict(zip(other_keys, range(len(other_keys)), strict=True))
    mate = np.fromiter(map(found.get, keys, repeat(-1)), np.int64, len(keys))
    row = np.flatnonzero(mate >= 0)
    several = _repeated(keys) | _repeated(other_keys) if len(row) else set()
    if not several:
        return row, mate[row], row[:0]
    is_shared = np.fromiter((keys[i] in several for i in row.tolist()), bool, len(row))
    return row[~is_shared], mate[row[~is_shared]], row[is_shared]


def _repeated(keys: Sequence[str]) -> set[str]:
    """Keys that occur more than once."""
    if len(set(keys)) == len(keys):
        return set()
    return {key for key, count in Counter(keys).items() if count > 1}


def _climb_left(left: _Leftovers, keys: list[str], other_keys: list[str], prefix: str) -> None:
    """All rungs after the first on what is left, given its keys on the first."""
    if left.is_done():
        return
    row, other_row, contested = alone(coarsest(keys), coarsest(other_keys))
    pairs = [keys[i] for i in row.tolist()], [other_keys[i] for i in other_row.tolist()]
    _attribute(left, row, other_row, pairs, prefix)
    keys, other_keys = left.kept((keys, other_keys))
    if not len(contested):
        return
    texts = _text(keys), _text(other_keys)
    for label, normalise in NORMALISATIONS:
        texts = normalise(texts[0]), normalise(texts[1])
        split = _split(texts[0]), _split(texts[1])
        left.join(prefix + label, *split)
        if left.is_done():
            return
        kept = left.kept(split)
        texts = _text(kept[0]), _text(kept[1])


def _attribute(
    left: _Leftovers, row: Positions, other_row: Positions, pairs: tuple[list[str], list[str]], prefix: str
) -> None:
    """Join names, each pair on the first rung where its keys are equal."""
    one, other = left.one[row], left.other[other_row]
    texts = _text(pairs[0]), _text(pairs[1])
    for label, normalise in NORMALISATIONS:
        if not len(one):
            break
        texts = normalise(texts[0]), normalise(texts[1])
        if texts[0] == texts[1]:
            left.take(one, other, prefix + label)
            break
        keys = _split(texts[0]), _split(texts[1])
        equal = np.fromiter(map(str.__eq__, *keys), bool, len(one))
        left.take(one[equal], other[equal], prefix + label)
        if equal.any():
            rest = np.flatnonzero(~equal)
            one, other = one[rest], other[rest]
            texts = _text([keys[0][i] for i in rest.tolist()]), _text([keys[1][i] for i in rest.tolist()])
    left.drop(row, other_row)


def _without_tops(
    sides: tuple[list[str], list[str]], everything: tuple[Sequence[str], Sequence[str]], tops: Collection[str]
) -> tuple[list[str], list[str]]:
    """What is left of both sides without the top cell in front, where a side has it there.

    A first component is the top cell when it is called like it (or X and that); also when all hierarchical
    names of a side begin with it, none of the other side does, and dropping it makes some names meet.
    """
    known = {bare for name in tops if name for bare in (name.casefold(), "x" + name.casefold())}
    heads = _heads(everything[0]), _heads(everything[1])
    stripped: list[list[str]] = []
    for side in (0, 1):
        here = heads[side] & known
        if not here and len(heads[side]) == 1:
            bare = {head.removeprefix("x") for head in heads[side]}
            is_foreign = bare.isdisjoint(head.removeprefix("x") for head in heads[1 - side])
            if is_foreign and _meet(_beheaded(sides[side], heads[side]), sides[side], sides[1 - side]):
                here = heads[side]
        stripped.append(_beheaded(sides[side], here))
    return stripped[0], stripped[1]


def _meet(beheaded: Sequence[str], names: Sequence[str], others: Sequence[str]) -> bool:
    """Whether some name that lost its first component is now one of the other side."""
    changed = [new for new, old in zip(beheaded, names, strict=True) if new != old]
    return not set(coarsest(changed)).isdisjoint(coarsest(others))


def _heads(names: Sequence[str]) -> set[str]:
    """First components of the hierarchical names, case folded."""
    return {head.casefold() for head in set(_HEAD.findall(_text(names)))}


def _beheaded(names: list[str], heads: Collection[str]) -> list[str]:
    """Names without their first component where that is one of `heads`."""
    if not heads:
        return names
    either = "|".join(map(re.escape, sorted(heads)))
    return _split(re.sub(rf"(?i)\n(?:{either})[{_SEPARATORS}]+(?=[^\n])", "\n", _text(names)))
