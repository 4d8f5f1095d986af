#!/usr/bin/env bash
# Data keys are rotated and envelopes re-wrapped, with real daemons: a primary under load, a replica
# beside it, and one in another region under that region's key. Three rotations by command (one of
# them while the far replica is down), then by bytes and across a restart; a KMS key that gets a new
# version, and a re-wrap after it: the segments keep every byte, the keyrings change, and the audit
# counts the same few calls for a WAL of one megabyte and for one of fifty.
source "$(dirname "$0")/lib.sh"
need_tools python3 aws sqlite3 sha256sum
member_options="--key-poll 1h" # the questions of that watch would be counted: test_key_loss.sh

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 eu-west-1 replica
issue operator us-east-1 operator any
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 r2 plain

user_id=$(sed -n 's/^access_key_id *= *//p' "$work/credentials" | head -n 1)
user_secret=$(sed -n 's/^secret_access_key *= *//p' "$work/credentials" | head -n 1)
kms()
{
    local region=$1
    shift
    AWS_ACCESS_KEY_ID=$user_id AWS_SECRET_ACCESS_KEY=$user_secret AWS_CA_BUNDLE=$work/pki/ca.crt \
        AWS_DEFAULT_REGION=$region AWS_MAX_ATTEMPTS=1 AWS_PAGER="" AWS_EC2_METADATA_DISABLED=true \
        AWS_CONFIG_FILE=/dev/null \
        timeout 60 aws --endpoint-url "https://127.0.0.1:${kms_port[$region]}" --output text kms "$@" \
        2>>"$work/log/aws"
}
east=$(kms us-east-1 create-key --query KeyMetadata.Arn)
west=$(kms eu-west-1 create-key --query KeyMetadata.Arn)

