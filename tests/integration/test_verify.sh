#!/usr/bin/env bash
# A data folder can be checked by anybody who has it, and every seal by whoever has its region's key.
#
# A primary and a replica in another region write two folders; both are verified with and without
# keys, against each other, and after one byte was changed; `inspect` shows what is in the files.
source "$(dirname "$0")/lib.sh"
need_tools python3

field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
service() { echo "--key-service $1=https://127.0.0.1:${kms_port[$1]} --key-service-ca $work/pki/ca.crt"; }
# A byte of a file becomes another.
change() { python3 -c "
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2])); byte = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([byte ^ 1]))" "$@"; }

pki_init
issue p1 us-east-1 primary
issue r1 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1
start_primary p1 --create --storage-encrypted --segment-bytes 1M
wait_status p1 role primary
start_replica r1 p1 --kms-key-id alias/aws/rds
seq 1 40000 | sed 's/^/a line of the WAL /' | append_to p1 -q || bad "40,000 lines are appended"
sleep 1 # at rest the closed segments are digested; the next headers list them
seq 40001 60000 | sed 's/^/a line of the WAL /' | append_to p1 -q || bad "20,000 lines are appended"
wait_in_step p1 r1

sealift verify "$work/data-p1" --no-key >"$work/log/live" 2>&1 \
    && ok "a folder in use is verified without keys" || bad "a folder in use is verified without keys"
stop p1 || bad "p1 stops"
stop r1 || bad "r1 stops"

for name in p1 r1; do
    region=us-east-1
    [ $name = r1 ] && region=eu-west-1
    # shellcheck disable=SC2046 # words
    sealift verify "$work/data-$name" --json $(service $region) >"$work/$name.json" \
        2>>"$work/log/verify" && ok "$name: every seal opens under the key of $region" \
        || bad "$name: every seal opens under the key of $region"
    is "$name: all records are counted" "$(field "['records']" <"$work/$name.json")" 60000
    digested=$(field "['digested']" <"$work/$name.json")
    [ "$digested" -ge 2 ] && ok "$name: $digested segments are digested, rightly" \
        || bad "$name: segments are digested" "$digested"
    is "$name: it says that seals were opened" "$(field "['seals_opened']" <"$work/$name.json")" True
    [[ $(field "['keys'][0]['KmsKeyId']" <"$work/$name.json") == "arn:aws:kms:$region:"* ]] \
        && ok "$name: it names the key of $region" || bad "$name: it names the key of $region"
done
is "the chain ends alike in both regions" "$(field "['chain']" <"$work/r1.json")" \
    "$(field "['chain']" <"$work/p1.json")"
sealift verify "$work/data-r1" --no-key --against "$work/data-p1" >"$work/log/against" 2>&1 \
    && ok "the valid bytes are the same in both regions" \
    || bad "the valid bytes are the same in both regions"
segments=$(field "['segments']" <"$work/p1.json")
[ "$segments" -ge 2 ] && ok "there are $segments segments" || bad "there are several segments" "$segments"

refused "an encrypted folder without a key service" "--key-service" sealift verify "$work/data-p1"
# shellcheck disable=SC2046
refused "the key service of another region" "no --key-service is given for region eu-west-1" \
    sealift verify "$work/data-r1" $(service us-east-1)
refused "what is no data folder" E_MISSING sealift verify "$work" --no-key

first=wal/00000000000000000000.seg
is "inspect names the segment" \
    "$(sealift inspect --json "$work/data-p1/$first" | field "['segment']")" 0
is "inspect shows the first batch" \
    "$(sealift inspect --json "$work/data-p1/$first" | field "['batches'][0]['type']")" epoch-start
for file in descriptor keyring control; do
    is "inspect knows a $file" "$(sealift inspect --json "$work/data-p1/$file" | field "['kind']")" $file
done
refused "inspecting what is no file of ours" E_MALFORMED sealift inspect "$work/pki/ca.crt"

# A second reader, written from docs/FORMAT.md alone, reads what real daemons wrote.
reader=tests/vectors/second_reader.py
limit 120 python3 $reader read "$work/data-r1" - >"$work/log/second-reader" 2>&1 \
    && ok "the second reader finds r1 whole" || bad "the second reader finds r1 whole"
lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
issue p2 us-east-1 primary
plan p2
start_primary p2 --create --no-storage-encrypted --segment-bytes 1M \
    --coordinator "file:$work/coordinator-2"
wait_status p2 role primary
seq 1 300 | append_to p2 -q || bad "300 lines are appended"
stop p2 || bad "p2 stops"
start_primary p2 --coordinator "file:$work/coordinator-2" # a second epoch
wait_status p2 role primary
seq 301 500 | append_to p2 -q || bad "200 more lines are appended"
stop p2 || bad "p2 stops"
python3 $reader read "$work/data-p2" - | awk '{print $1, $4, $5}' >"$work/second-read"
python3 -c "
import hashlib
for i in range(1, 501):
    print(i, len(str(i)), hashlib.sha256(str(i).encode()).hexdigest())" >"$work/expected"
cmp -s "$work/second-read" "$work/expected" && ok "the second reader reads every record of p2" \
    || bad "the second reader reads every record of p2" "$(wc -l <"$work/second-read") records"

cp -r "$work/data-r1" "$work/copy"
change "$work/copy/$first" 12400
refused "a changed byte, with its place" "segment 0 at offset 12288" \
    sealift verify "$work/copy" --no-key
refused "a difference from what is damaged" E_CHECKSUM \
    sealift verify "$work/data-r1" --no-key --against "$work/copy"
cp "$work/data-r1/$first" "$work/copy/$first"
cp "$work/data-p1/keyring" "$work/copy/keyring"
# shellcheck disable=SC2046
refused "the keyring of the other region" E_KEY sealift verify "$work/copy" $(service eu-west-1) \
    --key-service "us-east-1=https://127.0.0.1:1"
cp "$work/data-r1/keyring" "$work/copy/keyring"
rm "$work/copy/$first"
refused "a lost segment" "E_MISSING" sealift verify "$work/copy" --no-key
conclude
