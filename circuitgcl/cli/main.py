"""The command line: thin adapters over the public functions.

Heavy imports stay inside the commands, so that `--help` and `inspect` answer without loading torch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from circuitgcl.errors import CircuitGCLError, InputError

app = typer.Typer(
    help="Estimate the layout parasitics of analog and mixed-signal circuits from the SPICE netlist alone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Netlists = Annotated[list[str], typer.Argument(metavar="NETLIST...", help="SPICE netlists, plain or gzip'd.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result here.")]
RunOutput = Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="Run folder.")]
Top = Annotated[str | None, typer.Option("--top", metavar="CELL", help="Top subcircuit.")]
Rails = Annotated[str, typer.Option("--rails", metavar="GLOBS", help="Rail names, as 'vdd*,gnd'.")]
Model = Annotated[str, typer.Option("--model", metavar="NAME|DIR", help="Model to use.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
MinCap = Annotated[str, typer.Option("--min-cap", metavar="FARAD", help="Smallest coupling that counts.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings in TOML.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting.")]


@app.command()
def estimate(
    netlists: Netlists,
    output: Output = None,
    top: Top = None,
    rails: Rails = "",
    model: Model = "bundled",
    device: Device = "auto",
    min_cap: MinCap = "0.01f",
    top_couplings: Annotated[int, typer.Option("--top-couplings", min=0, help="Couplings to print.")] = 20,
    include: Annotated[str, typer.Option("--include", metavar="GLOB", help="Nets to list.")] = "*",
    exclude: Annotated[str, typer.Option("--exclude", metavar="GLOB", help="Nets not to list.")] = "",
    bound: Annotated[str, typer.Option("--bound", help="mean, p10 or p90.")] = "mean",
    scale: Annotated[float, typer.Option("--scale", help="Factor on every capacitance.")] = 1.0,
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Estimate the parasitic capacitances of bare netlists."""
    from rich.console import Console

    from circuitgcl.config import load_config
    from circuitgcl.reporting.tables import check_output

    if output is not None:
        check_output(output)
    paths = _expanded(netlists)
    _check_device(device)
    flags = {
        "min_cap_farad": (_farad(min_cap, "--min-cap"), min_cap != "0.01f"),
        "include": (include, include != "*"),
        "exclude": (exclude, bool(exclude)),
        "bound": (bound, bound != "mean"),
        "scale": (scale, scale != 1.0),
        "graph.rails": (rails, bool(rails)),
    }
    given = [f"{key}={value}" for key, (value, is_given) in flags.items() if is_given]
    with _status("loading the model"):
        from circuitgcl.estimation import EstimateConfig, Estimator
        from circuitgcl.reporting.tables import write_estimates
        from circuitgcl.reporting.terminal import print_estimate

        resolved = load_config(EstimateConfig, config, [*given, *(settings or ())])
        estimator = Estimator.from_pretrained(model, device)
    console = Console()
    estimates = []
    for path in paths:
        with _status(f"estimating {path.name}"):
            estimates.append(estimator.estimate(path, top=top, config=resolved))
        print_estimate(console, estimates[-1], couplings=top_couplings)
    if output is not None:
        for written in write_estimates(estimates, output):
            console.print(f"wrote {written}", highlight=False, soft_wrap=True)


