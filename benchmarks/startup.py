"""`a2ibench --help` against the bare interpreter, interleaved; seconds of wall time."""

import statistics
import subprocess
import sys
import time

REPEATS = 15


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    bare, ours = [], []
    for _ in range(REPEATS):
        bare.append(seconds(sys.executable, "-c", "pass"))
        ours.append(seconds(sys.executable, "-m", "a2ibench.cli", "--help"))
    a, b = statistics.median(bare), statistics.median(ours)
    print(f"python -c pass: {a:.3f} s; a2ibench --help: {b:.3f} s; ratio {b / a:.1f}")


if __name__ == "__main__":
    main()
