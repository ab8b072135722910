"""Element cards: one statement to one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.device_typing import LETTER_TYPES, mos_type_from_name
from circuitgcl.netlist.lexing import assignments, split_parameters, tokens
from circuitgcl.netlist.records import DeviceCard, InstanceCard
from circuitgcl.schema import DeviceType

Card = DeviceCard | InstanceCard
Words = list[str]
Parameters = Mapping[str, str]

_SOURCE_KEYWORDS = frozenset(
    {"poly", "value", "vol", "cur", "table", "laplace", "freq", "pwl", "vcvs", "vccs"}
)


def parse_element(text: str, location: SourceLocation, warnings: list[str]) -> Card | None:
    """Record of an element card, or `None` for an element without a part in a layout (`K`, `S`, `T` ...).

    Args:
        text: the statement.
        location: where it stands.
        warnings: what had to be guessed is appended here.

    Raises:
        NetlistError: too few nodes, or no element at all.
    """
    letter = text[0].lower()
    head, tail = split_parameters(text)
    words = tokens(head.replace("(", " ").replace(")", " ") if letter in "mxq" else head)
    if not (letter.isascii() and letter.isalpha()) or not words:
        raise NetlistError(
            f"{text.split()[0][:40]!r} is neither an element nor a dot card; is this a SPICE netlist?",
            location=location,
        )
    parameters = _parameters(tail)
    if letter == "m":
        return _mosfet(words, parameters, location, warnings)
    parse = _PARSERS.get(letter)
    return None if parse is None else parse(words, parameters, location)


@lru_cache(maxsize=65536)
def _parameters(text: str) -> Parameters:
    """Parameters of a card; cards with the same text share one mapping, which nobody changes."""
    return {name: expression for name, _, expression in assignments(text)}


def _instance(words: Words, parameters: Parameters, location: SourceLocation) -> InstanceCard:
    words = [word for word in words if word != "/"]  # CDL: `XI2 a b / CELL`
    if len(words) < 2:
        raise NetlistError(f"{words[0] if words else '/'} names no subcircuit", location=location)
    return InstanceCard(
        name=words[0],
        nodes=tuple(words[1:-1]),
        subcircuit=words[-1],
        parameters=parameters,
        location=location,
    )


def _device(
    words: Words, kind: DeviceType, nodes: Words, model: str, parameters: Parameters, location: SourceLocation
) -> DeviceCard:
    return DeviceCard(
        name=words[0],
        device_type=kind,
        nodes=tuple(nodes),
        model=model,
        parameters=parameters,
        location=location,
    )


def _mosfet(
    words: Words, parameters: Parameters, location: SourceLocation, warnings: list[str]
) -> DeviceCard:
    if len(words) < 6:
        found = max(0, len(words) - 2)
        hint = " Is the bulk missing?" if found == 3 else ""
        raise NetlistError(f"{words[0]} has {found} nodes; a MOSFET needs 4.{hint}", location=location)
    model = words[5]
    kind = mos_type_from_name(model)
    if kind is None:
        kind = DeviceType.NMOS
        warnings.append(f"{location}: polarity of MOSFET model {model} is unknown; taken as NMOS")
    return _device(words, kind, words[1:5], model, parameters, location)


def _bipolar(words: Words, parameters: Parameters, location: SourceLocation) -> DeviceCard:
    if len(words) < 5:
        raise NetlistError(
            f"{words[0]} has {max(0, len(words) - 2)} nodes; a BJT needs 3 or 4", location=location
        )
    has_substrate = len(words) > 5 and not _is_number(words[5]) and words[5].lower() != "off"
    model = words[5] if has_substrate else words[4]
    kind = DeviceType.PNP if "pnp" in model.lower() else DeviceType.NPN
    return _device(words, kind, words[1 : 5 if has_substrate else 4], model, parameters, location)


def _passive(words: Words, parameters: Parameters, location: SourceLocation) -> DeviceCard:
    letter = words[0][0].lower()
    if len(words) < 3:
        raise NetlistError(f"{words[0]} has {len(words) - 1} nodes; two are needed", location=location)
    model, values = "", dict(parameters)
    for word in words[3:]:
        if _is_number(word) or word[0] in "'{\"":
            values.setdefault(letter, word)
        elif word.startswith("$["):  # CDL: `$[model]`
            model = word[2:].rstrip("]")
        elif not model and not word.startswith("$"):
            model = word
    return _device(words, LETTER_TYPES[letter], words[1:3], model, values, location)


def _modelled(words: Words, parameters: Parameters, location: SourceLocation) -> DeviceCard:
    letter = words[0][0].lower()
    count = 2 if letter == "d" else 3
    if len(words) < count + 1:
        raise NetlistError(f"{words[0]} has {len(words) - 1} nodes; {count} are needed", location=location)
    model = words[count + 1] if len(words) > count + 1 else ""
    return _device(words, LETTER_TYPES[letter], words[1 : count + 1], model, parameters, location)


def _source(words: Words, parameters: Parameters, location: SourceLocation) -> DeviceCard:
    letter = words[0][0].lower()
    if len(words) < 3:
        raise NetlistError(f"{words[0]} has {len(words) - 1} nodes; two are needed", location=location)
    senses = letter in "eg" and len(words) > 4 and words[3].split("(")[0].lower() not in _SOURCE_KEYWORDS
    return _device(words, LETTER_TYPES[letter], words[1 : 5 if senses else 3], "", {}, location)


_PARSERS: dict[str, Callable[[Words, Parameters, SourceLocation], Card]] = {
    "x": _instance,
    "q": _bipolar,
    **dict.fromkeys("rcl", _passive),
    **dict.fromkeys("djz", _modelled),
    **dict.fromkeys("viefghb", _source),
}


def _is_number(word: str) -> bool:
    return word[0].isdigit() or (len(word) > 1 and word[0] in "+-." and (word[1].isdigit() or word[1] == "."))
