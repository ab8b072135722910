"""What Spectre knows without a definition: its primitives, what their models are, and its analyses."""

from __future__ import annotations

import re

from circuitgcl.schema import DeviceType

_MOS = (
    "mos0 mos1 mos2 mos3 mos15 mos30 mos40 mos705 mos902 mos903 mos1000 mos1100 mos1100e mos1101e "
    "mos1101et mos1102e mos1102et mos11010 mos11010t mos11011 mos11011t mos11020 mos11021 mos2001 "
    "mos2001e mos2001t mos2002 mos2002e mos2002t mos3002 mos3100 mos3100t mosbsim3v3 bsim1 bsim2 bsim3 "
    "bsim3v3 bsim4 bsimbulk bsimcmg bsimimg bsimsoi b3soipd bsim3soi bttsoi btasoi ssimsoi ekv ekv3 "
    "ekv3_nqs ekv3_r4 ekv3_rf ekv3_s psp102 psp1020 psp1021 psp102e psp102b psp103 psp103t psp1030 "
    "psp1031 psp103nqs pspnqs1020 pspnqs1021 pspnqs102e pspnqs103 hisim hisim2 hisimhv hisim_hv "
    "hisimsoi hisimsotb hvmos ldmos dmos vdmos utsoi utsoi1 utsoi2 lutsoi spmos nmos pmos mosfet"
)
_BIPOLAR = (
    "bjt bjt301 bjt500 bjt500t bjt503 bjt504 bjt504t bjt505 bjt505t bjtd504 bjtd504t bjtd505 bjtd505t "
    "bjtd3500 bjtd3504 bht bht0 hbt hicum hicum0 mextram vbic vbicrf spicebjt hisim_igbt npn pnp"
)
_JFET = "jfet jfet100 jfetidg gaas tom2 tom2v1 tom3 tom3v1 angelov angelov_gan asm_gan hemt atft etft psitft"
_SOURCE = (
    "vsource isource bsource port iprobe vcvs vccs ccvs cccs pvcvs pvccs pccvs pcccs pvcvs2 pvccs2 "
    "svcvs svccs sccvs scccs zvcvs zvccs zccvs zcccs vccsp"
)
_OTHER = (
    "relay switch transformer tline mtline msline delay dcblock dcfeed nport n2port core corefragment "
    "winding fracpole rlck_matrix ibis_buffer cktrom a2d d2a bit cmdmprobe bend"
)
_WITHOUT_LAYOUT = "mutual_inductor fourier quantity paramtest"

SPECTRE_PRIMITIVES: dict[str, DeviceType | None] = {
    **dict.fromkeys(_MOS.split(), DeviceType.NMOS),
    **dict.fromkeys(_BIPOLAR.split(), DeviceType.NPN),
    **dict.fromkeys(_JFET.split(), DeviceType.JFET),
    **dict.fromkeys(
        ("diode", "diode500", "diode_cmc", "dio500", "juncap", "juncap200", "juncap_eldo", "hisim_diode"),
        DeviceType.DIODE,
    ),
    **dict.fromkeys(
        ("resistor", "phy_res", "rdiff", "r2", "r3", "r2_cmc", "r3_cmc"),
        DeviceType.RESISTOR,
    ),
    **dict.fromkeys(("capacitor", "intcap", "mosvar"), DeviceType.CAPACITOR),
    "inductor": DeviceType.INDUCTOR,
    **dict.fromkeys(_SOURCE.split(), DeviceType.SOURCE),
    **dict.fromkeys(_OTHER.split(), DeviceType.OTHER),
    "pmos": DeviceType.PMOS,
    "pnp": DeviceType.PNP,
    **dict.fromkeys(_WITHOUT_LAYOUT.split()),
}
"""Master name -> what its instances are; `None` for what has no part in a layout.

Transistors are of the polarity that a model without a `type` has.
"""

_ANALYSES = (
    "ac acmatch alter altergroup assert check checklimit checkpoint cosim dc dcmatch emir envlp fourier "
    "hb hbac hbnoise hbsp hbstb hbxf info loadpull lf montecarlo noise options pac paramset pdisto "
    "pnoise psp pss pstb pxf pz qpac qpnoise qpsp qpss qpxf reliability sens set shell sp stb sweep tdr "
    "thermal timezero topology tran uti xf"
)
_ANALYSES_OF_NODES = (
    "noise pnoise qpnoise hbnoise xf pxf qpxf hbxf pz sens stb pstb hbstb sp psp tdr envlp pss qpss fourier"
)
ANALYSES = frozenset(_ANALYSES.split())
"""Second words of statements that describe no circuit: analyses and control statements."""

ANALYSES_OF_NODES = frozenset(_ANALYSES_OF_NODES.split())
"""Those that may name nodes before their type, as an instance does."""

_TYPE = re.compile(r"(?<![\w.])type\s*=\s*[\"']?([\w+-]+)")
_MOS_BASE = re.compile(r"mos|bsim|psp|ekv|hisim|utsoi")
_P_TYPES = frozenset({"p", "pmos", "pch", "pnp", "-1"})
_MODEL_WORDS = {
    DeviceType.NMOS: ("nmos", "pmos"),
    DeviceType.PMOS: ("pmos", "pmos"),
    DeviceType.NPN: ("npn", "pnp"),
    DeviceType.PNP: ("pnp", "pnp"),
    DeviceType.JFET: ("njf", "pjf"),
    DeviceType.DIODE: ("d", "d"),
    DeviceType.RESISTOR: ("r", "r"),
    DeviceType.CAPACITOR: ("c", "c"),
    DeviceType.INDUCTOR: ("l", "l"),
}
_POLARITIES = {"n": "nmos", "p": "pmos", "nmos": "nmos", "pmos": "pmos", "npn": "npn", "pnp": "pnp"}


def model_type_word(base: str, parameters: str) -> str:
    """The type that SPICE would name on a model card, or the base itself where it says nothing.

    Args:
        base: primitive or module the model is made from.
        parameters: the rest of the statement; of several bins, the first counts.
    """
    match = _TYPE.search(parameters)
    polarity = match[1].lower() if match else ""
    kind = SPECTRE_PRIMITIVES.get(base)
    if kind in _MODEL_WORDS:
        return _MODEL_WORDS[kind][polarity in _P_TYPES]
    if polarity in ("1", "-1") and _MOS_BASE.search(base.lower()):
        return "pmos" if polarity == "-1" else "nmos"
    return _POLARITIES.get(polarity, base)
