"""Prints the scores of score.py (drift) beside those of its peers: drift-table.py PEERS.json OURS.json"""
import json
import sys

peers, ours = (json.load(open(path)) for path in sys.argv[1:3])
columns = {name: peers[name] for name in peers if isinstance(peers[name], dict)} | {"foreshadow": ours}


def row(label, section, field):
    cells = [str(scores.get(section[0], {}).get(section[1], {}).get(field, "-") if section[1] else scores.get(section[0], {}).get(field, "-"))
             for scores in columns.values()]
    print(f"{label:<30}" + "".join(f"{cell:>14}" for cell in cells))


print(f"{'':<30}" + "".join(f"{name:>14}" for name in columns))
for field in ("cases", "edits", "found", "missed", "noops", "false_drift", "order_only", "leaks", "failed"):
    row(f"seeded: {field}", ("cases", None), field)
for kind in ours["fixtures"]:
    for field in ("in_sync", "in_sync_ok", "drifted", "drifted_ok", "leaks", "failed"):
        row(f"{kind}: {field}", ("fixtures", kind), field)
