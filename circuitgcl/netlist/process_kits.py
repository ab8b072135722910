"""How process kits name their devices, as data.

A device name is words joined by underscores: one head word that says what the device is (`nfet`, `mimcap`,
`rppolywo`) and any number of flavours (threshold, voltage, well, layers, geometry). A name all of whose words
are known is a device name; one word that no kit uses (`inv_nmos_switch`, `cap_array`) makes it a cell name.

The vocabulary was collected from the open kits (SkyWater SKY130, GlobalFoundries GF180MCU, IHP SG13G2, ASAP7,
FreePDK, SCMOS, PTM) and from the device lists that LVS tools print into public layout netlists (TSMC 0.18 um
to 7 nm, GlobalFoundries 65 nm and 22FDX, UMC, SMIC, ams C35, X-FAB, Samsung, Cadence GPDK).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from circuitgcl.schema import DeviceType

_THRESHOLD = r"[a-z]{0,5}vt(?:ll|lp|rf|sp|hp|nat|g|l|h)?"
_VOLTAGE = r"\d+v\d*|v\d+|\d*[vp]\d+|\d{1,3}|g\d+v\d+d\d+v\d+"
_OXIDE = r"(?:na|hia|rf|io|hv|lv|udm|lvt|nvt|e)?\d{1,3}(?:[uo]dm?\d*)?(?:ll|na|e2r|nw)?"
_GEOMETRY = (
    # aM02W1p65L0p15, 10p00x10p00, then 2k, 3t, 2p0fF, w40
    r"[a-z]{0,3}[fm]?\d*w\d+p\d+l\d+p\d+|\d+p?\d*x\d+p?\d*|s?v\d+x\d+|[ns]?vl\d+"
    r"|\d+[kt]|\d+[pf]\d*f{0,2}|(?:nr|w|s|x|g|m|sqr)\d+|\d+kv"
)
_WELL_AND_OXIDE = (
    r"d?n?[np]?w|dn|[dtnp]w(?:ell)?|[np]well|p?sub|bpw|tw|iso(?:lated)?|nat(?:ive)?|na|od|ud|udm|io|thk(?:ox)?"
    r"|thin(?:ox)?|thick(?:ox)?|hv|lv|mv|u?hv|[np]hv|vhv|ulv|dep(?:l)?|zero|sab|dss|salicided?|asym|[np]d"
)
_USE = (
    r"mac|mis|mm|mmkf|mismatch|rf|rfvil|llrf|mmw|bbp|tc|esd|gg|\d?[a-z]{0,6}sr|sram|rom|latch|pass|flash|lowleakage|edc"
    r"|hg|hia|ll|lp|hp|gp|sp|hs|hsl\w*|ull|svt|fgbg|mrep|stk|auxpc\d|cnrx|nolvs|lvs|special|parasitic|generic"
)
_LAYERS = (
    r"(?:no)?shield\w*|float\w*|lim\d?|pol?y?\d?|(?:l1|li|po?l?\d?|m\d)(?:m\d)+|l1|m[0-9xtz]|nhvtop|o1phv|o1|o2"
    r"|fingercap\d?|[a-z]{2}2[a-z]{2}|um|woum|sin|wos?|dis|rpo|sti|lay\d?|sy|as[iy]?|sym|symesh|asmesh|ct|std|mu"
    r"|nbl\d|sc|vpp|mim|var|mom|high|xhigh|low|lo|hi|hri|med|lin|noct|(?:single|dual|stacked)"
)
_KIT_WORDS = (
    r"sky130|fd|pr|gf180(?:mcu)?\w?|sg13(?:g2|s|cmos\w*)?|gpdk\d*|tsmc\w*|umc\d*|smic\d*|ptm\d*|asap7|freepdk\d*"
    r"|cmos\d*\w?|bsim\w*|psp|vbic|nx|model|mod|ckt|e2r|g[1-4]|reram"
)
_FLAVOUR = re.compile(
    "|".join((_THRESHOLD, _VOLTAGE, _OXIDE, _GEOMETRY, _WELL_AND_OXIDE, _USE, _LAYERS, _KIT_WORDS, "[a-z]"))
)

_MOS_TAIL = r"(?:\d[\dvp]*)?(?:[a-z]{0,2}vt[ghl]?|nat|rf\d*|cl|pd|pg|pu|rpd|wl|x|i|lp|hv|io)?"
_MOS = (
    rf"(?:[a-z]{{0,4}}%smos(?:fet)?|[a-z]{{0,12}}%sfet|(?:[a-z]{{0,2}}vt|dnw|rf|na|hv|lv|io)?%sch){_MOS_TAIL}"
)
_BIPOLAR = r"(?:v|l|q|s|esdl|par|hv)?%s(?:\d[a-z\d]*|mpa|par\d*x\d*|par)?"
_CAP_KINDS = r"mim|mom|vn|vpp|pip|mip|mm|lin|var|rf|dual(?:mim)?|poly|fringe|hk|t?mim|apmom|metal"
_CAP_WELLS = r"(?:eg|zg|zgf|lv|hv|dg|para|sg)?[np](?:mos)?"
_HEADS: tuple[tuple[DeviceType, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            DeviceType.CAPACITOR,
            rf"(?:{_CAP_KINDS}|mos|{_CAP_WELLS})?cap(?:acitor|s|soi|inpw|bf)?\d*v?\d?"
            r"|(?:rf)?c(?:mim|mom|fmom|rtmom|fp|pip|poly|vpp|mm\d*t?|sandwt\d?)|mimc?|mime2r|[a-z]{0,2}mom\d*v?\d?"
            r"|vpp|xjvar|mosvar\w?|mosvc\w?|s?vari?cap|varactor|varmis|vardio[np]?|hyvar|[np]var\d*",
        ),
        (
            DeviceType.RESISTOR,
            r"res(?:istor)?\d?|res(?:s|ns)?[np]?(?:poly|diff|well|wsti|woxide|p|m\d+|mt|h)|lvsres|short|e?fuse"
            r"|r[np]?(?:poly|od|nod|pod)(?:wo|s|l|w|rpo|hri|h|m|z|\d)*|ru?poly[a-z]?"
            r"|r[np]w(?:od|sti|ell|aa)?|rm\d+w?|r(?:h|hi)(?:gh|r|rpo|poly|p)|rsil|rppd|rhigh|r[np]dif+|rdif+[np]"
            r"|rn[np]po|rnhr\d*|rsnd|rspd|[np]polyf|r(?:mt|mtp|alu|ap|rdl)|[np]sdres"
            r"|(?:op|re|opre|sblk|or)[a-z]{0,8}res|(?:nw|pc|nd|pd|rp|rr|kq|tan|sb|[np]plus|[np]diff|[np]well)h?res"
            r"|(?:poly|metal|m\d+|silicide)h?res",
        ),
        (
            DeviceType.DIODE,
            r"(?:esd|photo|sc|zener|lvs)?diode(?:[npdt][a-z]{0,5}|esoi|vdd|vss)?|i?diodev(?:dd|ss)|diod?[np]"
            r"|(?:[np]|[dnp]*w|esd|sb|sc|io|hv|rf)?dio\d*(?:ll|io|na)?|(?:eg|zg)?td[np]d(?:sx|nw)|sbd|schky|schottky"
            r"|zener|zd|d[np]?antenna|dnwpsub|pwdnw",
        ),
        (DeviceType.PNP, _BIPOLAR % "pnp"),
        (DeviceType.NPN, _BIPOLAR % "npn"),
        (DeviceType.JFET, r"[np]?jfet\w?|[np]jf|jf[np]|mesfet|[a-z]?hemt"),
        (DeviceType.INDUCTOR, r"(?:sym|diff|oct|spiral|std|rf)?ind(?:uctor|p|s)?\d*|spiral"),
        (DeviceType.PMOS, _MOS.replace("%s", "p")),
        (DeviceType.NMOS, rf"(?!finfet){_MOS.replace('%s', 'n')}"),
    )
)
_RANK = {kind: rank for rank, (kind, _) in enumerate(_HEADS)}
_MOS_CAPACITORS = (  # `cap_nmos` has two heads that do not contradict each other
    {DeviceType.CAPACITOR, DeviceType.NMOS},
    {DeviceType.CAPACITOR, DeviceType.PMOS},
)

# Names that do not follow the grammar.
_IRREGULAR: tuple[tuple[DeviceType, str], ...] = (
    (
        DeviceType.NMOS,
        r"[a-z]{0,3}nmos\d?_vt[lghs]|n_(?:bpw_)?(?:lv_)?\d\d_[a-z][a-z\d]*|cmosn|lddn|mosinsub",
    ),
    (DeviceType.PMOS, r"[a-z]{0,3}pmos\d?_vt[lghs]|p_(?:bpw_)?(?:lv_)?\d\d_[a-z][a-z\d]*|cmosp|lddp"),
    (DeviceType.NMOS, r"g\d{2,3}n\d[a-z]*vt|gpdk\d+_n\w*mos\w*|mod(?:n[a-z]?|nm\w?)|esdnsh(?:_stk)?"),
    (DeviceType.PMOS, r"g\d{2,3}p\d[a-z]*vt|gpdk\d+_p\w*mos\w*|mod(?:p[a-z]?|pm\w?)"),
    (DeviceType.NMOS, r"n(?:short|lowvt|hvnative(?:esd)?|hvesd|vhv|pass|pd)(?:_\w+)?|special_sonosfet_\w+"),
    (DeviceType.PMOS, r"p(?:short|lowvt|highvt|hvesd|vhv|pu)(?:_\w+)?"),
    (DeviceType.NPN, r"npn13g2[lv]?(?:_5t)?|g\d{2,3}v?npn\w*|gpdk\d+_v?npn\w*|npn1[12]1\w*|qnv[a-z]\d?"),
    (DeviceType.PNP, r"g\d{2,3}v?pnp\w*|gpdk\d+_v?pnp\w*|dpnp(?:_6t)?|vert10|lat2|qpv[a-z]\d?"),
    (DeviceType.DIODE, r"(?:pn|np|nwp|dnwps|dnwpw)_\d+p\d(?:_dw)?|g\d{2,3}[np]d\d[a-z]*vt|d(?:nwpw|nwps)"),
    (DeviceType.DIODE, r"isolbox|i?diodev(?:dd|ss)_\dkv|esddiodesoi"),
    (DeviceType.RESISTOR, r"[np]plus_[us](?:_dw)?|tm\d+k|[np]tap1|g\d{2,3}r\w+"),
    (DeviceType.CAPACITOR, r"sg13_\wv_svaricap|g\d{2,3}cm\w*|g\d{2,3}[np]?cap\w*|momcaps_array_\w+"),
    (DeviceType.INDUCTOR, r"l_(?:nw)?(?:cr|sy|sq)\w+|l_slcr\w+|rf_test_coil\d"),
    (
        DeviceType.OTHER,
        r"bondpad\w*|pad_rf\w*|(?:coupled|single)?s?(?:cpwg?|msl|wires?)(?:_\w+)?|rfline|subc",
    ),
    (DeviceType.OTHER, r"esdr?c?scr\w*|lcesd\d_rf|memristor|reram_cell|(?:ideal_)?balun\w*|xfmr\w*"),
)
# Names so short that a card must give sizes as well.
_SHORT: tuple[tuple[DeviceType, str], ...] = (
    (DeviceType.NMOS, r"n|mn|nz?\d{2,3}[a-z]{0,4}\d?[a-z]?|n[a-z]{0,2}vt|ptmn\d*|ne[dil]?\d?|nhv[a-z]?|nmv"),
    (DeviceType.PMOS, r"p|mp|pz?\d{2,3}[a-z]{0,4}\d?[a-z]?|p[a-z]{0,2}vt|ptmp\d*|pe[dil]?\d?|phv[a-z]?|pmv"),
    (DeviceType.DIODE, r"nd|pd|nwd|dn|dp|dnw"),
    (DeviceType.RESISTOR, r"[np]well(?:_dw)?|nwella"),
)
_WHOLE_NAMES = tuple(
    (kind, needs_sizes, re.compile(pattern))
    for needs_sizes, names in ((False, _IRREGULAR), (True, _SHORT))
    for kind, pattern in names
)

# A name with such a stem is one of a kit's devices, whatever else the kit puts behind it.
_KIT_STEM = re.compile(
    r"sky130_fd_pr(?:_[a-z]+)?__|gf180mcu_fd_pr__|sg13(?:g2)?_[hl]v_|npn13g2|pnpmpa$|diodev(?:dd|ss)_|bondpad$"
)
_STEM_WORDS = re.compile(r"^(?:sky130_fd_pr(?:_[a-z]+)?__|gf180mcu_fd_pr__)(?:model__)?(?:parasitic__)?")
_LIBRARY_CELL = re.compile(r"_(?:fd|ef|mm|osu)_(?:sc|io|bd)_|_sc_mcu\d")  # of digital libraries: no devices
_LONGEST_NAME = 80
# Cadence numbers the cells it generates, Magic gives them a hash in capitals.
_DRAWN_BY_TOOL = re.compile(
    r"(?:\$\[)?(?:(?P<cadence>\w+?)_CDNS_\d+|(?P<magic>[a-z][a-z\d_]*)_(?=[A-Z]*\d)[A-Z\d]{6})(?:\$\d+)?\]?"
)


@dataclass(frozen=True, slots=True)
class KitName:
    """What a kit name says."""

    kind: DeviceType
    needs_sizes: bool = False  # too short a name to be believed without W or L beside it
    is_certain: bool = False  # a stem that only one kit uses


@lru_cache(maxsize=8192)
def kit_name(name: str) -> KitName | None:
    """What a device name says, or `None` where a word of it belongs to no kit.

    Args:
        name: a name as in the netlist, any case.
    """
    bare = normalised(name)
    if len(bare) > _LONGEST_NAME or _LIBRARY_CELL.search(bare):
        return None
    is_certain = _KIT_STEM.match(bare) is not None
    bare = _STEM_WORDS.sub("", bare)
    for kind, needs_sizes, pattern in _WHOLE_NAMES:
        if pattern.fullmatch(bare):
            return KitName(kind, needs_sizes, is_certain)
    found: set[DeviceType] = set()
    for word in re.findall(r"[^_\-.:]+", bare):
        kinds = [kind for kind, pattern in _HEADS if pattern.fullmatch(word)]
        if kinds:
            found.add(kinds[0])
        elif not _FLAVOUR.fullmatch(word):
            return None
    if not found:
        return None
    if len(found) > 1 and found not in _MOS_CAPACITORS:
        return None
    return KitName(min(found, key=_RANK.__getitem__), False, is_certain)


@lru_cache(maxsize=8192)
def normalised(name: str) -> str:
    """A name in lower case, without `$[ ]` or quotes, a library before it or a bin number behind it."""
    bare = name.strip().strip("\"'")
    if bare.startswith("$["):
        bare = bare[2:].rstrip("]")
    return re.sub(r"\.\d{1,3}$", "", bare.rpartition("/")[2]).lower()


def undefined_kit_name(name: str) -> KitName | None:
    """What the name of a master without definition says, which may be a cell drawn for one device."""
    told = kit_name(name)
    if (
        told is None
        and len(name) <= 2 * _LONGEST_NAME
        and (drawn := _DRAWN_BY_TOOL.fullmatch(name)) is not None
    ):
        return kit_name(drawn["cadence"] or drawn["magic"])
    return told
