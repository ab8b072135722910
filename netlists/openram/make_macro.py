"""Make a labelled SRAM macro: generate it with OpenRAM, extract its layout with Magic, name its nets.

    PYTHONHASHSEED=0 python make_macro.py scn4m_4x16_1rw1r --word-size 4 --words 16 --read-ports 1

The technology is SCN4M_SUBM (`scn4m_*`). Needs Magic 8.3 and, best in an environment of its own,
`pip install openram==1.2.48 'numpy<2.4'`; nothing else. The hash seed only fixes the order of subcircuits in
the schematic. Supplies are left unrouted: all that is called `vdd` is one net, and node 0 is the substrate
and the ground metal tied to it.

References in a GDS file have no names. They get those of OpenRAM's instances, so that flattening turns the
labels of all cells into paths. A layout node is the net that most of its labels tell, and where it has none,
the only net that joins the same transistors; in the end all transistors have to be on their nets.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

CONFIG = """
tech_name = "scn4m_subm"
word_size, num_words = {arguments.word_size}, {arguments.words}
num_rw_ports, num_r_ports, num_w_ports = 1, {arguments.read_ports}, 0
output_name, output_path = "{arguments.name}", "{folder}/"
nominal_corner_only, route_supplies, check_lvsdrc, use_conda = True, False, False, False
"""
EXTRACTION = """
gds read named.gds
load {name}
flatten flat
load flat
extract style TSMC0.35um(tsmc35)from:t11c
extract all
quit -noprompt
"""

# Cross-coupled nodes of dummy cells, which nothing else tells apart, in nm on the layer of polysilicon
INNER_LABELS = {
    "dummy_cell_1rw": {"Q": (3400, 7400), "Q_bar": (4600, 5600)},
    "dummy_cell_2rw": {"Q": (5800, 9000), "Q_bar": (5000, 7600)},
}
POLYSILICON = 46
# Labels that tell no net: names Magic made up; pins of transistors, whose drains and sources are swapped at
# will; gates of row decoders, which are placed in another order than they are called by
UNTOLD = re.compile(r"_n?\d+_n?\d+#$|/[DGS]$|/DEC_AND_\d+/")

# Records of a GDS file, kind and data type
UNITS, STRUCTURE, END_STRUCTURE, REFERENCE, TEXT = 0x0305, 0x0606, 0x0700, 0x0A00, 0x0C00
LAYER, XY, END_ELEMENT, TARGET, TEXT_TYPE = 0x0D02, 0x1003, 0x1100, 0x1206, 0x1602
STRING, PROPERTY, PROPERTY_VALUE = 0x1906, 0x2B02, 0x2C06
USE_NAME = 98  # the property Magic takes for the name of a reference
NANOMETRE = bytes.fromhex("3944b82fa09b5a54")  # in metres

Device = Sequence[str]  # model, gate, bulk, and both ends of a transistor


def generate(arguments: argparse.Namespace, folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Write NAME.sp and NAME.gds; returns the name and cell of every instance in a cell of the layout."""
    os.environ["OPENRAM_TMP"] = str(folder)
    config = folder / "config.py"
    config.write_text(CONFIG.format(arguments=arguments, folder=folder))
    sys.argv[1:] = [str(config)]
    import openram

    openram.parse_args()
    openram.init_openram(config_file=str(config))
    openram.setup_bitcell()
    memory = openram.sram()
    memory.sp_write(str(folder / f"{arguments.name}.sp"))
    memory.gds_write(str(folder / f"{arguments.name}.gds"))
    instances: dict[str, list[tuple[str, str]]] = {}
    waiting: list[Any] = [memory.s]
    while waiting:
        module = waiting.pop()
        if module.cell_name not in instances:
            instances[module.cell_name] = [(i.name, i.mod.cell_name) for i in module.insts]
            waiting += [i.mod for i in module.insts]
    return instances


def record(kind: int, content: bytes = b"") -> bytes:
    """A record of a GDS file."""
    return (
        struct.pack(">HH", 4 + len(content) + len(content) % 2, kind) + content + b"\0" * (len(content) % 2)
    )


