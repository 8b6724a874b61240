"""Packing compared with Info-ZIP's `zip -q` (level 6): time, size of the archive, peak memory; read-back apart.

    python benchmarks/zip_speed.py [--scale 0.01] [--data FOLDER] [--rounds 3]

Whole processes are timed, in turn, and the medians printed. The targets are meant for scale 1 (900 MB) and an
otherwise idle machine; smaller scales show that the benchmark runs. The data are kept in FOLDER for the next time.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from exports import write_export

USERS, ENROLLMENTS = 1_000_000, 10_000_000
PACK = """
import sys
from pathlib import Path
from canvas_sis_sync.delivery.packing import from_folder
from canvas_sis_sync.delivery.packing import pack
folder, destination = map(Path, sys.argv[1:])
pack(from_folder(folder, [path.name for path in folder.iterdir()]), destination)
"""
READ_BACK = """
import pickle, sys
from pathlib import Path
from canvas_sis_sync.delivery.reading import describe
from canvas_sis_sync.delivery.reading import read_back
path, saved = map(Path, sys.argv[1:])
if not saved.exists():
    saved.write_bytes(pickle.dumps(describe(path).entries))
read_back(path, pickle.loads(saved.read_bytes()))
"""
START = "import canvas_sis_sync.delivery.packing, canvas_sis_sync.delivery.reading"


@dataclass(frozen=True)
class Measured:
    """One process: wall seconds, seconds on all processors, and peak memory in MB."""

    seconds: float
    processor: float
    peak: float


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="zip-speed-") as made:
        data = options.data or Path(made)
        folder = _data(data, options.scale)
        _print(_rounds(folder, Path(made), options.rounds), folder, Path(made))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _data(data: Path, scale: float) -> Path:
    """Return the folder with the export of that scale, written in a process of its own if it is not there."""
    folder = data / f"export-{scale:g}"
    if not folder.is_dir():
        unfinished = folder.with_suffix(".part")
        write_export(unfinished, max(100, int(USERS * scale)), int(ENROLLMENTS * scale))
        unfinished.rename(folder)
    return folder


def _rounds(folder: Path, work: Path, rounds: int) -> dict[str, list[Measured]]:
    """Run everything in turn; the first, unmeasured round brings the data into memory."""
    python = (sys.executable, "-c")
    files = sorted(str(path) for path in folder.iterdir())
    zip_file, packed, saved = work / "info.zip", work / "packed.zip", work / "entries"
    results: dict[str, list[Measured]] = {"zip": [], "pack": [], "read back": [], "start": []}
    for number in range(rounds + 1):
        zip_file.unlink(missing_ok=True)
        measured = {
            "zip": _run("zip", "-q", "-j", str(zip_file), *files),
            "pack": _run(*python, PACK, str(folder), str(packed)),
            "read back": _run(*python, READ_BACK, str(packed), str(saved)),
            "start": _run(*python, START),
        }
        for name, result in measured.items():
            if number:
                results[name].append(result)
    return results


def _run(*command: str) -> Measured:
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed with {process.returncode}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _print(results: dict[str, list[Measured]], folder: Path, work: Path) -> None:
    seconds = {name: median(one.seconds for one in all_) for name, all_ in results.items()}
    peaks = {name: max(one.peak for one in all_) for name, all_ in results.items()}
    megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    sizes = [(work / name).stat().st_size / 1e6 for name in ("info.zip", "packed.zip")]
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{megabytes:.0f} MB of CSV, {os.cpu_count()} cores, medians of {len(results['zip'])} rounds\n")
    print(f"{'':22}{'zip -q':>10}{'sis-sync':>10}{'ratio':>10}  target")
    speed = seconds["zip"] / seconds["pack"]
    _row("seconds", seconds["zip"], seconds["pack"], f"{speed:.2f}x", "at least 5x as fast")
    processor = {name: median(one.processor for one in all_) for name, all_ in results.items()}
    _row("processor seconds", processor["zip"], processor["pack"], "", "(tells whether the machine was idle)")
    _row("archive, MB", *sizes, f"{sizes[1] / sizes[0]:.3f}x", "at most 1.1x as large")
    _row("peak memory, MB", peaks["zip"], peaks["pack"], "", "under 100 MB")
    _row("read back, seconds", None, seconds["read back"], "", "")
    _row("read back, peak MB", None, peaks["read back"], "", "under 100 MB")
    _row("start-up, seconds", None, seconds["start"], "", "(part of both)")
    print(f"\nA peak below this program's own {own_peak:.0f} MB cannot be told from it.")


def _row(name: str, first: float | None, second: float, ratio: str, target: str) -> None:
    shown = "" if first is None else f"{first:.2f}"
    print(f"{name:22}{shown:>10}{second:>10.2f}{ratio:>10}  {target}")


if __name__ == "__main__":
    main()
