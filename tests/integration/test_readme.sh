#!/usr/bin/env bash
# The commands of the README's "Start one by hand" run as they stand there.
#
# That very block is taken out of README.md and run by bash in a new folder, with the programs in
# PATH; only its ports become free ones. `hello` comes back from the replica.
source "$(dirname "$0")/lib.sh"
need_tools python3
bin=$(realpath "$bin")

awk '/^## Start one by hand$/ { on = 1; next }
    on && /^    / { print substr($0, 5); next }
    on && /^$/ { print; next }
    on { exit }' README.md >"$work/block"
[ "$(grep -c '^sealift' "$work/block")" -ge 8 ] || die "README.md has the block" "$(cat "$work/block")"

for port in $(grep -o '127\.0\.0\.1:[0-9]*' "$work/block" | cut -d: -f2 | sort -u); do
    sed -i "s/127\.0\.0\.1:$port\b/127.0.0.1:$(free_port)/g" "$work/block"
done

# What it starts in the background is ended by us, by pid.
mkdir "$work/folder"
cat >"$work/script" <<SCRIPT
set -eu
trap 'jobs -p >"$work/jobs"' EXIT
cd "$work/folder"
PATH=$bin:\$PATH
SCRIPT
cat "$work/block" >>"$work/script"
timeout 120 bash "$work/script" >"$work/log/out" 2>"$work/log/readme" && ok "every command succeeds" \
    || bad "every command succeeds" "exit code $?"
n=0
for pid in $(cat "$work/jobs"); do echo "$pid" >"$work/pid/readme-$((n += 1))"; done
is "a key service, a primary and a replica are started" "$n" 3

grep -qx hello "$work/log/out" && ok "hello is read back from the replica" \
    || bad "hello is read back from the replica" "$(tail -n 30 "$work/log/out")"
is "status shows both members" \
    "$(grep -cE '^us-east-1 +(primary +p1 +serving|replica +r1 +streaming)' "$work/log/out")" 2
is "verify finds them whole, running and from outside" "$(grep -c ': whole$' "$work/log/out")" 2
is "and the same" "$(grep -c '^  the same ' "$work/log/out")" 2

for file in "$work"/pid/readme-*; do kill -TERM "$(cat "$file")" || true; done
for file in "$work"/pid/readme-*; do
    for _ in $(seq 100); do kill -0 "$(cat "$file")" 2>/dev/null || break; sleep 0.1; done
    kill -0 "$(cat "$file")" 2>/dev/null && bad "pid $(cat "$file") ends by itself" || rm "$file"
done

# What --lineage-of cannot take.
of() { sealift pki issue --dir "$work/folder/pki" --name x --region us-east-1 --role replica "$@"; }
refused "the lineage of nobody" E_MISSING of --lineage-of nobody
refused "the lineage of who has none" E_LINEAGE of --lineage-of client
refused "two lineages at once" "one of --new-lineage" of --lineage-of p1 --new-lineage
conclude