@app.command()
def inspect(
    netlist: Annotated[Path, typer.Argument()], output: Output = None, top: Top = None, rails: Rails = ""
) -> None:
    """Show what a netlist contains and how it was understood."""
    from rich.console import Console

    from circuitgcl.files import write_atomically
    from circuitgcl.graph.rails import RailKind, recognise_rails
    from circuitgcl.netlist.inspection import read_timed
    from circuitgcl.reporting.inspection import print_inspection

    circuit, found = read_timed(netlist, top)
    kinds = recognise_rails(circuit, _globs(rails))
    chosen = kinds.nonzero()[0].tolist()
    names = circuit.net_names(chosen)
    found["rails"] = [
        {"net": name, "kind": RailKind(int(kinds[net])).name.lower()}
        for net, name in zip(chosen, names, strict=True)
    ]
    print_inspection(Console(), found)
    if output is not None:
        write_atomically(output, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


@app.command()
def pretrain(
    netlists: Netlists,
    output: RunOutput,
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Pretrain an encoder on unlabelled netlists."""
    from circuitgcl.config import load_config
    from circuitgcl.data import DesignFiles, load_design
    from circuitgcl.pretraining import PretrainConfig
    from circuitgcl.pretraining import pretrain as run_pretrain

    resolved = load_config(PretrainConfig, config, settings or ())
    _check_device(device)
    graphs = [load_design(DesignFiles(name=p.stem, schematic=p)).graph for p in _expanded(netlists)]
    checkpoint = run_pretrain(graphs, resolved, folder=output, accelerator=device, progress=_interactive())
    typer.echo(f"wrote {output}: " + ", ".join(f"{k} {v:.3g}" for k, v in checkpoint.metrics.items()))


@app.command()
def finetune(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="TOML list of labelled designs.")],
    output: RunOutput,
    encoder: Annotated[
        Path | None, typer.Option("--encoder", metavar="RUN", help="Pretrained encoder.")
    ] = None,
    skip: Annotated[
        str, typer.Option("--skip", metavar="GLOBS", help="Designs to leave out, as 'a*,b'.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Name of the model.")] = "custom",
    version: Annotated[str, typer.Option("--version", help="Version of the model.")] = "1",
    device: Device = "auto",
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Train a model on labelled designs."""
    from circuitgcl.config import load_config
    from circuitgcl.data import load_design, read_manifest
    from circuitgcl.data.designs import without
    from circuitgcl.finetuning import FinetuneConfig
    from circuitgcl.finetuning import finetune as run_finetune
    from circuitgcl.models.checkpoint import load_encoder

    resolved = load_config(FinetuneConfig, config, settings or ())
    _check_device(device)
    pretrained = None if encoder is None else load_encoder(encoder)
    with _status("reading the designs"):
        designs = [load_design(files) for files in without(read_manifest(manifest), _globs(skip))]
    run_finetune(
        designs,
        resolved,
        folder=output,
        encoder=pretrained,
        name=name,
        version=version,
        accelerator=device,
        progress=_interactive(),
    )
    typer.echo(f"wrote {output}: model {name} {version}, trained on {len(designs)} designs")


@app.command()
def evaluate(
    designs: Annotated[
        list[Path], typer.Argument(metavar="SCHEMATIC EXTRACTED | MANIFEST", help="What to score.")
    ],
    output: Output = None,
    model: Model = "bundled",
    device: Device = "auto",
    min_cap: MinCap = "0.01f",
    only: Annotated[
        str, typer.Option("--only", metavar="GLOBS", help="Designs of the manifest to score.")
    ] = "",
) -> None:
    """Score a model against extracted layouts."""
    from rich.console import Console

    from circuitgcl.data import DesignFiles, load_design, read_manifest
    from circuitgcl.data.designs import chosen

    if len(designs) > 2:
        raise InputError(f"{len(designs)} files given; expected SCHEMATIC EXTRACTED, or one MANIFEST.toml")
    _check_device(device)
    threshold = _farad(min_cap, "--min-cap")
    if len(designs) == 1:
        files = chosen(read_manifest(designs[0]), _globs(only))
    else:
        name = designs[0].name.split(".")[0]
        files = (DesignFiles(name=name, schematic=designs[0], extracted=designs[1]),)
    with _status("evaluating"):
        from circuitgcl.estimation import Predictor
        from circuitgcl.evaluation import evaluate_all
        from circuitgcl.models.checkpoint import load_model
        from circuitgcl.reporting.terminal import print_metrics

        predictor = Predictor(load_model(model), device)
        metrics = evaluate_all(predictor, [load_design(f) for f in files], min_cap_farad=threshold)
    print_metrics(Console(), metrics)
    if output is not None:
        from circuitgcl.files import write_atomically

        content: Any = metrics[0] if len(metrics) == 1 else metrics
        write_atomically(output, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _expanded(patterns: list[str]) -> list[Path]:
    """Files of paths and glob patterns, in order."""
    found: list[Path] = []
    for pattern in patterns:
        if any(character in pattern for character in "*?[") and not Path(pattern).exists():
            root = Path(pattern).anchor
            matches = sorted(Path(root or ".").glob(pattern[len(root) :]))
            if not matches:
                raise InputError(f"no file matches {pattern!r}")
            found.extend(match for match in matches if match.is_file())
        else:
            found.append(Path(pattern))
    return found


def _globs(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _farad(text: str, option: str) -> float:
    from circuitgcl.units import parse_number

    try:
        value = parse_number(text)
    except ValueError:
        value = 0.0
    if value <= 0:
        raise InputError(
            f"{option} {text!r} is no positive capacitance; expected a number such as 0.01f or 1e-17"
        )
    return value


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {device!r} is unknown; known: auto, cpu, cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("--device cuda: no CUDA device is available; use --device cpu")


def _interactive() -> bool:
    return sys.stderr.isatty()


@contextmanager
def _status(text: str) -> Iterator[None]:
    """A spinner on standard error while something takes its time."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def run() -> None:
    """Entry point: an error a user can mend is one line and exit code 2; a bug keeps its traceback."""
    try:
        app()
    except CircuitGCLError as error:
        typer.echo("circuitgcl: " + " ".join(str(error).split()), err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
