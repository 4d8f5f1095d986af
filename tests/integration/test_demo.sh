#!/usr/bin/env bash
# The demo ends by itself, holds every promise, and leaves nothing running.
source "$(dirname "$0")/lib.sh"
need_tools python3

limit 240 "$bin/sealift" demo --seconds 3 --json --keep "$work/demo" >"$work/out" 2>"$work/log/demo" \
    && ok "the demo succeeds" || bad "the demo succeeds" "exit code $?"
tail -n 1 "$work/out" | python3 -c '
import json, sys
promises = json.load(sys.stdin)["promises"]
assert len(promises) >= 9, promises
for name, holds in promises.items():
    print("ok  " if holds else "FAIL", name)
sys.exit(not all(promises.values()))' && ok "every promise holds" || bad "every promise holds"
sleep 0.5
if pgrep -f "$work/demo" >/dev/null; then
    bad "nothing is left running" "$(pgrep -af "$work/demo")"
else
    ok "nothing is left running"
fi
conclude
