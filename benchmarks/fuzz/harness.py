"""Running a check under the fuzzer atheris, or again on single inputs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout is what is fuzzed

LARGEST_SEED = 20_000  # bytes of a foreign seed
Check = Callable[[bytes], None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is fuzzed, and with what."""

    packages: tuple[str, ...]  # whose branches guide the fuzzer
    load: Callable[[Path], Check]  # imports what is checked; the check may use the folder, which it is given
    seeds: Callable[[Path | None], list[bytes]]  # inputs to begin with, also from a folder of files
    words: Sequence[bytes]
    lines: Sequence[bytes]  # to mutate whole lines with; without, bytes only


def parser_of(
    description: str | None, foreign: str, *, targets: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """Command line of a fuzzer; `foreign` is what may be added to the seeds, `targets` the choice."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if targets:
        parser.add_argument("target", choices=targets)
    parser.add_argument("cases", nargs="*", type=Path, help="bytes to check again")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--timeout", type=int, default=20, help="seconds for one input")
    parser.add_argument("--longest", type=int, default=4096, help="bytes of an input")
    parser.add_argument("--seeds", type=Path, help=f"a folder of further {foreign}")
    parser.add_argument("--corpus", type=Path, help="where inputs that reach new code are kept")
    parser.add_argument("--artifacts", type=Path, default=Path(tempfile.gettempdir()))
    return parser


def foreign_seeds(folder: Path | None) -> list[bytes]:
    """Contents of the smaller files below a folder."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file()) if folder else ()
    return [path.read_bytes() for path in paths if path.stat().st_size < LARGEST_SEED]


def run(target: Target, options: argparse.Namespace) -> None:
    """Check the cases of the command line again, or fuzz until the time is over or something breaks."""
    memory = Path("/dev/shm")  # noqa: S108 - files are written and read thousands of times a second
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name).resolve()
        if options.cases:
            _check_again(target, options.cases, folder)
        else:
            _fuzz(target, options, folder)


def _check_again(target: Target, cases: Sequence[Path], folder: Path) -> None:
    """Check single inputs without instrumentation, and say how long each takes."""
    import checks

    check = target.load(folder)
    _keep_inside(folder)
    for path in cases:
        begin = time.process_time()
        data = path.read_bytes()
        with checks.small_limits():
            check(data or b"\0")
        sys.stdout.write(f"{path}: holds, {time.process_time() - begin:.2f} s\n")


def _fuzz(target: Target, options: argparse.Namespace, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=list(target.packages)):
        check = target.load(folder)
    import checks
    from seeds import line_by_line

    _keep_inside(folder)
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="corpus-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds(options.seeds)):
        (corpus / f"seed{number}").write_bytes(seed[: options.longest])
    dictionary = Path(tempfile.mkdtemp(prefix="words-")) / "words.dict"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words)
    dictionary.write_text("".join(f'"{word}"\n' for word in quoted if word))

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311
        if not target.lines or random.random() < 0.5 or len(data) < 2:
            return bytes(atheris.Mutate(data, longest))
        return (data[:1] + line_by_line(data[1:], random, list(target.lines)))[:longest]

    flags = [
        f"-max_total_time={options.seconds}",
        f"-timeout={options.timeout}",
        f"-max_len={options.longest}",
        f"-dict={dictionary}",
        f"-artifact_prefix={options.artifacts}{os.sep}",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
        "-verbosity=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *flags], lambda data: check(data) if data else None, custom_mutator=mutate)
    with checks.small_limits():
        atheris.Fuzz()


def _keep_inside(folder: Path) -> None:
    """Let includes find nothing outside a folder."""
    from circuitgcl.netlist import reading

    found = reading._Reader._found

    def found_inside(self: Any, place: Path, name: str) -> Path | None:
        path = found(self, place, name)
        return path if path is not None and folder in path.resolve().parents else None

    reading._Reader._found = found_inside  # type: ignore[method-assign]
