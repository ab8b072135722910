"""What a primitive device is, told from its card letter, model card, name, parameters or nets.

Names come first (`process_kits`); parameters decide where a foundry uses names nobody has seen; what the bulk
is tied to decides the polarity of a MOSFET whose name is silent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from circuitgcl.netlist.process_kits import KitName, kit_name, normalised, undefined_kit_name
from circuitgcl.netlist.size_names import ALL_SIZE_NAMES, sizes_in_name
from circuitgcl.schema import DeviceType

MODEL_TYPES: dict[str, DeviceType] = {
    **dict.fromkeys(("nmos", "nsoi"), DeviceType.NMOS),
    **dict.fromkeys(("pmos", "psoi"), DeviceType.PMOS),
    "npn": DeviceType.NPN,
    **dict.fromkeys(("pnp", "lpnp"), DeviceType.PNP),
    **dict.fromkeys(("d", "dio", "diode", "numd", "numd2", "zener", "juncap"), DeviceType.DIODE),
    **dict.fromkeys(("r", "res", "resistor", "phy_res", "r2_cmc", "r3_cmc", "r3"), DeviceType.RESISTOR),
    **dict.fromkeys(("c", "cap", "capacitor", "mosvar"), DeviceType.CAPACITOR),
    **dict.fromkeys(("l", "ind", "inductor"), DeviceType.INDUCTOR),
    **dict.fromkeys(("njf", "pjf", "nmf", "pmf", "nhfet", "phfet", "jfet", "mesfet"), DeviceType.JFET),
    **dict.fromkeys(("sw", "csw", "vswitch", "iswitch", "urc", "ltra", "txl", "cpl"), DeviceType.OTHER),
}
_COMPACT_MODELS = (  # one word for both polarities, which a `type` parameter tells apart
    (
        re.compile(r"(?:b[34]?soi|bsim|hisim|psp|ekv|(?:lut|ut)soi)\w*|hvmos|vdmos|numos|mos\d*"),
        (DeviceType.NMOS, DeviceType.PMOS),
    ),
    (re.compile(r"(?:bjt|nbjt|vbic|hicum|mextram|hbt|hic[0-2]_)\w*"), (DeviceType.NPN, DeviceType.PNP)),
)

LETTER_TYPES: dict[str, DeviceType] = {
    "r": DeviceType.RESISTOR,
    "c": DeviceType.CAPACITOR,
    "l": DeviceType.INDUCTOR,
    "d": DeviceType.DIODE,
    "j": DeviceType.JFET,
    "z": DeviceType.JFET,
    **dict.fromkeys("viefghb", DeviceType.SOURCE),
    **dict.fromkeys("swtouanpyk", DeviceType.OTHER),
}

_PINS: dict[DeviceType, tuple[int, int]] = {  # RF devices add wells, rings and thermal nodes
    DeviceType.NMOS: (4, 9),
    DeviceType.PMOS: (4, 9),
    DeviceType.NPN: (3, 5),
    DeviceType.PNP: (2, 6),  # lateral ones leave the base out
    DeviceType.DIODE: (2, 4),
    DeviceType.RESISTOR: (2, 4),
    DeviceType.CAPACITOR: (2, 5),
    DeviceType.INDUCTOR: (2, 6),
    DeviceType.JFET: (3, 5),
    DeviceType.SOURCE: (2, 6),
    DeviceType.OTHER: (1, 9),
}
_MOST_BODY_CARDS = 40  # of a wrapper: a device of many fingers with its parasitics


@dataclass(frozen=True, slots=True)
class BodySummary:
    """What stands in the body of a subcircuit."""

    devices: tuple[tuple[DeviceType, str], ...] = ()  # type and model of every primitive card
    instances: tuple[str, ...] = ()  # masters of all instances
    models: tuple[str, ...] = ()  # names of the model cards inside


def model_card_type(type_word: str, polarity: str = "") -> DeviceType | None:
    """What a model card says its devices are, or `None` where they are no devices of a circuit.

    Args:
        type_word: the word behind the model's name (`nmos`, `bsim4`, `psp103va`).
        polarity: its `type` parameter where it has one (`n`, `pmos`, `-1`); of a `vdmos` the flag `pchan`.
    """
    word, polarity = type_word.lower(), polarity.lower()
    if word == "vdmos" and not polarity:
        return DeviceType.NMOS
    if polarity:
        for pattern, (n_type, p_type) in _COMPACT_MODELS:
            if pattern.fullmatch(word):
                return p_type if polarity.startswith(("p", "-")) else n_type
    return MODEL_TYPES.get(word)


_PLAIN_POLARITY = (
    (re.compile(r"pmos|pfet|(?<![a-z])pch|mosp|(?:[lhsr]vt|ptm|cmos|mod)p(?![a-z])"), DeviceType.PMOS),
    (re.compile(r"nmos|nfet|(?<![a-z])nch|mosn|(?:[lhsr]vt|ptm|cmos|mod|nat)n(?![a-z])"), DeviceType.NMOS),
    (re.compile(r"(?<![a-z])[mx]?p(?![a-z])"), DeviceType.PMOS),
    (re.compile(r"(?<![a-z])[mx]?n(?![a-z])|natfet"), DeviceType.NMOS),
)
_VOLTAGE = re.compile(r"(?<!\d)\d++[pv]\d++|(?:(?<![a-z\d])|(?<=[a-z]\d))\d++[pv](?![a-z])")


@lru_cache(maxsize=8192)
def mos_type_from_name(model: str) -> DeviceType | None:
    """Polarity of a MOSFET model by its name, or `None` where the name does not say."""
    told = undefined_kit_name(model)
    if told is not None and told.kind.is_mos:
        return told.kind
    name = _VOLTAGE.sub("_", normalised(model))
    for pattern, device_type in _PLAIN_POLARITY:
        if pattern.search(name):
            return device_type
    if name[:1] in ("n", "p") and not name.startswith("ptm"):
        return DeviceType.PMOS if name[0] == "p" else DeviceType.NMOS
    return None


@lru_cache(maxsize=8192)
def bipolar_type_from_name(model: str) -> DeviceType | None:
    """Polarity of a bipolar transistor's model by its name, or `None` where the name does not say."""
    told = undefined_kit_name(model)
    if told is not None and told.kind.is_bipolar:
        return told.kind
    name = normalised(model)
    for word, device_type in (("pnp", DeviceType.PNP), ("npn", DeviceType.NPN)):
        if word in name:
            return device_type
    return None