primary() { start_primary p1 --kms-key-id "$east" --segment-bytes 4M --durability quorum:1 "$@"; }
replica() { start_replica "$1" p1 --kms-key-id "$2" --segment-bytes 4M; }
keys() { limit 120 "$bin/sealift" keys "$1" --pki "$work/pki" "127.0.0.1:${port[$2]}" --json; }
field() { python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

primary --create --storage-encrypted
wait_status p1 state serving
replica r1 "$east"
replica r2 "$west"
wait_status r1 state streaming
wait_status r2 state streaming

# ---- three rotations under load, one of them with a replica down ----
load()
{
    python3 - <<'END' | "$bin/sealift" append --pki "$work/pki" --to "127.0.0.1:${port[p1]}" -q
import os, sys, time
number = 0
while not os.path.exists(os.environ["stopped"]):
    for _ in range(50):
        number += 1
        print(f"record {number} " + "x" * 500)
    sys.stdout.flush()
    time.sleep(0.01)
END
}
export stopped=$work/load-stopped
export -f load
export bin work
port_p1=${port[p1]}
start load bash -c "declare -A port=([p1]=$port_p1); set -o pipefail; load"
sleep 1

# rotate WHAT HOLDERS: its first segment goes to $first, the data key to $dek.
rotate()
{
    local before=$(status p1 durable_lsn) answer
    answer=$(keys rotate-dek p1 2>>"$work/log/keys") || die "$1" "$(tail -n 3 "$work/log/keys")"
    first=$(field first_segment <<<"$answer")
    dek=$(field dek <<<"$answer")
    is "$1: linked replicas that held it before" "$(field holders <<<"$answer") $(field lacking <<<"$answer")" "$2 0"
    [ "$(status p1 durable_lsn)" -gt "$before" ] && ok "$1: appends go on" || bad "$1: appends go on" "$before"
}
rotate "with both replicas" 2
is "the new data key is the current one" "$(status p1 dek)" "$dek"
stop r2 || bad "r2 stops"
rotate "with one replica down" 1
sleep 1
replica r2 "$west"
wait_status r2 state streaming
rotate "with it back" 2
sleep 1
touch "$stopped"
code=0
wait "$(pid_of load)" || code=$?
rm -f "$work/pid/load"
is "every append of the load was acknowledged" "$code" 0
wait_in_step p1 r1 r2
grep -c "upstream_bye\|upstream_refused\|upstream_down" "$work/log/r1" >"$work/ends" || true
is "no rotation ended a link" "$(cat "$work/ends")" 0

in_step()
{
    local name
    for name in r1 r2; do
        sealift verify --pki "$work/pki" "127.0.0.1:${port[p1]}" --against "127.0.0.1:${port[$name]}" \
            >"$work/verified" 2>&1 && ok "$1: $name holds what the primary holds" \
            || bad "$1: $name holds what the primary holds" "$(tail -n 3 "$work/verified")"
    done
}
in_step "after three rotations"

# rows NAME: data keys of the folder, how many of them have segments.
rows()
{
    sealift keys show "$work/data-$1" --json | python3 -c '
import json, sys
rows = json.load(sys.stdin)["copies"][0]["data_keys"]
print(len(rows), sum(row["segments"] > 0 for row in rows), rows[-1]["current"], rows[-1]["dek"])'
}
for name in p1 r1 r2; do
    is "'keys show' of $name: four data keys, all in use" "$(rows $name)" "4 4 True $dek"
done

# ---- by bytes, and across a restart ----
stop p1 || bad "the primary stops"
primary
wait_status p1 state serving
is "a restart goes on under the newest" "$(status p1 dek)" "$dek"
stop p1 || bad "the primary stops"
primary --dek-max-bytes 4M
wait_status p1 state serving
wait_status r1 state streaming
wait_status r2 state streaming
for i in $(seq 200); do printf 'again %d %0500d\n' "$i" 0; done >"$work/records"
for i in $(seq 60); do append_to p1 -q <"$work/records" || die "appends go on" "round $i"; done
[ "$(status p1 dek)" != "$dek" ] && ok "and rotates by itself when it has sealed so much" || bad "it rotates by bytes"
wait_in_step p1 r1 r2
in_step "after a rotation by bytes"
stop p1 || bad "the primary stops"
primary
wait_status p1 state serving
wait_status r1 state streaming
wait_status r2 state streaming
wait_in_step p1 r1 r2

# ---- the KMS key gets a new version, and the envelopes follow ----
digest_of() { (cd "$work/data-$1" && find . -type f -name '*.seg*' ! -path './spare/*' | sort | xargs sha256sum) | sha256sum; }
uses() { sqlite3 "$work/kms-$1/catalog.db" "SELECT count(*) FROM audit_lines WHERE operation IN ('ReEncrypt', 'Decrypt', 'Encrypt')"; }
version() { kms "$1" list-key-rotations --key-id "$2" --query 'length(Rotations)' || echo 0; }
kms us-east-1 rotate-key-on-demand --key-id "$east" >/dev/null || die "the KMS key is rotated" "$(tail -n 3 "$work/log/aws")"
kms eu-west-1 rotate-key-on-demand --key-id "$west" >/dev/null || die "the KMS key is rotated" "$(tail -n 3 "$work/log/aws")"

# rewrap NAME REGION: how many questions it cost goes to $cost, how many envelopes there are to $count.
rewrap()
{
    local name=$1 region=$2 segments keyring asked answer
    segments=$(digest_of "$name")
    keyring=$(sha256sum <"$work/data-$name/keyring")
    asked=$(uses "$region")
    answer=$(keys rewrap "$name" 2>>"$work/log/keys") || die "$name is re-wrapped" "$(tail -n 3 "$work/log/keys")"
    count=$(field envelopes <<<"$answer")
    cost=$(($(uses "$region") - asked))
    is "$name: no byte of a segment changes" "$(digest_of "$name")" "$segments"
    [ "$(sha256sum <"$work/data-$name/keyring")" != "$keyring" ] && ok "$name: its keyring does" || bad "$name: its keyring does"
    is "$name: two questions for each envelope" "$cost" $((2 * count))
}
rewrap p1 us-east-1
small=$cost
rewrap r1 us-east-1
rewrap r2 eu-west-1
[ "$(digest_of p1 | cut -c1-64)" != "$(printf '' | sha256sum | cut -c1-64)" ] && ok "there were segments to compare" || bad "there were segments"
for i in $(seq 400); do cat "$work/records"; done | limit 240 "$bin/sealift" append --pki "$work/pki" \
    --to "127.0.0.1:${port[p1]}" -q || bad "forty megabytes more"
wait_in_step p1 r1 r2
rewrap p1 us-east-1
is "a WAL that is many times as long costs the same calls" "$cost" "$small"
for name in r2 r1 p1; do stop $name || bad "$name stops"; done
primary
wait_status p1 state serving
replica r1 "$east"
replica r2 "$west"
append_to p1 -q <<<"the last"
wait_in_step p1 r1 r2
in_step "after the re-wrap, all started anew"

# ---- a rotation, and both key services hang: nobody but the rotation waits for them ----
dek=$(status p1 dek)
for region in us-east-1 eu-west-1; do kill -STOP "$(pid_of kms-$region)"; done
keys rotate-dek p1 >"$work/rotated" 2>>"$work/log/keys" &
order=$!
sleep 1
begun=$(date +%s%N)
for i in $(seq 5); do append_to p1 -q <"$work/records" || bad "appends go on" "round $i"; done
took=$((($(date +%s%N) - begun) / 1000000))
# A key service that hangs is given up after seconds; a thousand records and five starts take less than one.
[ "$took" -lt $((3000 * slower)) ] && ok "a thousand appends meanwhile ($took ms)" || bad "appends wait" "$took ms"
kill -0 "$order" 2>/dev/null && [ "$(status p1 dek)" = "$dek" ] && ok "the rotation waits" || bad "the rotation waits"
for region in us-east-1 eu-west-1; do kill -CONT "$(pid_of kms-$region)"; done
wait "$order" && is "and comes to its end" "$(field holders <"$work/rotated") $(field lacking <"$work/rotated")" "2 0" \
    || bad "and comes to its end" "$(tail -n 3 "$work/log/keys")"
wait_in_step p1 r1 r2

# ---- refused ----
refused "a replica does not rotate" E_NOT_WRITER keys rotate-dek r1
refused "nor does a client order it" E_IDENTITY limit 60 "$bin/sealift" keys rotate-dek --as client \
    --pki "$work/pki" "127.0.0.1:${port[p1]}"
kms us-east-1 disable-key --key-id "$east"
refused "a disabled key: no new data key" "kms:GenerateDataKey" keys rotate-dek p1
refused "and no re-wrap" "kms:ReEncrypt" keys rewrap p1
kms us-east-1 enable-key --key-id "$east"
append_to p1 -q <<<"and on" && ok "and the WAL goes on" || bad "the WAL goes on"
for name in r2 r1 p1; do stop $name || bad "$name stops"; done

lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
issue plain us-east-1 primary
start_primary plain --coordinator "file:$work/coordinator-plain" --create --no-storage-encrypted
wait_status plain state serving
refused "an unencrypted cluster has none to rotate" "not encrypted" keys rotate-dek plain
refused "and none to re-wrap" "not encrypted" keys rewrap plain
stop plain || bad "plain stops"
conclude
