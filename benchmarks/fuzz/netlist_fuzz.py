"""Coverage-guided fuzzing of the netlist room with atheris, which must be installed for it.

    python benchmarks/fuzz/netlist_fuzz.py {lexer,expressions,files} [--seconds 600] [--seeds FOLDER]
                                           [--corpus FOLDER] [--artifacts FOLDER] [CASE ...]

`lexer` takes text apart in every dialect, `expressions` evaluates, `files` reads and flattens decks of one
or several files: strict and lenient, plain and gzip'd, in bulk and card by card. What must hold is written in
`checks.py`. The run stops at the first thing that does not hold and leaves the bytes among the artifacts;
files named on the command line are checked again without instrumentation, which tells how long they take.

Files of a folder of netlists may be added to the built-in seeds with `--seeds`; they are read, never copied.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))

TARGETS = ("lexer", "expressions", "files")
LARGEST_SEED = 20_000  # bytes of a foreign seed


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("cases", nargs="*", type=Path, help="bytes to check again")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--timeout", type=int, default=20, help="seconds for one input")
    parser.add_argument("--longest", type=int, default=4096, help="bytes of an input")
    parser.add_argument("--seeds", type=Path, help="a folder of further netlists")
    parser.add_argument("--corpus", type=Path, help="where inputs that reach new code are kept")
    parser.add_argument("--artifacts", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args(argv)


def check_of(target: str, folder: Path) -> Callable[[bytes], None]:
    """What to do with one input; the first byte of it selects the dialect and the like."""
    import checks

    from circuitgcl.netlist.dialects import DIALECTS

    dialects = list(DIALECTS.values())

    def lexer(data: bytes) -> None:
        text = data[1:].decode("utf-8", "replace")
        checks.check_lexer(text, dialects[data[0] % len(dialects)], Random(len(data)))  # noqa: S311

    def expressions(data: bytes) -> None:
        checks.check_expressions(data[1:].decode("utf-8", "replace"))

    def files(data: bytes) -> None:
        for old in folder.iterdir():
            old.unlink()
        case = checks.Case.of(data[0])
        checks.check_file(checks.write_files(folder, data[1:], case), case)

    chosen = {"lexer": lexer, "expressions": expressions, "files": files}[target]
    return lambda data: chosen(data) if data else None


def keep_inside(folder: Path) -> None:
    """Let includes find nothing outside a folder."""
    from circuitgcl.netlist import reading

    found = reading._Reader._found

    def found_inside(self: Any, place: Path, name: str) -> Path | None:
        path = found(self, place, name)
        return path if path is not None and folder in path.resolve().parents else None

    reading._Reader._found = found_inside  # type: ignore[method-assign]


def seeds(target: str, foreign: Path | None) -> list[bytes]:
    """Inputs to begin with."""
    from seeds import DECKS, EXPRESSIONS

    if target == "expressions":
        return [b"\0" + EXPRESSIONS.encode()]
    decks = [deck.encode() for deck in DECKS.values()]
    others = (path for path in sorted(foreign.rglob("*")) if path.is_file()) if foreign else ()
    decks += [path.read_bytes() for path in others if path.stat().st_size < LARGEST_SEED]
    return [bytes([selector]) + deck for deck in decks for selector in (0, 1)]


def write_dictionary(path: Path) -> None:
    """The words of `tokens.txt` as libFuzzer wants them."""
    words = (HERE / "tokens.txt").read_bytes().splitlines()
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    path.write_text("".join(f'"{word}"\n' for word in quoted if word))


def fuzz(options: argparse.Namespace, folder: Path) -> None:
    """Run the fuzzer until the time is over or something does not hold."""
    import atheris

    with atheris.instrument_imports(include=["circuitgcl.netlist", "circuitgcl.units"]):
        check = check_of(options.target, folder)
    import checks
    from seeds import LINES, line_by_line

    keep_inside(folder)
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="corpus-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(options.target, options.seeds)):
        (corpus / f"seed{number}").write_bytes(seed[: options.longest])
    dictionary = Path(tempfile.mkdtemp(prefix="words-")) / "tokens.dict"
    write_dictionary(dictionary)
    pool = [line.encode() for line in LINES]

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311
        if options.target == "expressions" or random.random() < 0.5 or len(data) < 2:
            return bytes(atheris.Mutate(data, longest))
        return (data[:1] + line_by_line(data[1:], random, pool))[:longest]

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
    atheris.Setup([sys.argv[0], *flags], check, custom_mutator=mutate)
    with checks.small_limits():
        atheris.Fuzz()


def check_again(options: argparse.Namespace, folder: Path) -> None:
    """Check single inputs, and say how long each takes."""
    check = check_of(options.target, folder)
    import checks

    keep_inside(folder)
    for path in options.cases:
        begin = time.process_time()
        with checks.small_limits() if options.target == "files" else nullcontext():
            check(path.read_bytes())
        sys.stdout.write(f"{path}: holds, {time.process_time() - begin:.2f} s\n")


def main(argv: Sequence[str]) -> None:
    """Run from the command line."""
    options = arguments(argv)
    memory = Path("/dev/shm")  # noqa: S108 - files are written and read thousands of times a second
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name).resolve()
        if options.cases:
            check_again(options, folder)
        else:
            fuzz(options, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
