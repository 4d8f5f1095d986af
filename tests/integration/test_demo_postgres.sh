#!/usr/bin/env bash
# The demo over a real PostgreSQL holds every promise, ends by itself, and leaves nothing running,
# however it ends.
source "$(dirname "$0")/lib.sh"
[ -d /usr/lib/postgresql/15/bin ] || { echo "skipped: no PostgreSQL 15"; exit 77; }
need_tools python3 pgrep
chmod 711 "$work" # the server's user must get through

# nothing_left FOLDER: within a few seconds no process names it any more.
nothing_left()
{
    local i
    for i in $(seq 50); do pgrep -f "$1" >/dev/null || return 0; sleep 0.1; done
    pgrep -af "$1"
    return 1
}

limit 200 "$bin/sealift" demo --input postgres --seconds 3 --json --keep "$work/demo" \
    >"$work/out" 2>"$work/log/demo" && ok "the demo succeeds" || bad "the demo succeeds" "exit code $?"
tail -n 1 "$work/out" | python3 -c '
import json, sys
said = json.load(sys.stdin)
promises = said["promises"]
assert len(promises) >= 11, promises
assert said["input"] == "postgres" and said["segment_files"] > 3, said
assert "transactions" in said["database"], said
for name, holds in promises.items():
    print("ok  " if holds else "FAIL", name)
sys.exit(not all(promises.values()))' && ok "every promise holds" || bad "every promise holds"
nothing_left "$work/demo" && ok "nothing is left running" || bad "nothing is left running"
[ -e "$work/demo/postgres/from-replica-ap" ] && ok "what it made is kept" || bad "what it made is kept"
refused "a folder that is there already" "exists" \
    "$bin/sealift" demo --input postgres --keep "$work/demo"
refused "a time that is none" "--seconds takes 1 to 86400" "$bin/sealift" demo --seconds 5x
refused "another input" "lines or postgres" "$bin/sealift" demo --input oracle

for signal in KILL TERM; do
    folder=$work/cut-$signal
    start demo "$bin/sealift" demo --input postgres --seconds 60 --keep "$folder"
    for _ in $(seq 300); do [ -e "$folder/log/append.log" ] && break; sleep 0.1; done
    pgrep -f "postgres -D $folder" >/dev/null || bad "the server runs before the end by $signal"
    kill -$signal "$(pid_of demo)"
    nothing_left "$folder" && ok "nothing is left running after SIG$signal" \
        || bad "nothing is left running after SIG$signal"
    wait "$(pid_of demo)" 2>/dev/null || true
    rm -f "$work/pid/demo"
done
grep -qF "left in $work/cut-TERM" "$work/log/demo" && ok "and says where its folder is" \
    || bad "and says where its folder is" "$(tail -n 3 "$work/log/demo")"
conclude