_GROUND_NET = re.compile(
    r"(?:0|[adp]?(?:v?gnd|vss)\w*|vee|vnb|vpw|[pv]?sub(?:strate)?|pw(?:ell)?|ground|bulkn)!?", re.I
)
_SUPPLY_NET = re.compile(r"(?:[adp]?v(?:dd|cc)\w*|vpb|vnw|vpwr|nw(?:ell)?|vbat\w*|bulkp)!?", re.I)


def mos_type_from_usage(bulk: str = "", *source_drain: str) -> DeviceType | None:
    """Polarity of a MOSFET by the nets it is tied to, or `None` where they do not say.

    A bulk on ground makes an N device, on a supply a P device; a bulk on another net leaves the sources and
    drains to be asked, which must not contradict each other.
    """
    for nets in ((bulk,), source_drain):
        on_ground = any(_GROUND_NET.fullmatch(net) for net in nets)
        on_supply = any(_SUPPLY_NET.fullmatch(net) for net in nets)
        if on_ground != on_supply:
            return DeviceType.NMOS if on_ground else DeviceType.PMOS
    return None


def process_device_type(master: str, pins: int, parameters: Collection[str] = ()) -> DeviceType | None:
    """Type of a process-kit device that is instantiated like a subcircuit, or `None` if it is not one.

    For masters without a definition. The name decides where every word of it is known; else the parameters:
    W and L on at least four nodes, or `nf`, `nfin`, `ad`, `nrd` beside L, make a MOSFET. One of unknown
    polarity is returned as `NMOS`; `mos_type_from_name` tells whether the name said so.

    Args:
        master: name of the master.
        pins: number of nodes on the card.
        parameters: names of the parameters on the card.
    """
    return _process_device_type(master, pins, frozenset(name.lower() for name in parameters))


@lru_cache(maxsize=8192)
def _process_device_type(master: str, pins: int, parameters: frozenset[str]) -> DeviceType | None:
    told = undefined_kit_name(master)
    if told is None:
        return _type_from_parameters(master, pins, parameters)
    least, most = _PINS[told.kind]
    if told.kind.is_mos and _is_sized(parameters):
        least = 3  # bulk tied inside
    if not least <= pins <= most or (told.needs_sizes and not _is_sized(parameters)):
        return None
    return told.kind


_WIDTHS, _LENGTHS = frozenset({"w", "wr", "wt", "width"}), frozenset({"l", "lr", "lt", "length"})
_MOS_ONLY = frozenset({"nf", "nfin", "ng", "ad", "as", "nrd", "nrs", "sa", "sb", "sd", "fw", "wf"})
_BIPOLAR_ONLY = frozenset({"we", "le", "areae", "areab"})
_CELL_WORD = re.compile(
    r"inv|nand|nor\d|x?n?or|buf|and\d|mux|(?<![a-z])s?dff|lat(?:ch)?(?![a-z])|amp|ota|comp|bias|load|mirror|switch"
    r"|(?<![a-z])sw(?![a-z])|pair|array|ladder|bank|dri?ve?r|cell|gate|stage|core|divider|filter|delay|osc|dac|adc",
    re.I,
)
_PASSIVE_INITIAL = {"r": DeviceType.RESISTOR, "c": DeviceType.CAPACITOR, "m": DeviceType.CAPACITOR}


