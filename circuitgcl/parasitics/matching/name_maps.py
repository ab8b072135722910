"""Explicit name maps: which extracted net is which schematic net, where no rule can tell.

# extracted     schematic
N_17            xbank/bl[0]
N_18            xbank/br[0]
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from circuitgcl.errors import ParasiticsError, SourceLocation
from circuitgcl.parasitics.blocks import decode, read_blocks

_COMMENTS = ("#", "*", "//", ";")


@dataclass(frozen=True, kw_only=True)
class NameMap:
    """Pairs of names, in file order."""

    path: str = ""
    extracted: tuple[str, ...] = ()  # each at most once
    schematic: tuple[str, ...] = ()  # a net may come several times: its pieces
    lines: tuple[int, ...] = ()  # 1-based

    def __len__(self) -> int:
        return len(self.extracted)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return zip(self.extracted, self.schematic, strict=True)

    def positions(
        self, extracted: Collection[str], schematic: Collection[str]
    ) -> tuple[list[int], list[int]]:
        """Where the pairs stand in two lists of names.

        Raises:
            ParasiticsError: a name is in neither list; located at its line.
        """
        sides = (("extraction", self.extracted, extracted), ("schematic", self.schematic, schematic))
        found: list[list[int]] = []
        for what, wanted, names in sides:
            index = {name: i for i, name in enumerate(names)}
            folded = {name.casefold(): i for name, i in index.items()}
            found.append([])
            for name, line in zip(wanted, self.lines, strict=True):
                position = index.get(name, folded.get(name.casefold()))
                if position is None:
                    raise ParasiticsError(
                        f"no net of the {what} is called {name}; expected a name as spelled there"
                        f"{_suggestion(name, names)}.",
                        location=SourceLocation(self.path, line),
                    )
                found[-1].append(position)
        return found[0], found[1]


def read_name_map(path: str | Path) -> NameMap:
    """Read a map of two columns, extracted and schematic name; `#`, `*`, `;` and `//` begin a comment line.

    Raises:
        ParasiticsError: the file cannot be read, a line has not two names, or an extracted name is mapped to
            two nets.
    """
    extracted: dict[str, int] = {}
    schematic: list[str] = []
    lines: list[int] = []
    for block in read_blocks(path):
        for line, text in enumerate(block.data.split(b"\n"), block.first_line):
            fields = decode(text).split()
            if not fields or fields[0].startswith(_COMMENTS):
                continue
            here = SourceLocation(str(path), line)
            names = fields[:2] if len(fields) > 2 and fields[2].startswith(_COMMENTS) else fields
            if len(names) != 2:
                raise ParasiticsError(
                    f"{len(names)} name{'s'[: len(names) != 1]} in this line; "
                    "expected two: an extracted and a schematic net.",
                    location=here,
                )
            known = extracted.setdefault(names[0], len(schematic))
            if known < len(schematic):
                if schematic[known] == names[1]:
                    continue
                raise ParasiticsError(
                    f"{names[0]} is mapped to {names[1]} here, and to {schematic[known]} in line "
                    f"{lines[known]}; expected one schematic net.",
                    location=here,
                )
            schematic.append(names[1])
            lines.append(line)
    if not schematic:
        raise ParasiticsError(
            "this map is empty; expected lines of two names, an extracted and a schematic net.",
            location=SourceLocation(str(path), 0),
        )
    return NameMap(path=str(path), extracted=tuple(extracted), schematic=tuple(schematic), lines=tuple(lines))


def _suggestion(name: str, names: Collection[str]) -> str:
    """The nearest names, where the list is short enough to search."""
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1) if len(names) <= 20_000 else []
    return f", such as {near[0]}" if near else ""
