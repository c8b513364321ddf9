#!/bin/sh
# faults.sh BENCH PROGRAM OUT: what PROGRAM's alerts are worth on 40 simulated faults, beside the baselines. Worlds and alerts stay in OUT.
set -eu
bench=$1 program=$2 out=$3
python=${PYTHON:-python3}
faults=$bench/faults
[ -d "$out/worlds/seed-0040" ] || "$python" "$faults/generate.py" --seeds 1-40 --out "$out/worlds" > /dev/null
mkdir -p "$out/alerts"
for world in "$out"/worlds/seed-*; do
  gzip -dc "$world/stream.jsonl.gz" | "$program" alerts > "$out/alerts/$(basename "$world").jsonl"
done
score() { "$python" "$faults/score.py" --truth "$out/worlds" --alerts "$out/alerts" "$@" > /dev/null; }
score --json "$out/as-told.json"
score --fit-fa 1 --json "$out/at-one.json"
"$python" - "$bench/anomaly/peers-dev.json" "$out/as-told.json" "$out/at-one.json" << 'EOF'
import json, sys
peers, told, at_one = (json.load(open(path)) for path in sys.argv[1:])
columns = {"before": "before", "chance": "chance", "lead": "lead_median", "false/host-week": "false_per_host_week",
           "look-alikes": "lookalikes_alerted", "cause first": "cause_top1", "in three": "cause_top3", "blamed": "blamed"}
print("%-18s" % "" + "".join("%16s" % name for name in columns))
for name, row in [("foreshadow", told), ("foreshadow@1fa", at_one), *peers["faults"].items()]:
    print("%-18s" % name + "".join("%16s" % row[key] for key in columns.values()))
for kind, row in at_one["by_kind"].items():
    print("%-18s before %s, lead %s" % (kind, row["before"], row["lead_median"]))
EOF
