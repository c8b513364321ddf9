#!/usr/bin/env python3
"""What engines cost beside each other: each PROGRAM runs `--interval 1s engine` at the same time on its own copy of the store in FOLDER
(`foreshadow.duckdb` and what stands beside it, of an engine that was stopped). Prints CPU of all threads, by thread, and memory over
SECONDS, from `/proc/PID/task/*/schedstat` and `/proc/PID/status`. On a busy machine two programs can be compared so, and neither alone be judged.

    scripts/engine-cost.py FOLDER WARM-UP SECONDS PROGRAM...
"""

import collections
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time


def threads(pid):
    """Nanoseconds of CPU by the name of the thread."""
    used = collections.Counter()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            used[(task / "comm").read_text().strip()] += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # it ended
    return used


def resident(pid):
    """Megabytes."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main(folder, warm, seconds, *programs):
    home = pathlib.Path(tempfile.mkdtemp(prefix="engine-cost."))
    engines = []
    try:
        for place, program in enumerate(programs):
            own = home / str(place)
            shutil.copytree(folder, own, ignore=shutil.ignore_patterns("*.sock"))
            command = [program, "--store", own / "foreshadow.duckdb", "--interval", "1s", "engine"]
            engines.append((program, subprocess.Popen(command)))
        time.sleep(float(warm))
        began, before = time.monotonic(), [threads(engine.pid) for _, engine in engines]
        memory = [[] for _ in engines]
        while time.monotonic() - began < float(seconds):
            time.sleep(2)
            for held, (_, engine) in zip(memory, engines):
                held.append(resident(engine.pid))
        passed = time.monotonic() - began
        for (program, engine), first, held in zip(engines, before, memory):
            used = {name: (ns - first[name]) / 1e6 / passed for name, ns in threads(engine.pid).items()}
            most = sorted(used.items(), key=lambda one: -one[1])[:9]
            print(f"{program}: {sum(used.values()) / 10:.2f} % of a core; {sum(held) / len(held):.0f} MB mean, {max(held):.0f} most; ms a second:",
                  ", ".join(f"{name} {ms:.2f}" for name, ms in most), flush=True)
    finally:
        for _, engine in engines:
            engine.terminate()
        for _, engine in engines:
            engine.wait(30)
        shutil.rmtree(home)


if __name__ == "__main__":
    main(*sys.argv[1:])
