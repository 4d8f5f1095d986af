#!/usr/bin/env bash
# A KMS key that is refused while its member serves (R23 to R25): a replica's, the primary's, one of a
# promoted replica; for less than the window, and for longer; and a key service that is only away.
# The memory of the process is searched for the DEK, all segment keys and a record.
source "$(dirname "$0")/lib.sh"
need_tools python3 od aws
tools=$(dirname "$0")
lost=inaccessible-encryption-credentials-recoverable
poll="--key-poll 1s"
within=4 # s: one poll, a second question, and what two processors at work take

pki_init
issue p1 us-east-1 primary
issue r1 eu-west-1 primary # so that it can be promoted
issue operator us-east-1 operator any
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1

kms()
{
    local region=$1
    shift
    AWS_CA_BUNDLE=$work/pki/ca.crt AWS_DEFAULT_REGION=$region AWS_MAX_ATTEMPTS=1 AWS_PAGER="" \
        AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null \
        timeout 60 aws --endpoint-url "https://127.0.0.1:${kms_port[$region]}" --output text kms "$@" \
        2>>"$work/log/aws"
}
key_of() { kms "$1" create-key --query KeyMetadata.Arn; }
east=$(key_of us-east-1)
west=$(key_of eu-west-1)
west_start() # OPTIONS...
{
    start_replica r1 p1 --kms-key-id "$west" --coordinator "file:$work/coordinator" $poll "$@"
}

# secrets_of NAME REGION: into $work/secrets-NAME, while the key can be used.
secrets_of()
{
    local dek
    # shellcheck disable=SC2046 # words
    dek=$(kms "$2" decrypt --query Plaintext $(python3 "$tools/key_secrets.py" envelope "$work/data-$1"))
    python3 "$tools/key_secrets.py" secrets "$work/data-$1" "$dek" >"$work/secrets-$1"
    printf 'a record that nobody else may see' | od -An -tx1 | tr -d ' \n' >>"$work/secrets-$1"
}
can_search() { [ "$(id -u)" = 0 ] && [[ "${SEALIFT_CFLAGS:-}" != *sanitize* ]]; } # maps of terabytes
found_in() { python3 "$tools/key_secrets.py" find "$(pid_of "$1")" "$work/secrets-$1"; }
holds() # NAME WHAT
{
    can_search || return 0
    [ "$(found_in "$1")" -ge 1 ] && ok "$2" || bad "$2" "$(found_in "$1") secrets are found"
}
holds_none() # NAME WHAT
{
    can_search || return 0
    is "$2" "$(found_in "$1")" 0
}
# loses NAME: in time, in the same process, which answers STATUS.
loses()
{
    local before=$(pid_of "$1") begin=$SECONDS
    wait_status "$1" state $lost $within
    is_running "$1" && is "$1 is the same process" "$(pid_of "$1")" "$before"
    ok "$1 is $lost (after $((SECONDS - begin)) s)"
}
serve_all() # OPTIONS...
{
    start_primary p1 --kms-key-id "$east" --segment-bytes 64K $poll "$@"
    west_start "$@"
    wait_status p1 state serving
}

start_primary p1 --create --storage-encrypted --kms-key-id "$east" --segment-bytes 64K $poll
west_start
append_to p1 -q <<<"a record that nobody else may see"
head -c 150000 /dev/urandom | base64 -w 1000 | append_to p1 -q # some segments
wait_in_step p1 r1
secrets_of r1 eu-west-1
secrets_of p1 us-east-1
tail_from r1 >/dev/null
tail_from p1 >/dev/null

# ---- a replica's ----
holds r1 "keys and a record are found in the memory of a replica that serves"
kms eu-west-1 disable-key --key-id "$west"
loses r1
holds_none r1 "nothing of them is in its memory now"
[[ $(status r1 notice) == *"KMSKeyNotAccessibleFault: the KMS key [$west] in eu-west-1"* ]] \
    && ok "it says which key, where" || bad "it says which key, where" "$(status r1 notice)"
refused "a reader is told" E_KEY_LOST tail_from r1
append_to p1 -q <<<"while r1 is away" && ok "the primary serves on"
is "as ever" "$(status p1 state)" serving
kms eu-west-1 enable-key --key-id "$west"
wait_in_step p1 r1
is "the replica comes back by itself, with all" "$(tail_from r1 | sha256sum)" "$(tail_from p1 | sha256sum)"
holds r1 "and has its keys again"

