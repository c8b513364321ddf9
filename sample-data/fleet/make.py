#!/usr/bin/env python3
"""Makes stream.jsonl.gz: eight hosts, fourteen days, the rhythm of days and weeks, three incidents and three look-alikes.

    make.py OUT

The same seed gives the same bytes. Nothing in it was ever a host of anybody.
"""
import gzip
import json
import math
import random
import sys
from datetime import datetime, timedelta, timezone

SEED = 20260302
BEGIN = datetime(2026, 3, 2, tzinfo=timezone.utc)  # a Monday
DAYS = 14
EVERY = timedelta(minutes=30)
HOUR = 3600.0
DAY = 24 * HOUR

rng = random.Random(SEED)

# Load in the middle of the night and at the busiest hour, percent of the processors; memory in use; how full the disk is.
HOSTS = {
    "web-1": dict(cpu=(9, 46), mem=54, fs=41, net=(0.8, 9.0), conn=(120, 900), week=True),
    "web-2": dict(cpu=(9, 45), mem=55, fs=43, net=(0.8, 9.1), conn=(118, 905), week=True),
    "web-3": dict(cpu=(9, 47), mem=53, fs=40, net=(0.8, 8.9), conn=(121, 890), week=True),
    "db-1": dict(cpu=(14, 38), mem=61, fs=58, net=(1.5, 6.0), conn=(60, 180), week=True),
    "db-2": dict(cpu=(8, 17), mem=60, fs=58, net=(0.9, 2.6), conn=(22, 40), week=True),
    "cache-1": dict(cpu=(4, 12), mem=66, fs=22, net=(2.0, 11.0), conn=(90, 260), week=True),
    "queue-1": dict(cpu=(6, 21), mem=35, fs=31, net=(0.5, 2.2), conn=(45, 110), week=True),
    "backup-1": dict(cpu=(3, 6), mem=28, fs=62, net=(0.1, 0.2), conn=(12, 14), week=False),
}

PACKAGES = {
    "web": {"nginx": "1.22.1-9", "openssl": "3.0.15-1", "shop": "4.2.0"},
    "db": {"postgresql-15": "15.8-0", "openssl": "3.0.15-1"},
    "cache": {"redis-server": "5:7.0.15-1", "openssl": "3.0.15-1"},
    "queue": {"rabbitmq-server": "3.10.8-1", "openssl": "3.0.15-1"},
    "backup": {"borgbackup": "1.2.4-1", "openssl": "3.0.15-1"},
}

SYSCTL = {"vm.swappiness": 60, "vm.dirty_ratio": 20, "net.core.somaxconn": 4096, "fs.file-max": 1000000}

FILES = {
    "web": {"nginx/nginx.conf:worker_connections": 4096, "nginx/nginx.conf:worker_processes": 4, "shop/shop.conf:log.level": "warn",
            "shop/shop.conf:cache.entries": 20000},
    "db": {"postgresql/15/main/postgresql.conf:max_connections": 400, "postgresql/15/main/postgresql.conf:work_mem": ("16MB", 16 << 20),
           "postgresql/15/main/postgresql.conf:shared_buffers": ("8GB", 8 << 30)},
    "cache": {"redis/redis.conf:maxmemory": ("10GB", 10 << 30), "redis/redis.conf:maxmemory-policy": "allkeys-lru"},
    "queue": {"rabbitmq/rabbitmq.conf:vm_memory_high_watermark": 0.4, "rabbitmq/rabbitmq.conf:channel_max": 2047},
    "backup": {"backup/backup.conf:keep_daily": 7, "backup/backup.conf:compression": "zstd"},
}


def at(day, hour, minute=0):
    """Seconds from the beginning to a day (from 1) and time."""
    return (day - 1) * DAY + hour * HOUR + minute * 60


