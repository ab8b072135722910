"""A flattener by plain recursion over dictionaries, oracle of the array-based one, and random decks for both.

It reads a small part of SPICE: `.subckt` with header parameters, M and X cards, `.global`, continuations.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from circuitgcl.netlist import FlatCircuit

GROUND = ("0", "gnd")


@dataclass
class Cell:
    ports: list[str] = field(default_factory=list)
    defaults: dict[str, str] = field(default_factory=dict)
    cards: list[tuple[str, list[str], str, dict[str, str]]] = field(default_factory=list)


def read_cells(text: str) -> tuple[dict[str, Cell], list[str]]:
    """Cells by lower-case name, the file's own level under an empty one, and the global nets."""
    text = re.sub(r"^\*.*\n", "", text.lower(), flags=re.M)
    text = re.sub(r"\n\s*\+", " ", text)
    cells, global_nets = {"": Cell()}, []
    current = cells[""]
    for line in text.splitlines():
        words = re.sub(r"\s*=\s*", "=", line).replace("'", "").split()
        if not words:
            continue
        plain = [word for word in words if "=" not in word]
        parameters = dict(word.split("=") for word in words if "=" in word)
        if plain[0] == ".subckt":
            current = Cell(plain[2:], parameters)
            cells.setdefault(plain[1], current)
        elif plain[0] == ".ends":
            current = cells[""]
        elif plain[0] == ".global":
            global_nets += plain[1:]
        elif plain[0][0] in "mx":
            current.cards.append((plain[0], plain[1:-1], plain[-1], parameters))
    return cells, global_nets


def number(text: str, values: dict[str, float]) -> float:
    if text[-1] in "un" and text[:-1].replace(".", "").isdigit():
        return float(text[:-1] + {"u": "e-6", "n": "e-9"}[text[-1]])
    return float(eval(text, {}, dict(values)))


Device = tuple[Any, ...]  # name, model, nets, W, L, m


def flatten_naively(cells: dict[str, Cell], global_nets: list[str], top: str) -> Counter[Device]:
    """Multiset of all devices below a top cell; names in lower case, both ground names as `0`."""
    found: Counter[Device] = Counter()

    def walk(cell: Cell, path: str, nets: dict[str, str], values: dict[str, float], copies: float) -> None:
        def net(node: str) -> str:
            if node in nets:
                return nets[node]
            if node in GROUND:
                return "0"
            return node if node in global_nets else path + node

        for name, nodes, model, parameters in cell.cards:
            outer = [net(node) for node in nodes]
            wanted = ("w", "l", "m", "k")
            passed = {key: number(text, values) for key, text in parameters.items() if key in wanted}
            if name[0] == "m":
                m = copies * passed.get("m", 1.0)
                found[path + name, model, tuple(outer), passed["w"], passed["l"], m] += 1
                continue
            child = cells[model]
            inner: dict[str, float] = {}
            for key, text in child.defaults.items():
                inner[key] = passed[key] if key in passed else number(text, inner)
            below = copies * (1.0 if "m" in child.defaults else passed.get("m", 1.0))
            walk(child, f"{path}{name}/", dict(zip(child.ports, outer, strict=True)), inner, below)

    ports = {port: "0" if port in GROUND else port for port in cells[top].ports}
    defaults: dict[str, float] = {}
    for key, text in cells[top].defaults.items():
        defaults[key] = number(text, defaults)
    walk(cells[top], "", ports, defaults, 1.0)
    return found


def devices_of(circuit: FlatCircuit) -> Counter[Device]:
    """The same multiset of a flat circuit."""
    nets = ["0" if name in GROUND else name for name in (name.casefold() for name in circuit.net_names())]
    table = circuit.table
    found: Counter[Device] = Counter()
    for device, name in enumerate(circuit.device_names()):
        card = circuit.device_card[device]
        start, stop = circuit.pin_offset[device : device + 2]
        found[
            name.casefold(),
            table.model_names[table.model[card]].casefold(),
            tuple(nets[net] for net in circuit.pin_net[start:stop]),
            float(table.width_m[card]),
            float(table.length_m[card]),
            float(table.multiplier[card]),
        ] += 1
    return found


EXPRESSIONS = ("1e-6", "2.5e-7", "w", "w*2", "(w+1e-7)*k", "w*k/4")


def random_deck(random: Random, *, copies: bool = True, supply_ports: bool = True) -> str:
    """A random hierarchy of up to four cells: parameters, copies, globals, ground, portless cells."""
    names = [f"cell{number}" for number in range(random.randint(1, 4))]
    supplies = ["vdd", "gnd"] if supply_ports else ["p", "q"]
    blocks = []
    ports_of: dict[str, int] = {}
    for level, name in enumerate(names):
        ports = random.sample(["A", "b", *supplies, "y[0]"], random.randint(0, 4))
        ports_of[name] = len(ports)
        nodes = [*ports, "0", "gnd", "vdd", "Vss", "n1", "N1", "n2", "mid<3>"]
        lines = [f".subckt {name} {' '.join(ports)} w=1e-6 k='2'"]
        lines += _cards(random, nodes, names[:level], ports_of, copies=copies, inside=True)
        blocks.append("\n".join([*lines, ".ends"]))
    top_nodes = ["in", "OUT", "0", "gnd", "vdd", "vss", "n1"]
    blocks.append("\n".join(_cards(random, top_nodes, names, ports_of, copies=copies, inside=False)))
    random.shuffle(blocks)
    return "\n".join(["* a random hierarchy", ".global vdd VSS", *blocks, ".end\n"])


def _cards(
    random: Random,
    nodes: list[str],
    below: list[str],
    ports_of: dict[str, int],
    *,
    copies: bool,
    inside: bool,
) -> list[str]:
    expressions = EXPRESSIONS if inside else EXPRESSIONS[:2]
    lines = []
    for number in range(random.randint(1, 3)):
        pins = " ".join(random.choices(nodes, k=4))
        m = random.choice(["", " m=2", " m='1+2'"]) if copies else ""
        lines.append(f"M{number} {pins} nch w='{random.choice(expressions)}' l=100n{m}")
    for number in range(random.randint(0, 3) if below else 0):
        cell = random.choice(below)
        pins = " ".join(random.choices(nodes, k=ports_of[cell]))
        w = random.choice(["", f" w = '{random.choice(expressions)}'"])
        k = random.choice(["", " k=3"])
        m = random.choice(["", " m=2"]) if copies else ""
        lines.append(f"x{number} {pins}\n* between\n+ {cell}{w}{k}{m}")
    return lines
