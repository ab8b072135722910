"""The little about a deck's text that is needed to hand it to another program, found without our reader."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_QUOTED = re.compile(r"'[^']*'|\{[^{}]*\}|\"[^\"]*\"")
_INCLUDE = re.compile(r"\.(?:inc|include|incl|lib)\s+(?:\"([^\"]+)\"|'([^']+)'|(\S+))(?:\s+(\S+))?\s*$", re.I)
_COMMENT = re.compile(r"(?:^|\s)(?:\$(?=\s)|//).*|;.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Header of a subcircuit, or how it is called where nobody defines it."""

    name: str  # lower case
    ports: int
    parameters: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Scan:
    """What a deck and the files it includes define and call; all names in lower case."""

    definitions: dict[str, Definition] = field(default_factory=dict)
    calls: dict[str, Definition] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    wanted_models: dict[str, str] = field(default_factory=dict)  # model name -> element letter
    called_inside: set[str] = field(default_factory=set)
    has_main_cards: bool = False
    has_copies: bool = False  # an instance with m=
    has_ground_port: bool = False  # a definition with a port named gnd

    @property
    def roots(self) -> list[str]:
        """Definitions that nobody instantiates, in the order of the file."""
        return [name for name in self.definitions if name not in self.called_inside]

    def add_call(self, master: str, nodes: int, parameters: Iterable[str]) -> None:
        """Note one instance; parameters of all instances of a master are united."""
        known = self.calls.get(master)
        names = dict.fromkeys((*(known.parameters if known else ()), *parameters))
        self.calls[master] = Definition(name=master, ports=nodes, parameters=tuple(names))


def text_of(path: Path) -> str:
    """Text of a file, unpacked, one line end for all."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    text = data.decode("latin-1").removeprefix("ï»¿")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def logical_lines(text: str) -> Iterator[str]:
    """Lines with their continuations joined and comments gone."""
    joined = ""
    for line in text.splitlines():
        line = _COMMENT.sub("", line).strip()
        if not line or line[0] == "*":
            continue
        if line[0] == "+":
            joined += " " + line[1:]
            continue
        if joined:
            yield joined
        joined = line
    if joined:
        yield joined


def words_and_parameters(line: str) -> tuple[list[str], list[str]]:
    """Words before the first assignment, and the names assigned, all in lower case."""
    text = re.sub(r"\s*=\s*", "=", _QUOTED.sub("0", line)).lower()
    words: list[str] = []
    for word in text.split():
        if "=" in word or word == "params:":
            break
        words.append(word)
    return words, re.findall(r"([\w.]+)=", text)


def included_file(line: str, base: Path) -> Path | None:
    """File named by an include or library card, or `None` for another card."""
    match = _INCLUDE.match(line)
    if match is None:
        return None
    name = next(filter(None, match.groups()[:3]))
    is_section = line[1:4].lower() == "lib" and match[4] is None and not (base / name).exists()
    return None if is_section else base / name


def scan(path: Path, text: str | None = None) -> Scan:
    """Definitions and calls of a deck and everything it includes."""
    found = Scan()
    _scan_file(found, path, text_of(path) if text is None else text, seen=set(), is_main=True)
    return found


def _scan_file(found: Scan, path: Path, text: str, *, seen: set[Path], is_main: bool) -> None:
    seen.add(path.resolve())
    depth = 0
    lines = logical_lines(text.partition("\n")[2] if is_main and title_of(text) else text)
    for line in lines:
        head = line.split(None, 1)[0].lower()
        if head in (".subckt", ".macro"):
            depth += 1
            words, parameters = words_and_parameters(line)
            name = words[1] if len(words) > 1 else ""
            found.has_ground_port |= "gnd" in words[2:]
            found.definitions[name] = Definition(
                name=name, ports=len(words) - 2, parameters=tuple(parameters)
            )
        elif head in (".ends", ".eom"):
            depth = max(0, depth - 1)
        elif head == ".model":
            found.models.add(line.split()[1].lower().split(".")[0])
        elif (file := included_file(line, path.parent)) is not None:
            if file.is_file() and file.resolve() not in seen:
                _scan_file(found, file, text_of(file), seen=seen, is_main=False)
        elif head[0].isalpha():
            _scan_element(found, line)
            found.has_main_cards |= depth == 0


def with_instances_marked(text: str, found: Scan) -> str:
    """The deck with an X before the name of every instance that lacks one.

    That is a card of another letter whose last word is a cell with as many ports as the card has nodes.
    """
    lines = text.split("\n")
    start = 1 if title_of(text) else 0
    for place in range(start, len(lines)):
        if not lines[place][:1].isalpha() or lines[place][0] in "xX":
            continue
        end = place + 1
        while end < len(lines) and lines[end][:1] == "+":
            end += 1
        words, _ = words_and_parameters(" ".join(line.lstrip("+") for line in lines[place:end]))
        cell = found.definitions.get(words[-1]) if words else None
        if cell is not None and cell.ports == len(words) - 2:
            lines[place] = INSTANCE_MARK + lines[place]
    return "\n".join(lines)


def title_of(text: str) -> str:
    """The first line where it is a title: simulators take any line there for one, we leave dot cards out."""
    first = text.partition("\n")[0].strip()
    return "" if first[:1] in ("", ".", "*", "+") else first


INSTANCE_MARK = "xnamedwithoutx_"
MODEL_PLACE = {"m": 4, "d": 3, "j": 4, "z": 4, "q": 4}  # the first word of a card that can be the model
_SUFFIXES = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "mil": 25.4e-6, "m": 1e-3, "u": 1e-6, "µ": 1e-6}
_SUFFIXES |= {"n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|mil|[tgkmuµnpfa])?[a-z%]*", re.I)


def number(text: str) -> float:
    """A SPICE number; NaN for anything else."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return math.nan
    return float(match[1]) * _SUFFIXES.get((match[2] or "").lower(), 1.0)


def model_place(words: Sequence[str], letter: str) -> int:
    """Place of a card's model: the last word that is no number, or the first place where it can be."""
    first = MODEL_PLACE.get(letter, 3)
    for place in range(len(words) - 1, first - 1, -1):
        if math.isnan(number(words[place])) and words[place] != "off":
            return place
    return min(first, len(words) - 1)


def _scan_element(found: Scan, line: str) -> None:
    words, parameters = words_and_parameters(line)
    words = [word for word in words if word != "/"]
    if not words:
        return
    letter = words[0][0]
    if letter == "x" and len(words) > 1:
        found.add_call(words[-1], len(words) - 2, parameters)
        found.called_inside.add(words[-1])
        found.has_copies |= "m" in parameters
    elif letter in MODEL_PLACE and len(words) > MODEL_PLACE[letter]:
        found.wanted_models[words[model_place(words, letter)]] = letter
