"""Element cards: one statement to one card of the assembly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from circuitgcl.errors import NetlistError, SourceLocation
from circuitgcl.netlist.assembly import Assembly
from circuitgcl.netlist.defined_names import DefinedNames
from circuitgcl.netlist.device_typing import LETTER_TYPES, bipolar_type_from_name, mos_type_from_name
from circuitgcl.netlist.lexing import assignments, split_parameters, tokens
from circuitgcl.schema import DeviceType

Words = list[str]
NOTHING_DEFINED = DefinedNames("", str)

_SOURCE_KEYWORDS = frozenset(
    {"poly", "value", "vol", "cur", "table", "laplace", "freq", "pwl", "vcvs", "vccs", "opamp", "transformer"}
    | {"ccvs", "cccs", "delay", "pwl(1)", "npwl", "ppwl", "and", "nand", "or", "nor", "foster", "pole"}
    | {"vcr", "vccap"}
)
_DIODE_POSITIONAL = ("area", "pj", "wp", "lp", "wm", "lm")  # as in HSPICE; CDL writes the first two so
_MOS_POSITIONAL = ("l", "w", "ad", "as", "pd", "ps")  # HSPICE takes them unnamed, in this order
_MAX_COPIES = 100_000
_MAX_DIGITS = 18  # of an index
_SHOWN = 40  # characters of a bad word in a message


@dataclass(frozen=True, slots=True)
class Element:
    """What an element card says."""

    kind: DeviceType | None  # None for an instance
    name: str
    nodes: tuple[str, ...]
    master: str
    parameters: Mapping[str, str]


def add_element(
    assembly: Assembly, text: str, location: SourceLocation, defined: DefinedNames = NOTHING_DEFINED
) -> None:
    """Add the card or cards of an element statement; one without a part in a layout is listed as skipped.

    Raises:
        NetlistError: too few nodes, or no element at all.
    """
    element = parse_element(text, location, defined)
    if element is None:
        assembly.skip(f"element {text[0].upper()}", location)
        assembly.cards += 1
        return
    add_copies(assembly, element, location)


def parse_element(
    text: str, location: SourceLocation, defined: DefinedNames = NOTHING_DEFINED
) -> Element | None:
    """What an element statement says, or `None` for one that connects nothing (`K`).

    Args:
        text: the statement.
        location: where it stands.
        defined: what the file defines.

    Raises:
        NetlistError: too few nodes, or no element at all.
    """
    letter, of_model, substrate = text[0].lower(), "", ""
    words: Words = []
    if letter.isascii() and letter.isalpha():
        if "$" in text:
            text, of_model, substrate = _without_cdl_data(text)
        head, tail = split_parameters(text)
        words = tokens(head)
    if not words:
        raise NetlistError(
            f"{text.split()[0][:_SHOWN]!r} is neither an element nor a dot card; is this a SPICE netlist?",
            location=location,
        )
    if of_model:
        words.append(of_model)
    if letter in "mxqjz" and "(" in head:
        words = without_parentheses(words)
    parse = _instance if _lacks_its_x(letter, words, defined) else _PARSERS.get(letter)
    if letter == "m" and len(words) == 5 and defined.is_vertical(words[4]):
        parse = _vertical_mosfet
    element = None if parse is None else parse(words, _parameters(tail), location)
    if element is None or not (of_model or substrate):
        return element
    nodes = (*element.nodes, substrate) if substrate else element.nodes
    return replace(element, nodes=nodes, master=_unbracketed(element.master))


_MOST_NAMES = {**dict.fromkeys("rcldvi", 4), "w": 5, **dict.fromkeys("sot", 6)}  # nodes, model, on or off
_KEYWORDS = frozenset(  # that stand among the values of an element
    {"dc", "ac", "sin", "pulse", "pwl", "exp", "sffm", "am", "pat", "trnoise", "trrandom", "external", "wave"}
    | {"on", "off", "poly"}
)


def _lacks_its_x(letter: str, words: Words, defined: DefinedNames) -> bool:
    """Whether a card must be an instance, as some exporters name them (`dac1a`).

    It has too many nodes for its letter, or more than two and a subcircuit behind them.
    """
    most = _MOST_NAMES.get(letter)
    if most is None or len(words) < 5:
        return False
    if len(words) - 1 <= most and (letter in "rcld" or not defined.is_cell(words[-1])):
        return False
    return all(_is_name(word) and word.lower() not in _KEYWORDS for word in words[1:])


_CDL_MODEL = re.compile(r"(?<!\S)\$\[[^\]\s]*\]")
_CDL_SUBSTRATE = re.compile(r"(?<!\S)\$SUB\s*=\s*(\S+)", re.I)


def _without_cdl_data(text: str) -> tuple[str, str, str]:
    """A card without what CDL writes like a comment, its `$[model]`, and its node in `$SUB=node`."""
    model = _CDL_MODEL.search(text)
    if model:
        text = text[: model.start()] + text[model.end() :]
    substrate = _CDL_SUBSTRATE.search(text) if text[0] not in "xX" else None  # theirs are all ports
    if substrate:
        text = text[: substrate.start()] + text[substrate.end() :]
    return text, model[0] if model else "", substrate[1] if substrate else ""


def without_parentheses(words: Words) -> Words:
    """Words without the parentheses round a list of nodes; those inside a name (`cap(1)x2`) stay."""
    plain: Words = []
    for word in words:
        stem, opening, rest = word.partition("(")
        if opening and word.count("(") > word.count(")"):  # `X1(a` or `(a`
            plain += [part for part in (stem, rest) if part]
        elif word.startswith("(") and word.endswith(")"):
            plain += [word[1:-1]] if len(word) > 2 else []
        elif word.count(")") > word.count("("):
            plain += [word[:-1]] if len(word) > 1 else []
        else:
            plain.append(word)
    return plain


@lru_cache(maxsize=4096)
def _parameters(text: str) -> Mapping[str, str]:
    """Parameters of a card; cards with the same text share one mapping, which nobody changes."""
    return {name: expression for name, _, expression in assignments(text)}


_RANGE = re.compile(r"[\[<](\d+):(\d+)[\]>]$")


def add_copies(assembly: Assembly, element: Element, location: SourceLocation) -> None:
    """Add a card, or all those that one named `XI<3:0>` stands for.

    A node with a range of the same length is dealt out, any other node is shared.

    Raises:
        NetlistError: ranges of different lengths, or too long ones.
    """
    for name, nodes in _copies(assembly, element, location):
        if element.kind is None:
            assembly.add_instance(name, nodes, element.master, element.parameters, location)
        else:
            assembly.add_device(name, element.kind, nodes, element.master, element.parameters, location)


def _copies(
    assembly: Assembly, element: Element, location: SourceLocation
) -> list[tuple[str, tuple[str, ...]]]:
    """Name and nodes of every copy of a card."""
    if _RANGE.search(element.name) is None:
        return [(element.name, element.nodes)]
    count = _width(element.name, location)
    for node in element.nodes:
        width = _width(node, location)
        if width not in (1, count):
            raise NetlistError(
                f"{element.name} stands for {count} instances, its node {node} for {width} nets",
                location=location,
            )
    assembly.count_vector_names(count * (1 + len(element.nodes)), location)
    columns = [_spread(node, count) for node in element.nodes]
    return [
        (name, tuple(column[copy] for column in columns))
        for copy, name in enumerate(_spread(element.name, count))
    ]


def _width(name: str, location: SourceLocation) -> int:
    """How many names a name stands for."""
    span = _RANGE.search(name)
    if span is None:
        return 1
    is_readable = max(len(span[1]), len(span[2])) <= _MAX_DIGITS
    steps = abs(int(span[1]) - int(span[2])) if is_readable else _MAX_COPIES
    if steps >= _MAX_COPIES:
        raise NetlistError(f"{name[:_SHOWN]} stands for more than {_MAX_COPIES:,} names", location=location)
    return steps + 1


def _spread(name: str, count: int) -> list[str]:
    """The names a name stands for, in the order of its range; where that is a single one, so many times."""
    span = _RANGE.search(name)
    if span is None:
        return [name] * count
    first, last = int(span[1]), int(span[2])
    step = 1 if last >= first else -1
    stem, opening, closing = name[: span.start()], name[span.start()], name[-1]
    names = [f"{stem}{opening}{index}{closing}" for index in range(first, last + step, step)]
    return names if len(names) == count else names * count


def _too_few(words: Words, nodes: int, needed: str, location: SourceLocation, hint: str = "") -> NetlistError:
    return NetlistError(f"{words[0]} has {max(0, nodes)} nodes; {needed}{hint}", location=location)


def _instance(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    words = [word for word in words if word != "/"]  # CDL: `XI2 a b / CELL`
    if len(words) < 2:
        raise NetlistError(f"{words[0] if words else '/'} names no subcircuit", location=location)
    return Element(None, words[0], tuple(words[1:-1]), words[-1].strip("\"'"), parameters)


def _mosfet(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    if len(words) < 6:
        nodes = len(words) - 2
        hint = " Is the bulk missing?" if nodes == 3 else ""
        raise _too_few(words, nodes, "a MOSFET needs 4.", location, hint)
    count = 6  # name, four nodes, model; SOI models have up to seven nodes
    while count < min(len(words), 9) and not is_value(words[count]) and words[count].lower() != "off":
        count += 1
    given = dict(zip(_MOS_POSITIONAL, [word for word in words[count:] if is_value(word)], strict=False))
    model = words[count - 1]
    kind = mos_type_from_name(model)
    return Element(
        DeviceType.NMOS if kind is None else kind,
        words[0],
        tuple(words[1 : count - 1]),
        model,
        {**given, **parameters} if given else parameters,
    )


def _vertical_mosfet(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    return Element(DeviceType.NMOS, words[0], tuple(words[1:4]), words[4], parameters)


def _bipolar(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    if len(words) < 5:
        raise _too_few(words, len(words) - 2, "a BJT needs 3 or 4", location)
    count = 5  # name, three nodes, model; then substrate and thermal node
    while count < min(len(words), 7) and not is_value(words[count]) and words[count].lower() != "off":
        count += 1
    model = words[count - 1]
    kind = bipolar_type_from_name(model)
    nodes = tuple(words[1 : count - 1])
    return Element(DeviceType.NPN if kind is None else kind, words[0], nodes, model, parameters)


def _passive(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    letter = words[0][0].lower()
    if len(words) < 3:
        raise _too_few(words, len(words) - 1, "two are needed", location)
    model, values, nodes, rest = "", dict(parameters), words[1:3], words[3:]
    if len(rest) > 1 and all(_is_name(word) for word in rest[:2]):  # a bulk node before the model
        nodes, rest = [*nodes, rest[0]], rest[1:]
    has_own_model = any(word.startswith("$[") for word in rest)  # CDL: `$[model]`
    for word in rest:
        if is_value(word) or (has_own_model and _is_name(word)):
            values.setdefault(letter, word)
        elif not model and (word.startswith("$[") or not word.startswith("$")):
            model = word
    return Element(LETTER_TYPES[letter], words[0], tuple(nodes), model, values)


def _diode(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    if len(words) < 3:
        raise _too_few(words, len(words) - 1, "2 are needed", location)
    nodes, rest = words[1:3], words[3:]
    if len(rest) > 1 and all(_is_name(word) for word in rest[:2]) and rest[1].lower() != "off":
        nodes, rest = [*nodes, rest[0]], rest[1:]  # a substrate node before the model
    model = rest[0] if rest else ""
    given = dict(zip(_DIODE_POSITIONAL, filter(is_value, rest[1:]), strict=False))
    parameters = {**given, **parameters} if given else parameters
    return Element(DeviceType.DIODE, words[0], tuple(nodes), model, parameters)


def _jfet(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    if len(words) < 4:
        raise _too_few(words, len(words) - 1, "3 are needed", location)
    count = 5
    while count < min(len(words), 6) and not is_value(words[count]) and words[count].lower() != "off":
        count += 1  # a bulk node
    if len(words) < 5:
        return Element(DeviceType.JFET, words[0], tuple(words[1:4]), "", parameters)
    nodes, model = tuple(words[1 : count - 1]), words[count - 1]
    return Element(DeviceType.JFET, words[0], nodes, model, parameters)


def _source(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    letter = words[0][0].lower()
    if len(words) < 3:
        raise _too_few(words, len(words) - 1, "two are needed", location)
    if letter in "eg" and len(words) > 5 and words[3].lower() in ("vcvs", "vccs") and "(" not in words[4]:
        del words[3]  # HSPICE: a type that says nothing new
    senses = letter in "eg" and len(words) > 4 and words[3].split("(")[0].lower() not in _SOURCE_KEYWORDS
    return Element(LETTER_TYPES[letter], words[0], tuple(words[1 : 5 if senses else 3]), "", {})


def _black_box(words: Words, parameters: Mapping[str, str], location: SourceLocation) -> Element:
    """Switches, transmission lines and the like: nodes and a model, whatever they do."""
    letter = words[0][0].lower()
    if letter == "a":
        words = _code_model_words(words)
    elif letter == "y" and len(words) > 3 and words[0][1:].isalpha():  # Xyce: `YMEMRISTOR name a b model`
        words = ["!".join(words[:2]), *words[2:]]
    count = _BLACK_BOX_NODES.get(letter, len(words) - 2)
    if len(words) <= count or count < 1:
        raise _too_few(words, len(words) - 1, f"{max(1, count)} are needed", location)
    behind = (word for word in reversed(words[count + 1 :]) if word.lower() not in ("on", "off"))
    model = next((word for word in behind if _is_name(word)), "")
    return Element(DeviceType.OTHER, words[0], tuple(words[1 : count + 1]), model, parameters)


_PORT_TYPE = re.compile(r"%\w+")
_PORT_SIGNS = str.maketrans("[]()~", "     ")


def _code_model_words(words: Words) -> Words:
    """Words of an XSPICE card without port types (`%vd`), vectors (`[a b]`), inversions and `null` ports."""
    text = _PORT_TYPE.sub(" ", " ".join(words[1:])).translate(_PORT_SIGNS)
    return [words[0], *(word for word in text.split() if word.lower() != "null")]


_BLACK_BOX_NODES = {"s": 4, "w": 2, "t": 4, "o": 4, "u": 3}  # of A, N, P and Y all words but the model


_PARSERS: dict[str, Callable[[Words, Mapping[str, str], SourceLocation], Element]] = {
    "x": _instance,
    "m": _mosfet,
    "q": _bipolar,
    "d": _diode,
    **dict.fromkeys("rcl", _passive),
    **dict.fromkeys("jz", _jfet),
    **dict.fromkeys("viefghb", _source),
    **dict.fromkeys("swtouanpy", _black_box),
}


def _unbracketed(word: str) -> str:
    """Model name without the `$[ ]` of CDL."""
    return word[2:].rstrip("]") if word.startswith("$[") else word


def is_value(word: str) -> bool:
    """Whether a word is a number or a quoted expression."""
    return (
        word[0].isdigit()
        or word[0] in "'{\""
        or (len(word) > 1 and word[0] in "+-." and (word[1].isdigit() or word[1] == "."))
    )


def _is_name(word: str) -> bool:
    return not is_value(word) and not word.startswith("$")
