"""ngspice as an oracle: its own expansion of a deck, device by device.

ngspice writes the deck as it understood it, subcircuits expanded and parameters evaluated, before it looks at
device models (`set ngdebug`). That listing is what `listing expand` shows, and it comes out even where a
model or a device parameter is unknown to this version. What a deck lacks to get that far is added to a copy:

- files that do not exist are commented out, `.control` sections are cut away (they would run analyses);
- a subcircuit nobody defines, such as a process kit's device, is defined as one resistor per pin; the first
  carries the parameters of the call;
- a parameter nobody defines leaves its expression without a value, which is then not compared;
- cells nobody instantiates are instantiated at the top, so that libraries of cells are compared too;
- an instance of a defined cell whose name does not begin with X (some editors write them) gets one;
- where a cell has a port named gnd, that name is kept apart from node 0;
- CDL's `/` before a master and `*.GLOBAL` are written as ngspice knows them.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from netlist_peers.deck_text import (
    INSTANCE_MARK,
    MODEL_PLACE,
    Definition,
    Scan,
    included_file,
    logical_lines,
    model_place,
    number,
    scan,
    text_of,
    title_of,
    with_instances_marked,
    words_and_parameters,
)
from netlist_peers.views import Device

NGSPICE = shutil.which("ngspice")
MODES = ("", "hsa", "psa", "lta")  # `ngbehavior`: its own rules, HSPICE's, PSPICE's, LTspice's
_TOP = "xoracle"
_PIN = "rzzpin"
_LISTING = "debug-out2.txt"
_LISTED = re.compile(r"^\s*\d+\s+\d+\s\s(.*)$", re.M)
_UNKNOWN = re.compile(r"unknown subckt: (.*)")
_MODEL_TYPES = {"m": "nmos level=54", "d": "d", "j": "njf", "z": "nmf level=1", "q": "npn"}
_SPECTRE = re.compile(r"^[ \t]*(?:simulator[ \t]+lang[ \t]*=|(?:inline[ \t]+)?subckt[ \t]+\S)", re.I | re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """A deck as ngspice expanded it, or why it did not."""

    mode: str = ""
    devices: tuple[Device, ...] = ()
    tops: tuple[str | None, ...] = ()  # the cells instantiated; `None` for what the file itself instantiates
    scale: float = 1.0
    title: str = ""  # the first line, which ngspice never reads as a card
    error: str = ""

    def below(self, place: int) -> dict[str, Device]:
        """Devices of one of the tops, named from there."""
        if self.tops[place] is None:
            return {device.name: device for device in self.devices if not device.name.startswith(_TOP)}
        prefix = f"{_TOP}{place}."
        return {
            device.name.removeprefix(prefix): replace(
                device,
                name=device.name.removeprefix(prefix),
                nets=tuple(net.removeprefix(prefix) for net in device.nets),
            )
            for device in self.devices
            if device.name.startswith(prefix)
        }


def place_in_copy(relative: Path) -> Path:
    """Where a file of the folder stands in its copy: a blank ends the name that ngspice's `source` reads."""
    return Path(str(relative).replace(" ", "_"))


def neutral_copy(folder: Path, into: Path) -> None:
    """Copy a folder with every text file made harmless: no control section, no include that leads nowhere."""
    for path in sorted(folder.rglob("*")):
        target = into / place_in_copy(path.relative_to(folder))
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                text = text_of(path)
            except (OSError, EOFError):
                continue
            target.write_text(_neutral(text, path.parent), encoding="latin-1")


def write_without_title(path: Path) -> Path:
    """A copy of a deck beside it whose title, if it has one, is a comment; KLayout knows no titles."""
    text = deck_text(path)
    target = path.with_name(f"untitled_{path.name}")
    target.write_text(f"* {text}" if title_of(text) else text, encoding="latin-1")
    return target


def deck_text(path: Path) -> str:
    """Text of a deck up to its `.end`."""
    return re.split(r"(?im)^[ \t]*\.end[ \t]*$", text_of(path), maxsplit=1)[0]


def _neutral(text: str, base: Path) -> str:
    lines = []
    in_control = False
    for line in text.split("\n"):
        word = line.split(None, 1)[0].lower() if line.split() else ""
        if word == ".control":
            in_control = True
        file = included_file(line.strip(), base)
        dropped = in_control or word in (".probe", ".exec") or (file is not None and not file.is_file())
        if word == ".endc":
            in_control, dropped = False, True
        if word == "*.global":
            line = "." + re.sub(r":\w+", "", line.strip()[2:])
        elif word[:1] in ("x", "+"):
            line = re.sub(r"^([x+][^='{]*?)\s/\s", r"\1 ", line, flags=re.I)
        elif word == ".param" and not line.split(None, 1)[1:]:
            dropped = True
        lines.append(f"* {line}" if dropped else line)
    return "\n".join(lines)