def stamp(seconds):
    return (BEGIN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def value(of):
    if isinstance(of, tuple):
        return {"quantity": {"base": float(of[1]), "unit": "bytes", "written": of[0]}}
    if isinstance(of, bool):
        return {"bool": of}
    if isinstance(of, int):
        return {"int": of}
    if isinstance(of, float):
        return {"quantity": {"base": of, "unit": "none", "written": str(of)}}
    if of.replace("-", "").isalpha():
        return {"enum": of}
    return {"text": of}


# What people did: when, where, what, who.
SETTINGS = [
    # Look-alike 1: a newer version on all web hosts in one evening. It restarts them and does no harm.
    (at(8, 20, 0), "web-1", "pkg", "shop", "4.3.0", "ana"),
    (at(8, 20, 30), "web-2", "pkg", "shop", "4.3.0", "ana"),
    (at(8, 21, 0), "web-3", "pkg", "shop", "4.3.0", "ana"),
    # Incident 1: somebody looks for a fault on web-2 and leaves the log at its loudest; the disk fills in an afternoon.
    (at(9, 10, 0), "web-2", "etc", "shop/shop.conf:log.level", "debug", "ben"),
    (at(9, 21, 30), "web-2", "etc", "shop/shop.conf:log.level", "warn", "ana"),
    # Incident 2: every query of db-1 may take sixteen times the memory for its sorts.
    (at(11, 9, 0), "db-1", "etc", "postgresql/15/main/postgresql.conf:work_mem", ("256MB", 256 << 20), "ben"),
    (at(11, 18, 30), "db-1", "etc", "postgresql/15/main/postgresql.conf:work_mem", ("16MB", 16 << 20), "ben"),
    # Incident 3: clients of queue-1 may open as many channels as they like, and one of them never closes any.
    (at(13, 8, 0), "queue-1", "etc", "rabbitmq/rabbitmq.conf:channel_max", 0, "ana"),
    (at(13, 17, 30), "queue-1", "etc", "rabbitmq/rabbitmq.conf:channel_max", 2047, "ana"),
]


def busy(t, week):
    """Share of the busiest hour's load at a time: high by day with two humps, low by night, less at the end of the week."""
    hour = (t % DAY) / HOUR
    day = int(t // DAY) % 7
    share = math.exp(-((hour - 11) / 2.6) ** 2) + 0.8 * math.exp(-((hour - 20) / 2.2) ** 2) + 0.25 * (7 < hour < 23)
    share = min(share / 1.1, 1.0)
    # Look-alike 3: at the end of the week everything falls by half, as it did the week before.
    factor = {5: 0.62, 6: 0.55}.get(day, 1.0) if week else 1.0
    return share * factor


class Noise:
    """What comes and goes: a first-order autoregression of unit variance."""

    def __init__(self, keep=0.7):
        self.keep, self.now = keep, 0.0

    def next(self):
        self.now = self.keep * self.now + math.sqrt(1 - self.keep**2) * rng.gauss(0, 1)
        return self.now


def ramp(t, begin, end, top):
    """0 before `begin`, rising evenly to `top` at `end`."""
    return top * min(max((t - begin) / (end - begin), 0.0), 1.0)


def metrics(host):
    unit = lambda name, unit, kind, limit=None: dict(
        id=f"host:{host}/{name}", unit=unit, kind=kind, cadence=EVERY.total_seconds(), source="fleet", limit=limit)
    percent = {"bounded": {"lo": 0.0, "hi": 100.0}}
    return [
        unit("cpu.busy_pct", "percent", percent),
        unit("mem.used_pct", "percent", percent),
        unit("mem.available_pct", "percent", percent),
        unit("fs./.used_pct", "percent", percent),
        unit("net.eth0.tx_bytes_per_s", "bytes_per_sec", "rate"),
        unit("tcp.established", "count", "gauge"),
    ]


def snapshots(host, t, state):
    out = []
    for scope, settings in sorted(state[host].items()):
        out.append(dict(resource=f"host:{host}", scope=scope, at=stamp(t),
                        settings={f"{scope}.{name}": settings[name] for name in sorted(settings)}))
    return out


def begin(host):
    kind = host.split("-")[0]
    state = {
        "pkg": {name: {"version": version} for name, version in PACKAGES[kind].items()},
        "sysctl": {name: {"int": of} for name, of in SYSCTL.items()},
        "etc": {name: value(of) for name, of in FILES[kind].items()},
    }
    if kind == "backup":
        state["cron"] = {"root:backup-nightly": {"text": "0 2 * * * borg create"}, "root:prune": {"text": "30 4 * * * borg prune"}}
    return state


def sample(host, of, t, disk, noise):
    """What the six metrics of a host say at a time, in the order of `metrics`."""
    share = busy(t, of["week"])
    step = EVERY.total_seconds()
    draw = lambda name: noise[host, name].next()
    between = lambda pair, share: pair[0] + (pair[1] - pair[0]) * share

    cpu = between(of["cpu"], share) * (1 + 0.05 * draw("cpu"))
    memory = of["mem"] + 3 * share + 0.5 * draw("mem")
    net = between(of["net"], share) * (1 + 0.06 * draw("net")) * 1e6
    connections = between(of["conn"], share) * (1 + 0.04 * draw("conn"))
    # A disk grows a little every day and is tidied at the end of the week.
    disk[host] += 0.25 * step / DAY
    if t % (7 * DAY) == 6 * DAY + 5 * HOUR:
        disk[host] -= 1.75

    extra = 0.0
    if host == "web-2":
        # Incident 1: 4.8 % of the disk an hour.
        extra = ramp(t, at(9, 10, 0), at(9, 20, 0), 48.0) if t < at(9, 21, 30) else 0.0
    if host == "db-1":
        # Incident 2: memory goes with every connection that sorts.
        memory += ramp(t, at(11, 9, 0), at(11, 17, 0), 35.0) if t < at(11, 18, 30) else 0.0
    if host == "queue-1":
        # Incident 3: 125 connections an hour that nobody hangs up.
        connections += ramp(t, at(13, 8, 0), at(13, 17, 0), 1125.0) if t < at(13, 17, 30) else 0.0
    if host == "backup-1":
        # Look-alike 2: every night a copy goes out, and the disk holds it until the morning.
        since = (t - 2 * HOUR) % DAY
        if since < 2 * HOUR:
            net += 42e6 * (1 + 0.04 * rng.gauss(0, 1))
            cpu += 34
        if since < 5 * HOUR:
            extra = 11.0 * min((since + step) / (2 * HOUR), 1.0)
    full = disk[host] + extra + 0.05 * rng.gauss(0, 1)
    memory = min(memory, 99.0)
    cut = lambda value: round(min(max(value, 0.0), 100.0), 2)
    return [cut(cpu), cut(memory), cut(100 - memory), cut(full), round(net), round(connections)]


def main(out):
    noise = {(host, name): Noise() for host in HOSTS for name in ("cpu", "mem", "net", "conn")}
    state = {host: begin(host) for host in HOSTS}
    disk = {host: float(of["fs"]) for host, of in HOSTS.items()}
    head = dict(foreshadow_recording=1, program="0.1.0", resources=[f"host:{host}" for host in HOSTS],
                **{"from": stamp(0)}, interval=EVERY.total_seconds(), redacted=False)
    lines = [head]
    todo = sorted(SETTINGS, key=lambda change: change[0])
    for step in range(int(DAYS * DAY / EVERY.total_seconds())):
        t = step * EVERY.total_seconds()
        line = dict(now=stamp(t))
        if step == 0:
            line["metrics"] = [meta for host in HOSTS for meta in metrics(host)]
            line["snapshots"] = [one for host in HOSTS for one in snapshots(host, t, state)]
        elif step % 4 == 0:
            # Read again, and found as it was.
            line["snapshots"] = [dict(resource=f"host:{host}", scope=scope, at=stamp(t), settings=None)
                                 for host in HOSTS for scope in sorted(state[host])]
        changes, events = [], []
        while todo and todo[0][0] <= t:
            when, host, scope, name, to, who = todo.pop(0)
            before = state[host][scope].get(name)
            after = None if to is None else {"version": to} if scope == "pkg" else value(to)
            if after is None:
                del state[host][scope][name]
            else:
                state[host][scope][name] = after
            changes.append({"id": f"host:{host}/{scope}.{name}", "at": stamp(when), "after": stamp(when - 60),
                            "from": before, "to": after, "by": who})
            if scope == "pkg":
                events.append(dict(at=stamp(when), resource=f"host:{host}", kind="package",
                                   what=f"upgrade {name} {before['version']} {to}", who=who))
        values, number = [], 0
        for host, of in HOSTS.items():
            for one in sample(host, of, t, disk, noise):
                values.append([number, one])
                number += 1
        line["values"] = [[0, values]]
        for key, found in (("changes", changes), ("events", events)):
            if found:
                line[key] = found
        lines.append(line)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    with open(out, "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    main(sys.argv[1])