def with_names(layout: bytes, instances: Mapping[str, Sequence[tuple[str, str]]]) -> bytes:
    """A GDS file whose references and inner nodes have names."""
    done, at, cell, number, target = bytearray(), 0, "", 0, ""
    while at < len(layout):
        length, kind = struct.unpack_from(">HH", layout, at)
        if not length:
            break
        content, text = layout[at + 4 : at + length], layout[at + 4 : at + length].rstrip(b"\0")
        if kind == UNITS and content[8:] != NANOMETRE:
            raise ValueError(f"the unit of the layout is no nanometre: {content[8:].hex()}")
        if kind == STRUCTURE:
            cell, number = text.decode(), 0
        elif kind == TARGET:
            target = text.decode()
        elif kind == END_ELEMENT and target:
            if names := instances.get(cell):
                name, expected = names[number]
                if target != expected:
                    raise ValueError(f"{cell}: reference {number} is to {target}, not {expected}")
                if "contact" not in target:  # their names are not unique
                    done += record(PROPERTY, struct.pack(">H", USE_NAME)) + record(
                        PROPERTY_VALUE, name.encode()
                    )
            target, number = "", number + 1
        elif kind == END_STRUCTURE:
            for label, (x, y) in INNER_LABELS.get(cell, {}).items():
                done += (
                    record(TEXT) + record(LAYER, struct.pack(">h", POLYSILICON)) + record(TEXT_TYPE, b"\0\0")
                )
                done += (
                    record(XY, struct.pack(">ii", x, y))
                    + record(STRING, label.encode())
                    + record(END_ELEMENT)
                )
        done += layout[at : at + length]
        at += length
    return bytes(done)


class Schematic:
    """A hierarchical netlist of transistors."""

    def __init__(self, text: str, top: str) -> None:
        self.top = top
        self.ports: dict[str, list[str]] = {}
        self.uses: dict[str, dict[str, tuple[str, list[str]]]] = defaultdict(dict)
        self.devices: dict[str, list[Device]] = defaultdict(list)
        cell = ""
        for line in text.replace("\n+", "").splitlines():
            name, *words = line.split()
            if name.upper() == ".SUBCKT":
                cell, *self.ports[words[0]] = words
            elif name.startswith("X"):
                self.uses[cell][name] = words[-1], words[:-1]
            elif name.startswith("M"):
                drain, gate, source, bulk, model = words[:5]
                self.devices[cell].append((model, gate, bulk, drain, source))

    def net(self, label: str) -> str:
        """Flat net of a label `instance/instance/net`; an empty text where that is no subcircuit."""
        *path, net = label.split("/")
        cell, chain = self.top, []
        for name in (f"X{instance}" for instance in path):
            if name not in self.uses[cell]:
                return ""
            chain.append((cell, name))
            cell = self.uses[cell][name][0]
        while chain and net in self.ports[cell]:
            parent, name = chain.pop()
            net = self.uses[parent][name][1][self.ports[cell].index(net)]
            cell = parent
        return "/".join([*(name for _, name in chain), net])

    def flat(self, cell: str, path: str = "", outer: Mapping[str, str] | None = None) -> Iterator[Device]:
        """All transistors in a cell."""

        def called(net: str) -> str:
            return (outer or {}).get(net, path + net)

        for model, *nets in self.devices[cell]:
            yield model, *map(called, nets)
        for name, (below, nets) in self.uses[cell].items():
            inner = dict(zip(self.ports[below], map(called, nets), strict=True))
            yield from self.flat(below, f"{path}{name}/", inner)


class Layout:
    """A flat extraction; capacitances in attofarad."""

    def __init__(self, text: str) -> None:
        self.labels: dict[str, list[str]] = defaultdict(list)  # of every node; pieces of one name are one
        self.capacitors: list[tuple[str, str, float]] = []
        self.devices: list[Device] = []
        self.substrate = re.findall(r'^substrate "(.*?)"', text, flags=re.M)[0]
        for line in text.splitlines():
            kind, *words = (word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line))
            if kind in ("node", "substrate"):
                self.labels[words[0]].append(words[0])
                self.capacitors.append((words[0], self.substrate, float(words[2])))
            elif kind == "equiv":
                self.labels[words[0]].append(words[1])
            elif kind == "cap":
                self.capacitors.append((words[0], words[1], float(words[2])))
            elif kind == "device":
                self.devices.append((words[1][0], *(words[k] for k in (9, 8, 12, 15))))  # pfet or nfet


def nets_of_labels(layout: Layout, schematic: Schematic) -> dict[str, str]:
    """Nets of nodes by their labels; those that slipped to other metal are outvoted."""
    found = {}
    for node, labels in layout.labels.items():
        votes = Counter(schematic.net(label) for label in labels if not UNTOLD.search(label))
        (net, count), (_, others) = ([*votes.most_common(2), ("", 0), ("", 0)])[:2]
        if net and count < 2 * others:
            raise ValueError(f"{node} has labels of several nets: {votes}")
        if net:
            found[node] = net
    return found