def expand(path: Path, timeout_s: float) -> Expansion:
    """Expansion of a deck of a neutral copy, by the first set of rules under which ngspice can make one."""
    text = deck_text(path)
    if _SPECTRE.search(text):
        return Expansion(error="is Spectre syntax")
    text = with_instances_marked(text, scan(path, text))
    found = scan(path, text)
    tops: tuple[str | None, ...] = (None,) if found.has_main_cards else tuple(found.roots)
    if not tops:
        return Expansion(error="holds no circuit")
    errors = []
    # under its own rules it forgets the m= of an instance inside a cell that has an m itself
    for mode in sorted(MODES, key=lambda mode: mode != "hsa") if found.has_copies else MODES:
        attempt = _expand(path, text, found, tops, mode, timeout_s)
        if not attempt.error:
            return attempt
        errors.append(attempt.error)
        if "s of ngspice" in attempt.error:  # it would hang again
            break
    return Expansion(error=errors[0])


def _expand(
    path: Path, text: str, found: Scan, tops: tuple[str | None, ...], mode: str, timeout_s: float
) -> Expansion:
    missing = {name: call for name, call in found.calls.items() if name not in found.definitions}
    title = title_of(text)
    lines: list[str] = []
    behaviour = f"set ngbehavior={mode}\n" if mode else ""
    ground = "set no_auto_gnd\n" if found.has_ground_port else ""
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(20):
            deck = path.with_name(f"oracle_{path.name}.cir")
            deck.write_text(_wrapped(text, found, tops, missing, bool(title)), encoding="latin-1")
            try:
                output = _run(deck, Path(scratch), ground + behaviour, timeout_s)
            except subprocess.TimeoutExpired:
                return Expansion(error=f"more than {timeout_s:.0f} s of ngspice")
            finally:
                deck.unlink()
            listing = Path(scratch, _LISTING)
            if listing.exists():
                lines = _LISTED.findall(listing.read_text(encoding="latin-1").partition("complete deck")[0])
                break
            more = _missing_masters(output, missing)
            if not more:
                return Expansion(error=_first_error(output))
            missing |= more
    devices, scale = _devices(lines)
    return Expansion(mode=mode, devices=devices, tops=tops, scale=scale, title=title)


