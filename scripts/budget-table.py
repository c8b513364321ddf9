#!/usr/bin/env python3
"""Is the budget of false alarms kept? `budget-table.py BENCH PROGRAM FAULTS`: alarms of `PROGRAM detect` a week and series.

BENCH is the folder of the benchmarks' data, FAULTS a folder that `BENCH/faults/generate.py --seeds 1-12 --out FAULTS` filled. Labelled
spans (ten minutes or two steps more on each side), and all from a fault on, are left out; alarms of one hour count once; the first seventh
of each series is for learning. Series that no one labelled have incidents of their own.
"""
import collections, glob, gzip, json, math, os, random, subprocess, sys

BUDGETS = [7, 2, 1, 1 / 3]
HOUR, WEEK = 3600, 7 * 86400


def labelled(bench, name, labels):
    spans = json.load(open(f"{bench}/anomaly/dev/{name}-{labels}.json"))
    lines = [json.loads(line) for line in gzip.open(f"{bench}/anomaly/dev/{name}.jsonl.gz", "rt")]
    return lines, {series: one["spans"] for series, one in spans.items()}


def simulated(faults):
    lines = []
    for folder in sorted(glob.glob(f"{faults}/seed-*"))[:12]:
        onset = json.load(open(f"{folder}/truth.json"))["fault"]["onset"]
        for line in gzip.open(f"{folder}/stream.jsonl.gz", "rt"):
            line = json.loads(line)
            if "series" in line and line["t"] < onset:
                line["series"] = os.path.basename(folder) + "/" + line["series"]
                lines.append(line)
    return lines, {}


def made():
    """Eight kinds of series without any anomaly, at five minutes (six weeks) and at an hour (26 weeks), twelve of each."""
    lines = []
    for kind in range(8):
        for step, weeks in (300, 6), (3600, 26):
            for seed in range(12):
                draw = random.Random(kind * 1000 + step + seed)
                near = volatility = burst = 0.0
                for place in range(weeks * WEEK // step):
                    at = 1_600_000_000 + place * step
                    normal = draw.gauss(0, 1)
                    near = 0.9 * near + normal
                    volatility = 0.99 * volatility + 0.1 * draw.gauss(0, 1)
                    day, week = math.sin(at / 86400 * math.tau), math.sin(at / WEEK * math.tau)
                    if burst > 0:
                        burst -= 1
                    elif draw.random() < 0.01:
                        burst = draw.randrange(1, 6)
                    value = [
                        normal,
                        near,
                        20 * day + 10 * week + normal,
                        math.exp(normal),
                        normal / max(math.sqrt(draw.gammavariate(2, 0.5)), 0.05),
                        normal * math.exp(volatility),
                        sum(draw.random() < 0.05 for _ in range(40)),
                        50 + 10 * normal if burst > 0 else 0,
                    ][kind]
                    lines.append({"series": f"{kind}/{step}/{seed}", "t": at, "v": round(value, 4)})
    return lines, {}


def rates(program, lines, spans):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    ran = subprocess.run([program, "detect"], input=text, capture_output=True, text=True, check=True)
    scores = collections.defaultdict(list)
    for line in ran.stdout.splitlines():
        line = json.loads(line)
        scores[line["series"]].append((line["t"], line["score"]))
    weeks, alarms = 0.0, [0] * len(BUDGETS)
    for series, all_scores in scores.items():
        steps = sorted(b[0] - a[0] for a, b in zip(all_scores, all_scores[1:]))
        far = max(2 * steps[len(steps) // 2], 600)
        late = all_scores[len(all_scores) // 7 :]
        own = [(a - far, b + far) for a, b in spans.get(series, [])]
        weeks += (late[-1][0] - late[0][0]) / WEEK
        for place, budget in enumerate(BUDGETS):
            threshold, last = math.log2(WEEK / HOUR / budget), -math.inf
            for at, score in late:
                if score >= threshold and not any(a <= at <= b for a, b in own):
                    if at - last >= HOUR:
                        alarms[place] += 1
                        last = at
    return [count / weeks for count in alarms], len(scores)


def main(bench, program, faults):
    sets = {
        "NAB": labelled(bench, "nab", "windows"),
        "Microsoft": labelled(bench, "ms", "events"),
        "simulated": simulated(faults),
        "made up": made(),
    }
    found = {name: rates(program, lines, spans) for name, (lines, spans) in sets.items()}
    print("| budget | " + " | ".join(f"{name} ({found[name][1]} series)" for name in sets) + " |")
    print("|---" * (len(sets) + 1) + "|")
    for place, budget in enumerate(BUDGETS):
        print(f"| {budget:.2g} | " + " | ".join(f"{found[name][0][place]:.2f}" for name in sets) + " |")


main(*sys.argv[1:])
