"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from circuitgcl.errors import InputError

Netlists = Annotated[list[str], typer.Argument(metavar="NETLIST...", help="SPICE netlists, plain or gzip'd.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result here.")]
RunOutput = Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="Run folder.")]
Top = Annotated[str | None, typer.Option("--top", metavar="CELL", help="Top subcircuit.")]
Rails = Annotated[
    str | None,
    typer.Option("--rails", metavar="GLOBS", help="Rails, as 'vdd*,gnd'; '!vctl' is none. Else recognised."),
]
Dialect = Annotated[
    str | None,
    typer.Option("--dialect", help="spice, hspice, cdl, spectre, xyce, ltspice or xschem; else detected."),
]
Lenient = Annotated[
    bool, typer.Option("--lenient", help="Skip and list what cannot be read, instead of stopping there.")
]
Model = Annotated[str, typer.Option("--model", metavar="NAME|DIR", help="Model to use.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
MinCap = Annotated[
    str | None,
    typer.Option("--min-cap", metavar="FARAD", help="Smallest coupling that counts.", show_default="0.01f"),
]
NameMapFile = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE", help="Net names that belong together, two to a line."),
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings in TOML.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting; may be repeated.")
]


def expanded(patterns: list[str]) -> list[Path]:
    """Files of paths and glob patterns, in order.

    Raises:
        InputError: a pattern matches no file.
    """
    found: list[Path] = []
    for pattern in patterns:
        if any(character in pattern for character in "*?[") and not Path(pattern).exists():
            root = Path(pattern).anchor
            matches = [
                match for match in sorted(Path(root or ".").glob(pattern[len(root) :])) if match.is_file()
            ]
            if not matches:
                raise InputError(f"no file matches {pattern!r}")
            found.extend(matches)
        else:
            found.append(Path(pattern))
    return found


def globs(text: str | None) -> tuple[str, ...]:
    """Patterns of a comma-separated list."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def labelled_files(paths: list[Path], only: tuple[str, ...], name_map: Path | None) -> tuple[Any, ...]:
    """`DesignFiles` of a schematic and its extraction, of a manifest or of a data set.

    Raises:
        InputError: neither of them, or a name map beside a manifest.
    """
    from circuitgcl.data import list_designs
    from circuitgcl.data.designs import DesignFiles, chosen
    from circuitgcl.netlist.reading import design_name

    if len(paths) == 2:
        name = design_name(paths[0])
        return (DesignFiles(name=name, schematic=paths[0], extracted=paths[1], name_map=name_map),)
    if name_map is not None:
        raise InputError(
            "--map goes with SCHEMATIC EXTRACTED; a manifest names the map of each design itself"
        )
    if len(paths) > 2 or not (paths[0].suffix.lower() == ".toml" or paths[0].is_dir()):
        raise InputError(
            f"{len(paths)} file{'s'[: len(paths) > 1]} given; "
            "expected SCHEMATIC EXTRACTED, one MANIFEST.toml or one data set folder"
        )
    return chosen(list_designs(paths[0]), only)


def settings_of(flags: Mapping[str, object]) -> list[str]:
    """Flags that were given, as `key=value` settings of a configuration."""
    return [f"{key}={value}" for key, value in flags.items() if value not in (None, "")]


def farad(text: str | None, option: str) -> float | None:
    """Capacitance of an option such as `0.01f` or `1e-17`.

    Raises:
        InputError: not a positive, finite number, or an unknown unit.
    """
    from circuitgcl.units import parse_farad

    if text is None:
        return None
    try:
        value = parse_farad(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise InputError(
            f"{option} {text!r} is no positive capacitance; expected a number such as 0.01f or 1e-17"
        )
    return value


def check_device(device: str) -> None:
    """Refuse a device that is unknown or absent.

    Raises:
        InputError: neither auto nor cpu nor a CUDA device that is there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {device!r} is unknown; known: auto, cpu, cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("--device cuda: no CUDA device is available; use --device cpu")