def _run(deck: Path, scratch: Path, settings: str, timeout_s: float) -> str:
    assert NGSPICE is not None
    for old in scratch.iterdir():
        old.unlink()
    done = subprocess.run(  # noqa: S603 - the installed ngspice
        [NGSPICE, "-n", "-p"],
        # the two `y` answer its question whether to go on when a parameter is undefined
        input=f"set ngdebug\n{settings}source {deck}\ny\ny\nquit\n".encode("latin-1"),
        cwd=scratch,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return (done.stdout + done.stderr).decode("latin-1")


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    chosen = [
        line
        for line in lines
        if re.search(
            r"error|undefined|cannot|could not|missing|illegal|unknown|fatal|too (?:few|many)", line, re.I
        )
        and not re.search(
            r"no graphics|interrupted|no circuit loaded|no such command|warning|Errors=", line, re.I
        )
    ]
    return (chosen or ["no listing"])[0][:160]


def _missing_masters(output: str, known: dict[str, Definition]) -> dict[str, Definition]:
    """Masters that ngspice missed, from its message, which shows the call."""
    more: dict[str, Definition] = {}
    for line in _UNKNOWN.findall(output):
        words = [
            word.rpartition(".")[2] if index else word for index, word in enumerate(line.lower().split())
        ]
        plain = [word for word in words if "=" not in word]
        master = plain[-1]
        if master not in known:
            names = tuple(word.split("=")[0] for word in words if "=" in word)
            more[master] = Definition(name=master, ports=len(plain) - 2, parameters=names)
    return more


def _wrapped(
    text: str, found: Scan, tops: Sequence[str | None], missing: dict[str, Definition], has_title: bool
) -> str:
    """The deck with its stubs, calls of its tops, and a title where it has none."""
    lines = [] if has_title else ["* title"]
    lines += [text, "* added for the comparison"]
    for name, call in missing.items():
        parameters = [name for name in call.parameters if name != "m"]
        header = " ".join(f"{parameter}=0" for parameter in parameters)
        given = " ".join(f"{parameter}={{{parameter}}}" for parameter in parameters)
        ports = [f"zzport{pin}" for pin in range(call.ports)]
        lines.append(f".subckt {name} {' '.join(ports)} {header}")
        lines += [f"{_PIN}{pin} {port} 0 {name} {given if not pin else ''}" for pin, port in enumerate(ports)]
        lines.append(".ends")
    for name, letter in found.wanted_models.items():
        if name not in found.models and name not in missing:
            lines.append(f".model {name} {_MODEL_TYPES[letter]}")
    for place, top in enumerate(tops):
        if top is not None:
            ports = " ".join(_port_names(text, top) or ())
            lines.append(f"{_TOP}{place} {ports} {top}")
    if found.has_copies:  # it passes m= on only to definitions that some call gives an m
        for place, call in enumerate({**found.definitions, **missing}.values()):
            if call.name in found.calls:
                lines.append(f"xcopies{place} {'0 ' * call.ports} {call.name} m=1")
    return "\n".join([*lines, ".end", ""])


def _port_names(text: str, name: str) -> list[str]:
    for line in logical_lines(text):
        if line.lower().startswith((".subckt", ".macro")):
            words, _ = words_and_parameters(line)
            if words[1:2] == [name]:
                return words[2:]
    return []


def _devices(lines: Sequence[str]) -> tuple[tuple[Device, ...], float]:
    """Devices of a listing, stubs put together again, and the length of a drawn unit in metres."""
    scale = 1.0
    devices: list[Device] = []
    pins: dict[str, dict[int, tuple[str, str, dict[str, float]]]] = defaultdict(dict)
    for line in lines[1:]:
        words, sizes, copies = _split(line.replace("/", ".").replace(INSTANCE_MARK, ""))
        if words and words[0].startswith(".opt"):
            scale = sizes.get("scale", scale)
        if not words or not words[0][0].isalpha():
            continue
        letter = words[0][0]
        *owners, local = words[0].split(".")
        # nested definitions leave the letter in the middle of a name too: `x1.r.x2.r1`
        name = ".".join([*(owner for owner in owners if owner != letter), local])
        if name.startswith("xcopies"):
            continue
        sizes["m"] = copies
        if local.startswith(_PIN):
            path = name.rpartition(".")[0]
            pins[path][int(local.removeprefix(_PIN))] = words[1], words[3], sizes
        else:
            devices.append(_device(name, letter, words, sizes))
    for path, found in pins.items():
        if set(found) == set(range(len(found))):
            nets = tuple(found[pin][0] for pin in range(len(found)))
            devices.append(Device(name=path, letter="x", model=found[0][1], nets=nets, sizes=found[0][2]))
    return tuple(devices), scale


def _split(line: str) -> tuple[list[str], dict[str, float], float]:
    """Words before the first assignment, assigned numbers, and the product of all copies of a line."""
    text = re.sub(r"\s*=\s*", "=", line.lower())
    text = re.sub(r"[(),]", " ", text) if text[:1] not in "bega" else text
    words, sizes, copies = [], {}, 1.0
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals:
            words += [word] if not sizes else []
        elif name == "m":
            copies *= number(value)
        else:
            sizes[name] = number(value)
    return words, sizes, copies


_VALUES = {"r": ("r", "resistance"), "c": ("c", "capacitance"), "l": ("l", "inductance")}


def _device(name: str, letter: str, words: list[str], sizes: dict[str, float]) -> Device:
    """The device of one listed line: nodes, then the last word that is no number as its model."""
    kept = {key: value for key, value in sizes.items() if key in ("w", "l", "m", "nf")}
    if letter not in MODEL_PLACE and letter not in _VALUES:
        return Device(name=name, letter=letter, model="", nets=tuple(words[1:3]), sizes=kept)
    place = min(model_place(words, letter), len(words) - 1)
    if letter in MODEL_PLACE:
        return Device(name=name, letter=letter, model=words[place], nets=tuple(words[1:place]), sizes=kept)
    numbers = [item for item in map(number, words[3:]) if not math.isnan(item)]
    named = [sizes[key] for key in _VALUES[letter] if key in sizes]
    kept["value"] = (*numbers, *named, math.nan)[0]
    # a third terminal stands between two nodes and a model
    extra = [word for word in words[3:place] if math.isnan(number(word))]
    named_model = place > 2 and math.isnan(number(words[place]))
    return Device(
        name=name,
        letter=letter,
        model=words[place] if named_model else "",
        nets=(*words[1:3], *extra),
        sizes=kept,
    )
