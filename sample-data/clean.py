#!/usr/bin/env python3
"""Takes out of a recording what belongs to the machine that lent its processor to the recorded host.

    clean.py IN OUT SERVICES

Gone are metrics of file systems that were lent, allocated sockets (one number for all hosts of a kernel), control groups but those of
SERVICES (a pattern: hosts that run side by side see each other's), and events of before the recording began; the kernel's name loses
what its builder put behind its version. Everything else stays as it was recorded.
"""
import gzip
import json
import re
import sys

GONE = re.compile(r"/(fs\./run/host/|sock\.(tcp|udp)_mem_pages|sock\.tcp_alloc|slice\.|cgroup\.|container\.)")


def main(source, out, services):
    own = re.compile(rf"/service\.({services})\.")
    old, new, kept = [], {}, 0
    with gzip.open(source, "rt") as file:
        lines = file.read().splitlines()
    done = [lines[0]]
    begin = json.loads(lines[0])["from"]
    for text in lines[1:]:
        line = json.loads(re.sub(r"(Linux \d+\.\d+)[\w.+-]*", r"\1", text))
        told = []
        for meta in line.get("metrics", []):
            if meta["id"] in old:
                continue
            old.append(meta["id"])
            if not GONE.search(meta["id"]) and ("/service." not in meta["id"] or own.search(meta["id"])):
                new[len(old) - 1] = kept
                kept += 1
                told.append(meta)
        groups = [[after, [[new[number], value] for number, value in group if number in new]] for after, group in line.get("values", [])]
        line["metrics"] = told
        line["values"] = [group for group in groups if group[1]]
        line["events"] = [event for event in line.get("events", []) if event["at"] >= begin]
        done.append(json.dumps({key: value for key, value in line.items() if value}, separators=(",", ":"), ensure_ascii=False))
    with open(out, "wb") as file, gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed:
        packed.write(("\n".join(done) + "\n").encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
