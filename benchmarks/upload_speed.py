"""How fast a zip is sent over loopback, compared with `curl -T`, and how much memory that takes.

    python benchmarks/upload_speed.py [--scale 0.01] [--rounds 5]

A sink in a process of its own reads, discards and answers. curl, our direct way and our two-step way take turns,
each in a fresh process; the table shows the medians of one run. Wanted: at least 0.25 times curl's throughput (unlike
curl, we hash what is sent, and SHA-256 is slower than loopback), less than 100 MB of memory. Ends with 1 when a target
is missed at full size, and when curl is not installed with 2.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from canvas_sis_sync.canvas.answers import Offer
from canvas_sis_sync.canvas.client import Canvas

FULL_BYTES = 500_000_000
RATIO_WANTED = 0.25
MEMORY_WANTED_MB = 100
WAYS = ("curl -T", "direct", "two-step")
ANSWER = json.dumps({"id": 1, "workflow_state": "created"}).encode()


def main() -> int:
    arguments = parse_arguments()
    if arguments.send:
        return send(*arguments.send)
    if arguments.sink:
        return sink()
    if not shutil.which("curl"):
        print("curl is not installed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        zip_path = Path(folder) / "import.zip"
        write_sample(zip_path, int(FULL_BYTES * arguments.scale))
        samples = measure(zip_path, arguments.rounds)
        missed = print_table(samples, zip_path.stat().st_size)
    return 1 if missed and arguments.scale >= 1 else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare our uploads with curl's.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full 500 MB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--send", nargs=3, metavar=("WAY", "URL", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def write_sample(zip_path: Path, size: int) -> None:
    block = os.urandom(1_000_000)
    with zip_path.open("wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: size - start])


def measure(zip_path: Path, rounds: int) -> dict[str, list[tuple[float, float | None]]]:
    """Give (seconds, MB of memory, None for curl) by way and round, after one round to warm the page cache."""
    samples: dict[str, list[tuple[float, float | None]]] = {way: [] for way in WAYS}
    command = [sys.executable, __file__]
    with subprocess.Popen([*command, "--sink"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        try:
            for number in range(rounds + 1):
                for way in WAYS:
                    child = [*command, "--send", way, url, str(zip_path)]
                    answer = subprocess.run(child, check=True, capture_output=True, text=True).stdout
                    if number:
                        samples[way].append(tuple(json.loads(answer)))
        finally:
            server.terminate()
    return samples


def print_table(samples: dict[str, list[tuple[float, float | None]]], size: int) -> bool:
    """Print the medians; return True when a target was missed."""
    seconds = {way: statistics.median(time for time, _ in taken) for way, taken in samples.items()}
    missed = False
    print(f"{size / 1e6:.0f} MB over loopback, medians of {len(samples['direct'])} rounds")
    print(f"{'way':10} {'seconds':>8} {'MB/s':>7} {'x curl':>7} {'wanted':>8} {'memory MB':>10} {'wanted':>7}")
    for way in WAYS:
        ratio = seconds["curl -T"] / seconds[way]
        line = f"{way:10} {seconds[way]:8.3f} {size / 1e6 / seconds[way]:7.0f} {ratio:7.2f}"
        if way != "curl -T":
            memory = max(used for _, used in samples[way] if used)
            missed |= ratio < RATIO_WANTED or memory >= MEMORY_WANTED_MB
            line += f" {f'>= {RATIO_WANTED}':>8} {memory:10.1f} {f'< {MEMORY_WANTED_MB}':>7}"
        print(line)
    return missed


def send(way: str, url: str, file: str) -> int:
    """Send one file and print seconds and peak memory: the part that is measured, in its own process."""
    if way == "curl -T":
        options = ["--silent", "--show-error", "--fail", "--header", "Expect:", "--output", os.devnull]
        command = ["curl", *options, "--write-out", "%{time_total}", "-T", file, f"{url}/"]
        seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(json.dumps([seconds, None]))
        return 0
    with Path(file).open("rb") as zip_file:
        sha256 = hashlib.file_digest(zip_file, "sha256").hexdigest()
    with Canvas(url, "benchmark-token", retry=lambda ask: ask(), user_agent="upload_speed") as canvas:
        started = time.perf_counter()
        if way == "direct":
            canvas.create_import(1, Path(file), {}, sha256=sha256)
        else:
            canvas.upload_to_offer(Offer(f"{url}/upload", (("key", "value"),)), Path(file), sha256=sha256)
        seconds = time.perf_counter() - started
    print(json.dumps([seconds, peak_megabytes()]))
    return 0


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def sink() -> int:
    """Serve until terminated: read each request to its end, keep nothing, answer with an import."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        buffer = memoryview(bytearray(1 << 20))
        while True:
            connection, _ = server.accept()
            with connection:
                swallow(connection, buffer)
                head = f"HTTP/1.1 201 Created\r\nContent-Length: {len(ANSWER)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + ANSWER)


def swallow(connection: socket.socket, buffer: memoryview) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536) or sys.exit("the sender is gone")
    lines, _, rest = head.partition(b"\r\n\r\n")
    length = next(line for line in lines.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    left = int(length.partition(b":")[2]) - len(rest)
    while left > 0:
        left -= connection.recv_into(buffer) or left


if __name__ == "__main__":
    sys.exit(main())
