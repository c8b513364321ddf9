#!/usr/bin/env python3
"""settings-table.py BENCH PROGRAM: scores `PROGRAM settings-bench` on the development histories of BENCH beside the baselines."""
import json
import os
import subprocess
import sys

bench, program = sys.argv[1:3]
score = [sys.executable, os.path.join(bench, "score.py"), "--dir", os.path.join(bench, "dev")]
ours = json.loads(subprocess.run(score + ["--run", program + " settings-bench"], check=True, capture_output=True).stdout)
with open(os.path.join(bench, "peers-dev.json")) as f:
    models = json.load(f)["models"]
models["foreshadow"] = ours
columns = [
    ("A ap", "A.ap"),
    ("A skill", "A.skill"),
    ("version 1", "B.version.top1"),
    ("version 3", "B.version.top3"),
    ("string 1", "B.string.top1"),
    ("cover 80", "B.number.cover80"),
    ("interval", "B.number.interval"),
    ("list loss", "B.list.logloss"),
    ("C pr-auc", "C.pr_auc"),
    ("C top 1%", "C.top1pct"),
    ("seconds", "seconds"),
]


def cell(result, key):
    for part in key.split("."):
        result = result[part]
    return f"{result:10.3f}"


for name in list(ours["repos"]) + ["macro"]:
    print(f"{name:12}" + "".join(f"{title:>10}" for title, _ in columns))
    for model, result in models.items():
        if name == "macro":
            cells = "".join(f"{result['macro'][key]:10.3f}" for _, key in columns)
        else:
            cells = "".join(cell(result["repos"][name], key) for _, key in columns)
        print(f"{model:12}{cells}")
    print()
