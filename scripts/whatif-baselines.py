#!/usr/bin/env python3
"""whatif-baselines.py nothing|proportion|before-after DIR < questions.jsonl > answers.jsonl: what needs no model of a service.

nothing       no effect, whatever is asked
proportion    all metrics go with the load, and with a number as it is changed; 80 % within a third of that
before-after  at the last change of that setting: the mean of six hours after it less that of six hours before, as part of the asked step
"""
import gzip
import json
import math
import sys

HOURS = 6 * 3600


def stream(path):
    series, changes = {}, []
    with gzip.open(path, "rt") as lines:
        for line in map(json.loads, lines):
            if "series" in line:
                series.setdefault(line["series"], []).append((line["t"], line["v"]))
            elif line["event"] == "change":
                changes.append(line)
    return series, changes


def mean(values, start, end):
    inside = [v for t, v in values if start <= t < end]
    return sum(inside) / len(inside) if inside else math.nan


def band(by):
    return dict(zip(("q10", "q50", "q90"), sorted((by * 2 / 3, by, by * 4 / 3)))) if math.isfinite(by) else None


def effect(kind, question, series, changes):
    at, change, here = question["at"], question["change"], question["resource"] + "/"
    metrics = {name[len(here):]: values for name, values in series.items() if name.startswith(here)}
    numbers = [change.get(key) for key in ("from", "to")]
    asked = change.get("traffic") or (numbers[1] / numbers[0] if all(isinstance(n, (int, float)) and n for n in numbers) else 1)
    out = {}
    for name, values in metrics.items():
        if kind == "proportion":
            by = mean(values, at - HOURS, at) * (asked - 1)
        else:
            past = [c for c in changes if c["t"] < at and (c["resource"], c["setting"]) == (question["resource"], change.get("setting"))]
            if not past:
                continue
            last = past[-1]
            seen = last["new"] / last["old"] if isinstance(last["new"], (int, float)) and last["old"] else math.e
            share = math.log(asked) / math.log(seen) if asked != 1 else (1 if last["new"] == change.get("to") else -1)
            by = share * (mean(values, last["t"], last["t"] + HOURS) - mean(values, last["t"] - HOURS, last["t"]))
        if band(by):
            out[name] = dict(band(by), evidence="past-change" if kind == "before-after" else "identity")
    return out


def main():
    kind, folder = sys.argv[1:]
    known = {}
    for question in map(json.loads, sys.stdin):
        told = {}
        if kind != "nothing":
            name = question["stream"]
            if name not in known:
                known = {name: stream(folder + "/" + name)}
            told = effect(kind, question, *known[name])
        print(json.dumps({"id": question["id"], "effect": told}))


main()