def _type_from_parameters(master: str, pins: int, parameters: frozenset[str]) -> DeviceType | None:
    """Type of a device whose name no kit is known to use."""
    name = normalised(master)
    if _CELL_WORD.search(name):
        return None
    is_drawn = bool(parameters & _WIDTHS) and bool(parameters & _LENGTHS)
    if pins in (3, 4, 5, 6) and parameters & _MOS_ONLY and (parameters & _LENGTHS or "nfin" in parameters):
        return mos_type_from_name(master) or DeviceType.NMOS
    if pins in (4, 5, 6) and is_drawn:
        return mos_type_from_name(master) or DeviceType.NMOS
    if pins in (3, 4, 5) and parameters & _BIPOLAR_ONLY:
        return bipolar_type_from_name(master) or DeviceType.NPN
    if pins in (2, 3):
        for value, kind in (("r", DeviceType.RESISTOR), ("c", DeviceType.CAPACITOR)):
            if value in parameters and name.startswith(value):
                return kind
        if is_drawn:
            return _PASSIVE_INITIAL.get(name[:1])
        if "area" in parameters and parameters & {"pj", "perim"}:
            return DeviceType.DIODE
    return None


def _is_sized(parameters: Collection[str]) -> bool:
    return any(name in parameters for name in (*_WIDTHS, *_LENGTHS, *_MOS_ONLY, "nfin"))


def is_process_device(
    name: str, pins: int, header_parameters: Collection[str], body: BodySummary
) -> DeviceType | None:
    """Type of the process-kit device that a defined subcircuit wraps, or `None` for a level of the hierarchy.

    A wrapper has the name of a device and the pins of one, holds no cells, and its sizes come from outside or
    from its name: a cell that fixes W and L in its body is left to be expanded. Layout tools print devices as
    empty subcircuits. A name that no kit uses is believed where the body holds one device of a model of that
    very name, or of a model card inside, and takes its sizes from the header.

    Args:
        name: name of the subcircuit.
        pins: number of its ports.
        header_parameters: names of the parameters it can be given.
        body: what stands in it.
    """
    header = frozenset(parameter.lower() for parameter in header_parameters)
    told = kit_name(name)
    if told is None:
        return _wrapped_model(name, pins, header, body)
    least, most = _PINS[told.kind]
    if not least <= pins <= most or len(body.devices) + len(body.instances) > _MOST_BODY_CARDS:
        return None
    if any(normalised(master) != normalised(name) and kit_name(master) is None for master in body.instances):
        return None
    if told.is_certain or sizes_in_name(name) or not (body.devices or body.instances):
        return told.kind
    return told.kind if _takes_sizes(told, header) and _holds_one(told.kind, name, body) else None


def _takes_sizes(told: KitName, header: frozenset[str]) -> bool:
    return bool(header & ALL_SIZE_NAMES[told.kind] - {"m", "mult", "multi", "par", "mf"})


def _holds_one(kind: DeviceType, name: str, body: BodySummary) -> bool:
    """Whether a body is one device of a kind, besides its parasitics."""
    own = [model for _, model in body.devices if model and _are_related(model, name)]
    alike = [device for device, _ in body.devices if device is kind]
    inner = [told.kind for master in body.instances if (told := kit_name(master)) is not None]
    return len(own) == 1 or len(alike) + inner.count(kind) == 1


def _wrapped_model(name: str, pins: int, header: frozenset[str], body: BodySummary) -> DeviceType | None:
    """Type of a wrapper with a name that no kit uses."""
    if body.instances or not 1 <= len(body.devices) <= 8:
        return None
    inside = {normalised(model) for model in body.models} | {normalised(name)}
    own = [device for device, model in body.devices if model and normalised(model) in inside]
    if len(own) != 1 or not header & ALL_SIZE_NAMES[own[0]] - {"m"}:
        return None
    least, most = _PINS[own[0]]
    return own[0] if least <= pins <= most else None


def _are_related(model: str, name: str) -> bool:
    """Whether a model is the one a wrapper is named after (`nch_mac` and `nch`, `nfet` and `nfet__model`)."""
    first, second = normalised(model), normalised(name)
    return first.startswith(second) or second.startswith(first)


_TERMINALS: tuple[tuple[frozenset[DeviceType], tuple[frozenset[str], ...]], ...] = tuple(
    (frozenset(kinds), tuple(frozenset(names.split()) for names in terminals))
    for kinds, terminals in (
        (
            (DeviceType.NMOS, DeviceType.PMOS, DeviceType.JFET),
            ("d drain", "g gate", "s source", "b bulk body sub substrate"),
        ),
        ((DeviceType.NPN, DeviceType.PNP), ("c collector", "b base", "e emitter", "s sub substrate bn")),
    )
)


def terminal_order(kind: DeviceType, ports: Sequence[str]) -> tuple[int, ...] | None:
    """Positions of a wrapper's ports in the order of a SPICE card, or `None` where they stand in it.

    `BULK DRAIN GATE SOURCE` of a MOSFET gives `(1, 2, 3, 0)`. Ports that no SPICE card has follow behind.
    """
    folded = [port.lower() for port in ports]
    for kinds, terminals in _TERMINALS:
        if kind not in kinds:
            continue
        found = [next((at for at, port in enumerate(folded) if port in names), None) for names in terminals]
        known = [at for at in found if at is not None]
        if None in found[:3] or known == list(range(len(known))):
            return None
        return (*known, *(at for at in range(len(ports)) if at not in known))
    return None
