#!/usr/bin/env bash
# `sealift keys show`: which KMS key wraps which data key, in which region, since when; from data
# folders, in use and at rest, and from running members; without any key service.
source "$(dirname "$0")/lib.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
issue r1 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 p2
begun=$(date +%s)
start_primary p1 --create --storage-encrypted --segment-bytes 64K
wait_status p1 state serving
start_replica r1 p1 --kms-key-id alias/aws/rds
append_to p1 -q --raw 1000 <(head -c 200000 /dev/urandom)
wait_in_step p1 r1
kill9 kms-us-east-1
kill9 kms-eu-west-1
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

show() { sealift keys show --pki "$work/pki" "$@"; }
# of COPY EXPRESSION: of the one copy (c) and its current data key (k).
of()
{
    show --json "$1" | python3 -c "import json, sys, time
c = json.load(sys.stdin)['copies'][0]; k = c['data_keys'][-1]
print($2)"
}
for name in p1 r1; do
    data=$work/data-$name
    at=127.0.0.1:${port[$name]}
    is "$name, folder: its region's key" "$(of "$data" "k['KmsKeyId']")" "$(status $name KmsKeyId)"
    is "$name, running: the same" "$(of "$at" "k['KmsKeyId']")" "$(status $name KmsKeyId)"
    is "$name: its data key" "$(of "$data" "k['dek']")" "$(status $name dek)"
    is "$name: where" "$(of "$data" "c['region'] + ' ' + c['cluster']")" "$(status $name region) $(status $name cluster)"
    is "$name: since the cluster was made" "$(of "$data" "$begun - 1 <= time.time() - k['age_seconds'] <= time.time()
    and k['age_seconds'] <= time.time() - $begun + 1")" True
    is "$name: which segments" "$(of "$data" "(k['first_segment'], k['segments'] > 2,
    k['last_segment'] == k['segments'] - 1)")" "(0, True, True)"
    is "$name, running: tells no more than it knows" "$(of "$at" "(c['member'], k['since'], k['segments'])")" "('$name', None, None)"
done
is "one data key in both regions" "$(of "$work/data-p1" "k['dek']")" "$(of "$work/data-r1" "k['dek']")"
[ "$(of "$work/data-p1" "k['KmsKeyId']")" != "$(of "$work/data-r1" "k['KmsKeyId']")" ] && ok "under two keys" \
    || bad "under two keys"

show "$work/data-p1" "$work/data-r1" "127.0.0.1:${port[r1]}" >"$work/table" || bad "all are shown" "$(cat "$work/table")"
is "a line for each" "$(wc -l <"$work/table")" 4
is "with its key" "$(grep -c "$(status r1 KmsKeyId)" "$work/table")" 2

stop r1 || bad "the replica stops"
stop p1 || bad "the primary stops"
is "a folder at rest says the same" "$(of "$work/data-p1" "k['current']")" True
issue p2 us-east-1 primary "$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')"
start p2 "$bin/sealift-primary" --create --no-storage-encrypted --data "$work/data-p2" --listen "127.0.0.1:${port[p2]}" \
    $(tls_of p2) --coordinator "file:$work/coordinator-2"
wait_for_port p2 "${port[p2]}"
wait_status p2 state serving
for copy in "$work/data-p2" "127.0.0.1:${port[p2]}"; do
    show "$copy" | grep -q " not encrypted  $copy$" && ok "a cluster without keys says so" || bad "$copy" "$(show "$copy")"
done

for words in "" "show" "rotate"; do
    code=0
    sealift keys $words >/dev/null 2>"$work/said" || code=$?
    is "sealift keys $words: usage" "$code" 2
done
code=0
show "$work/data-p1" "$work/none" >"$work/table" 2>&1 || code=$?
is "one that cannot be read: exit code 1" "$code" 1
grep -q "none: no data folder of a member, and no HOST:PORT of one (E_MISSING)" "$work/table" && ok "and says why" || bad "and says why" "$(cat "$work/table")"
grep -q "current" "$work/table" && ok "the other is shown all the same" || bad "the other is shown" "$(cat "$work/table")"
conclude