# ---- the primary's ----
kms us-east-1 disable-key --key-id "$east"
loses p1
holds_none p1 "a primary has nothing in its memory, either"
refused "a client is told" "KMSKeyNotAccessibleFault" append_to p1 -q <<<"refused"
is "the replica serves what it has" "$(tail_from r1 | tail -n 1)" "while r1 is away"
is "in its own region nothing is lost" "$(status r1 state | grep -c inaccessible)" 0

# A start inside the window recovers; one with the key refused waits.
stop p1 && ok "it stops when it is told to"
start_primary p1 --kms-key-id "$east" --segment-bytes 64K $poll
wait_status p1 state $lost
ok "a start with the key still refused stays up, and says so"
stop p1 || bad "p1 stops"
kms us-east-1 enable-key --key-id "$east"
start_primary p1 --kms-key-id "$east" --segment-bytes 64K $poll
wait_status p1 state serving
append_to p1 -q --durability quorum:1 <<<"after" && ok "a start with the key enabled serves"
wait_in_step p1 r1
sealift verify --pki "$work/pki" "127.0.0.1:${port[r1]}" --against "127.0.0.1:${port[p1]}" >>"$work/log/verify" \
    && ok "both copies are whole and the same" || bad "both copies are whole and the same" "$(cat "$work/log/verify")"

# ---- the key service is away, for longer than poll and window ----
stop r1 || bad "r1 stops"
stop p1 || bad "p1 stops"
: >"$work/log/p1"
: >"$work/log/r1"
serve_all --key-loss-window 3s
wait_in_step p1 r1
kill9 kms-eu-west-1
kill -STOP "$(pid_of kms-us-east-1)"
sleep 14 # a call that hangs ends after ten
is "a primary whose key service hangs serves" "$(status p1 state)" serving
append_to p1 -q --durability quorum:1 <<<"nobody to ask" && ok "and its replica, whose one is gone, acks"
[[ $(status r1 notice) == *"key service of eu-west-1 (E_KEY_UNREACHABLE)"* ]] && ok "it is shown" \
    || bad "it is shown" "$(status r1 notice)"
kill -CONT "$(pid_of kms-us-east-1)"
start_keyd eu-west-1
wait_status p1 state serving
is "nobody took a key for lost" "$(cat "$work/log/p1" "$work/log/r1" | grep -c key_lost || true)" 0

# ---- beyond the window ----
before=$(cd "$work/data-r1" && find descriptor keyring wal -type f -exec sha256sum {} + | sort)
kms eu-west-1 disable-key --key-id "$west"
code=0
wait "$(pid_of r1)" || code=$?
rm "$work/pid/r1"
is "a replica whose key is refused for longer than the window ends" "$code" 1
grep -q "inaccessible-encryption-credentials for good" "$work/log/r1" && ok "and says that it is for good" \
    || bad "and says that it is for good" "$(tail -n 3 "$work/log/r1")"
kms eu-west-1 enable-key --key-id "$west"
: >"$work/log/r1"
start r1 "$bin/sealift-replica" $(member_words r1) --upstream "127.0.0.1:${port[p1]}" --kms-key-id "$west"
code=0
wait "$(pid_of r1)" || code=$?
rm "$work/pid/r1"
is "enabling helps no more" "$code" 1
grep -q "Restore the cluster from a backup.*E_KEY_GONE" "$work/log/r1" && ok "only a restore does, it says" \
    || bad "only a restore does, it says" "$(tail -n 3 "$work/log/r1")"
is "nothing was deleted" "$before" \
    "$(cd "$work/data-r1" && find descriptor keyring wal -type f -exec sha256sum {} + | sort)"
append_to p1 -q <<<"still here" && ok "and the primary serves on"

# ---- a replica that was promoted is a primary in the next process, too ----
rm -r "$work/data-r1"
west_start
wait_in_step p1 r1
sealift promote --pki "$work/pki" "127.0.0.1:${port[r1]}" --as operator >>"$work/log/promote" 2>&1 || bad "r1 is promoted"
wait_status r1 state serving
kms eu-west-1 disable-key --key-id "$west"
loses r1
kms eu-west-1 enable-key --key-id "$west"
wait_status r1 state serving
append_to r1 -q <<<"as a primary" && ok "a promoted replica that lost its key serves as a primary again"
is "and has lost nothing" "$(tail_from r1 | tail -n 2 | tr '\n' ' ')" "still here as a primary "
conclude
