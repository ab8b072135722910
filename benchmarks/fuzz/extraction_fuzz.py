"""Coverage-guided fuzzing of the readers of extraction results with atheris, which must be installed for it.

    python benchmarks/fuzz/extraction_fuzz.py [--seconds 600] [--seeds FOLDER] [--corpus FOLDER]
                                              [--artifacts FOLDER] [CASE ...]

The first byte of an input selects plain or gzip'd, the size of blocks, and whether what was read is written
and read again; the format is told from the content, as for users. What must hold is written in
`extraction_checks.py`. The run stops at the first thing that does not hold and leaves the bytes among the
artifacts; files named on the command line are checked again without instrumentation.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))

LARGEST_SEED = 20_000  # bytes of a foreign seed


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", type=Path, help="bytes to check again")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--timeout", type=int, default=20, help="seconds for one input")
    parser.add_argument("--longest", type=int, default=4096, help="bytes of an input")
    parser.add_argument("--seeds", type=Path, help="a folder of further extraction results")
    parser.add_argument("--corpus", type=Path, help="where inputs that reach new code are kept")
    parser.add_argument("--artifacts", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args(argv)


def write_seeds(folder: Path, foreign: Path | None, longest: int) -> None:
    """Inputs to begin with."""
    from extraction_seeds import FILES

    texts = [text.encode() for text in FILES]
    others = (path for path in sorted(foreign.rglob("*")) if path.is_file()) if foreign else ()
    texts += [path.read_bytes() for path in others if path.stat().st_size < LARGEST_SEED]
    for number, text in enumerate(texts):
        for selector in (0, 11, 12):
            (folder / f"seed{number}_{selector}").write_bytes((bytes([selector]) + text)[:longest])


def fuzz(options: argparse.Namespace, folder: Path) -> None:
    """Run the fuzzer until the time is over or something does not hold."""
    import atheris

    with atheris.instrument_imports(include=["circuitgcl.parasitics", "circuitgcl.units"]):
        import extraction_checks
    import checks
    from extraction_seeds import LINES, WORDS
    from netlist_fuzz import keep_inside
    from seeds import line_by_line

    keep_inside(folder)
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="corpus-"))
    corpus.mkdir(parents=True, exist_ok=True)
    write_seeds(corpus, options.seeds, options.longest)
    words = Path(tempfile.mkdtemp(prefix="words-")) / "words.dict"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in WORDS)
    words.write_text("".join(f'"{word}"\n' for word in quoted))
    pool = [line.encode() for line in LINES]

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311
        if random.random() < 0.5 or len(data) < 2:
            return bytes(atheris.Mutate(data, longest))
        return (data[:1] + line_by_line(data[1:], random, pool))[:longest]

    def check(data: bytes) -> None:
        if data:
            extraction_checks.check_extraction(folder, data[1:], data[0])

    flags = [
        f"-max_total_time={options.seconds}",
        f"-timeout={options.timeout}",
        f"-max_len={options.longest}",
        f"-dict={words}",
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
    import checks
    import extraction_checks
    from netlist_fuzz import keep_inside

    keep_inside(folder)
    for path in options.cases:
        begin = time.process_time()
        data = path.read_bytes()
        with checks.small_limits():
            extraction_checks.check_extraction(folder, data[1:], data[0] if data else 0)
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