def unknown(devices: Sequence[Device], known: Mapping[str, str]) -> dict[str, list[str]]:
    """Nodes without a net, by what transistors join them to."""
    joined: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for model, *nodes in devices:
        gate, bulk, *ends = (known.get(node, "?") for node in nodes)
        others = (bulk, *sorted(ends)), (gate, *sorted(ends)), (gate, bulk, ends[1]), (gate, bulk, ends[0])
        for node, pin, rest in zip(nodes, ("gate", "bulk", "end", "end"), others, strict=True):
            if node not in known:
                joined[node].add((model, pin, *rest))
    alike: dict[str, list[str]] = defaultdict(list)
    for node, devices_on in joined.items():
        alike[str(sorted(devices_on))].append(node)
    return alike


def match(layout: Layout, schematic: Schematic) -> dict[str, str]:
    """Net of every layout node that belongs to one."""
    found, flat = nets_of_labels(layout, schematic), list(schematic.flat(schematic.top))
    while True:
        there = unknown(flat, {net: net for net in found.values()})
        new = {
            nodes[0]: there[joined][0]
            for joined, nodes in unknown(layout.devices, found).items()
            if len(nodes) == len(there.get(joined, ())) == 1
        }
        if not new:
            break
        found |= new
    drawn, meant = (
        {(model, gate, bulk, *sorted(ends)) for model, gate, bulk, *ends in devices}
        for devices in ([(d[0], *(found.get(node, "?") for node in d[1:])) for d in layout.devices], flat)
    )
    if drawn != meant or found[layout.substrate] != "gnd":
        raise ValueError(f"transistors on other nets: {sorted(drawn ^ meant)[:10]}")
    return found


def extracted(layout: Layout, schematic: Schematic) -> str:
    """The capacitances between nets as a netlist; `lay?…` is metal of no net."""
    nets = match(layout, schematic) | {layout.substrate: "0"}
    total: dict[tuple[str, str], float] = defaultdict(float)
    for one, other, attofarad in layout.capacitors:
        a, b = sorted(
            (nets.get(node, f"lay?{node}") for node in (one, other)),
            key=lambda net: (net == "0", not net.startswith("lay?"), net),
        )
        if a != b:
            total[a, b] += attofarad
    cards = []
    for kind, is_ground in (("Cg", True), ("Cc", False)):
        pairs = [pair for pair, value in total.items() if value and (pair[1] == "0") == is_ground]
        pairs.sort(key=lambda pair: [(not net.startswith("lay?"), net) for net in pair])
        cards += [f"{kind}{k} {a} {b} {total[a, b] * 1e-18:.6g}" for k, (a, b) in enumerate(pairs)]
    top = schematic.top
    title = (
        f"* C-only post-layout netlist of {top}; magic flat extraction; node names = schematic flat names (/)"
    )
    return "\n".join([title, " ".join([f".subckt {top}_pex", *schematic.ports[top]]), *cards, ".ends", ""])


def main() -> None:
    """Write NAME.sp.gz and NAME.pex.sp.gz."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("--word-size", type=int, required=True, help="bits of a word")
    parser.add_argument("--words", type=int, required=True)
    parser.add_argument("--read-ports", type=int, default=0, help="besides the one that reads and writes")
    parser.add_argument("-o", "--output", type=Path, default=Path.cwd(), help="folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        instances = generate(arguments, folder)
        (folder / "named.gds").write_bytes(
            with_names((folder / f"{arguments.name}.gds").read_bytes(), instances)
        )
        (folder / "extract.tcl").write_text(EXTRACTION.format(name=arguments.name))
        technology = next(
            Path(path) / "scn4m_subm" / "tech" / "SCN4M_SUBM.20.tech"
            for path in os.environ["OPENRAM_TECH"].split(":")
        )
        subprocess.run(  # noqa: S603 - the installed magic
            ["magic", "-dnull", "-noconsole", "-T", str(technology), "extract.tcl"],  # noqa: S607
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        text = (folder / f"{arguments.name}.sp").read_text()
        header = "".join(text.splitlines(keepends=True)[:9])
        cells = re.sub(r"^(\*.*)?\n", "", text, flags=re.M)
        labels = extracted(Layout((folder / "flat.ext").read_text()), Schematic(cells, arguments.name))
    for suffix, text in (("sp", header + cells), ("pex.sp", labels)):
        path = arguments.output / f"{arguments.name}.{suffix}.gz"
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
