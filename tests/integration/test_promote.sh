#!/usr/bin/env bash
# A replica becomes the primary: the old one killed under load, or alive and at work.
#
# Real daemons, real TLS, real kill -9. Whatever was acknowledged at the cluster's level is there
# afterwards, once and in order; the deposed primary comes back as a replica, its own suffix set
# aside; and there and back again the bytes are the same everywhere.
source "$(dirname "$0")/lib.sh"
need_tools python3 od

pki_init
issue a us-east-1 primary
issue b eu-west-1 primary
issue c eu-west-1 primary
issue d us-east-1 replica
issue operator us-east-1 operator any
start_keyd us-east-1
start_keyd eu-west-1
plan a b c d

others()
{
    local name
    for name in a b c d; do
        [ "$name" = "$1" ] || echo "--upstream 127.0.0.1:${port[$name]}"
    done
}
# follow NAME [OPTIONS...]: a replica that knows all the others
follow()
{
    local name=$1
    shift
    # shellcheck disable=SC2046 # words
    start "$name" "$bin/sealift-replica" $(member_words "$name") $(others "$name") \
        --coordinator "file:$work/coordinator" "$@"
    wait_for_port "$name" "${port[$name]}"
}
promote() { local name=$1; shift; timeout 120 "$bin/sealift" promote --pki "$work/pki" "127.0.0.1:${port[$name]}" "$@"; }
append_any()
{
    timeout 100 "$bin/sealift" append --pki "$work/pki" -q --to "127.0.0.1:${port[a]}" \
        --to "127.0.0.1:${port[b]}" --to "127.0.0.1:${port[c]}"
}
# load COUNT FIRST: appends to whichever member is the primary
load() { seq "$2" $(($2 + $1 - 1)) | sed 's/^/line /' | append_any; }
# busy FIRST: 10,000 lines in two seconds
busy()
{
    local part
    for part in $(seq 0 39); do
        seq $(($1 + 250 * part)) $(($1 + 250 * part + 249)) | sed 's/^/line /'
        sleep 0.05
    done | append_any
}
expect_lines()
{
    local what=$1 count=$2 name
    shift 2
    seq 1 "$count" | sed 's/^/line /' >"$work/lines"
    for name in "$@"; do
        tail_from "$name" >"$work/read-$name" || bad "tail from $name"
        # Lines that were never acknowledged may be there besides; here all were.
        cmp -s "$work/lines" "$work/read-$name" && ok "$what: $name has every line, once, in order" \
            || bad "$what: $name has every line, once, in order" "$(wc -l <"$work/read-$name") of $count"
    done
}

start_primary a --create --storage-encrypted --durability quorum:1
follow b --kms-key-id alias/aws/rds
follow c --kms-key-id alias/aws/rds
follow d
load 2000 1 || bad "2,000 lines are appended"
wait_in_step a b c d

# ---- refusals: nothing happens ----
refused "a client may not promote" E_IDENTITY promote b --as client
refused "a replica's certificate may never write" E_IDENTITY promote d
kill9 c
kill9 a
refused "too few answer" "accept the loss with --accept-loss" promote b
refused "a loss that ends below what is held is none" E_LOSS promote b --accept-loss 5
is "b is a replica still" "$(status b role)" replica
start_primary a --storage-encrypted
follow c
wait_status a role primary
load 500 2001 || bad "the old primary goes on"
wait_in_step a b c d

# ---- a switchover, with the primary alive and under load ----
busy 2501 &
loading=$!
sleep 0.5
promote b >"$work/said" 2>&1 && ok "b is promoted beside a living primary: $(cat "$work/said")" \
    || bad "b is promoted beside a living primary" "$(cat "$work/said")"
is "b is the primary" "$(status b role)" primary
wait $loading && ok "the load goes on at the new primary" || bad "the load goes on at the new primary"
code=0
wait "$(pid_of a)" || code=$?
rm -f "$work/pid/a"
is "the deposed primary ends by itself" "$code" 1
grep -q "start sealift-replica on this folder" "$work/log/a" && ok "and says how to come back" \
    || bad "and says how to come back" "$(tail -n 2 "$work/log/a")"
refused "it may not write any more" E_COPIED_FOLDER "$bin/sealift-primary" $(member_words a) \
    --coordinator "file:$work/coordinator" --storage-encrypted
follow a
wait_in_step b a c d
expect_lines "after the switchover" 12500 a b c d
promote b >"$work/said" 2>&1 && ok "promoting the primary changes nothing: $(cat "$work/said")" \
    || bad "promoting the primary changes nothing" "$(cat "$work/said")"

# ---- a failover: the primary is killed under load ----
busy 12501 &
loading=$!
sleep 0.5
kill9 b
promote a --json >"$work/said" 2>&1 && ok "a is promoted after b was killed: $(cat "$work/said")" \
    || bad "a is promoted after b was killed" "$(cat "$work/said")"
wait $loading && ok "every append is acknowledged in the end" || bad "every append is acknowledged in the end"
is "nothing had to be declared lost" "$(python3 -c 'import json; print(json.load(open("'"$work"'/said"))["loss_last_lsn"])')" 0
follow b
wait_in_step a b c d
expect_lines "after the failover" 22500 a b c d

# ---- and one without the answers that it needs, by an operator's word ----
kill9 c
kill9 a
kill9 d
last=$(status b durable_lsn)
refused "b alone is too few" E_NO_QUORUM promote b
promote b --accept-loss $((last + 10)) --json >"$work/said" 2>&1 \
    && ok "b is promoted with an accepted loss: $(cat "$work/said")" \
    || bad "b is promoted with an accepted loss" "$(cat "$work/said")"
is "the loss is declared" "$(python3 -c 'import json; print(json.load(open("'"$work"'/said"))["loss_last_lsn"])')" $((last + 10))
follow a
follow c
follow d
load 500 22501 || bad "appends go on"
wait_in_step b a c d
expect_lines "after the accepted loss" 23000 a b c d

for name in a b c d; do
    stop $name && ok "$name stops on SIGTERM" || bad "$name stops on SIGTERM" "exit code $?"
done
for name in a c d; do
    sealift verify "$work/data-$name" --no-key --against "$work/data-b" >>"$work/log/verify" 2>&1 \
        && ok "$name: the valid bytes are b's" || bad "$name: the valid bytes are b's"
done
conclude
