#!/usr/bin/env bash
# A running member verifies its own copy and tells, while it goes on serving.
#
# A primary and a replica in another region under load; both are asked over the network, with and
# without seals, and compared with each other and with a folder; then one byte of a closed segment
# on the replica's disk changes: it is named, with exit code 1, and the member goes on.
source "$(dirname "$0")/lib.sh"
need_tools python3

field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
verify_of()
{
    local name=$1
    shift
    limit 60 "$bin/sealift" verify --pki "$work/pki" "127.0.0.1:${port[$name]}" "$@"
}
change() { python3 -c "
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2])); byte = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([byte ^ 1]))" "$@"; }

pki_init
issue operator us-east-1 operator any
issue reader us-east-1 reader any
issue p1 us-east-1 primary
issue r1 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 p2
start_primary p1 --create --storage-encrypted --segment-bytes 1M
wait_status p1 role primary
start_replica r1 p1 --kms-key-id alias/aws/rds --scrub-rate 0 # whoever verifies finds it first
seq 1 60000 | sed 's/^/a line of the WAL /' | append_to p1 -q || bad "60,000 lines are appended"
wait_in_step p1 r1

for name in p1 r1; do
    region=us-east-1
    [ $name = r1 ] && region=eu-west-1
    verify_of $name --as operator --json >"$work/$name.json" 2>>"$work/log/verify" \
        && ok "$name verifies its copy, and opens every seal" \
        || bad "$name verifies its copy, and opens every seal"
    is "$name counts all records" "$(field "['records']" <"$work/$name.json")" 60000
    is "$name says that it opened seals" "$(field "['seals_opened']" <"$work/$name.json")" True
    is "$name names itself" "$(field "['member']" <"$work/$name.json")" $name
    [[ $(field "['keys'][0]['KmsKeyId']" <"$work/$name.json") == "arn:aws:kms:$region:"* ]] \
        && ok "$name names the key of $region" || bad "$name names the key of $region"
done
for what in chain batch lsn segments bytes; do
    is "both end with the same $what" "$(field "['$what']" <"$work/r1.json")" \
        "$(field "['$what']" <"$work/p1.json")"
done
segments=$(field "['segments']" <"$work/p1.json")
[ "$segments" -ge 3 ] && ok "there are $segments segments" || bad "there are several segments" "$segments"
sealift verify "$work/data-p1" --no-key --json >"$work/folder.json" 2>>"$work/log/verify"
is "a folder that is read from outside has the same chain" "$(field "['chain']" <"$work/folder.json")" \
    "$(field "['chain']" <"$work/p1.json")"
verify_of r1 --as reader --no-key >"$work/log/no-key" 2>&1 && grep -q "not opened" "$work/log/no-key" \
    && ok "without seals, when told so" || bad "without seals, when told so"

# Under load: one is ahead of the other, and they agree as far as both go.
(seq 60001 400000 | sed 's/^/a line of the WAL /' | append_to p1 -q) &
load=$!
for _ in 1 2 3; do
    verify_of r1 --against "127.0.0.1:${port[p1]}" --rate 1000 >"$work/log/against" 2>&1 \
        && ok "under load: $(grep 'the same' "$work/log/against" | tr -s ' ')" \
        || bad "under load both agree as far as both go"
done
wait $load || bad "340,000 lines are appended meanwhile"
wait_in_step p1 r1
verify_of p1 --against "$work/data-r1" >>"$work/log/against" 2>&1 \
    && ok "a member against a folder" || bad "a member against a folder"
sealift verify --pki "$work/pki" "$work/data-r1" --no-key --against "127.0.0.1:${port[p1]}" \
    >>"$work/log/against" 2>&1 && ok "a folder against a member" || bad "a folder against a member"

# One at a time.
start slow "$bin/sealift" verify --pki "$work/pki" "127.0.0.1:${port[p1]}" --rate 1
sleep 1
refused "a second one at the same time" "for somebody else" verify_of p1
kill9 slow
sleep 0.2
verify_of p1 >>"$work/log/verify" 2>&1 && ok "who leaves makes room" || bad "who leaves makes room"

refused "nobody there" "nobody answers" sealift verify --pki "$work/pki" "127.0.0.1:$(free_port)"
old=$lineage
lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
issue p2 us-east-1 primary
lineage=$old
start_primary p2 --create --no-storage-encrypted --coordinator "file:$work/coordinator-2"
wait_status p2 role primary
verify_of p2 >"$work/log/plain" 2>&1 && grep -q "not encrypted" "$work/log/plain" \
    && ok "a cluster that is not encrypted" || bad "a cluster that is not encrypted"
refused "a member of another lineage" E_LINEAGE \
    verify_of p1 --against "127.0.0.1:${port[p2]}"
refused "a folder of another lineage" E_LINEAGE verify_of p1 --against "$work/data-p2"

# Rot, on the disk of a member that runs.
second=$work/data-r1/wal/00000000000000000001.seg
read -r offset batch < <(sealift inspect --json "$second" | python3 -c "
import json, sys
last = json.load(sys.stdin)['batches'][-2]
print(last['offset'], last['batch'])")
change "$second" $((offset + 100))
code=0
verify_of r1 >"$work/log/rot" 2>&1 || code=$?
is "one changed byte: exit code" $code 1
grep -q "E_CHECKSUM: batch of segment 1 at offset $offset (batch $batch)" "$work/log/rot" \
    && ok "it is named with segment, offset and batch" || bad "it is named" "$(cat "$work/log/rot")"
grep -q "verified why=E_CHECKSUM .*segment=1 offset=$offset batch=$batch" "$work/log/r1" \
    && ok "the member's own trace says it too" || bad "the member's own trace says it too"
is "the member goes on" "$(status r1 role)" replica
echo more | append_to p1 -q || bad "one more line is appended"
wait_in_step p1 r1
wait_status r1 repaired_segments 1
verify_of r1 --against "127.0.0.1:${port[p1]}" --json >"$work/r1.json" 2>>"$work/log/verify" \
    && ok "it was repaired from the primary: whole again" || bad "it was repaired: whole again"
[ "$(field "['digested']" <"$work/r1.json")" -ge 1 ] && ok "what headers list by then agrees" \
    || bad "digests are listed, and agree" "$(field "['digested']" <"$work/r1.json")"
for name in p1 r1; do # the changed byte was on r1's disk, and a background check may have seen it
    alarms=$(grep ALARM "$work/log/$name" | grep -v "segment=1 why=E_CHECKSUM" || true)
    is "$name raised no false alarm" "$alarms" ""
done
for name in p1 r1 p2; do stop $name || bad "$name stops"; done
conclude
