#!/usr/bin/env bash
# A record crosses regions: one primary, replicas in two regions, each under its own region's key.
#
# Real daemons, real TLS, real kill -9: what was acknowledged is there afterwards, on every member,
# in order, once; and a replica of a replica has it too.
source "$(dirname "$0")/lib.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 eu-west-1 replica
issue r3 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 r2 r3

start_primary p1 --create --storage-encrypted
wait_status p1 role primary
is "the cluster says that it is encrypted (R7)" "$(status p1 StorageEncrypted)" True
start_replica r1 p1
start_replica r2 p1 --kms-key-id alias/aws/rds
start_replica r3 r2 # cascade: r2 feeds it
wait_in_step p1 r1 r2 r3
is "in the same region the key is the cluster's (R13)" "$(status r1 KmsKeyId)" "$(status p1 KmsKeyId)"
[[ $(status r2 KmsKeyId) == arn:aws:kms:eu-west-1:* ]] && ok "in another region it is that region's (R14)" \
    || bad "in another region it is that region's (R14)" "$(status r2 KmsKeyId)"

marker=marker-$(od -An -tx1 -N12 /dev/urandom | tr -d ' \n')
seq 1 20000 | sed "s/^/$marker /" >"$work/lines"
append_to p1 -q "$work/lines" && ok "20,000 lines are appended"
append_to p1 -q --durability quorum:2 <<<"$marker quorum" && ok "one at quorum:2"
append_to p1 -q --durability region:1 <<<"$marker region" && ok "one at region:1"
refused "a level that can never be met" E_LEVEL append_to p1 --durability region:5 <<<"never"
printf '%s quorum\n%s region\n' "$marker" "$marker" >>"$work/lines"
wait_in_step p1 r1 r2 r3
for name in p1 r1 r2 r3; do
    wait_status "$name" visible_lsn "$(status p1 committed_lsn)"
    tail_from "$name" >"$work/read-$name" || bad "tail from $name"
    cmp -s "$work/lines" "$work/read-$name" && ok "$name gives the same lines" \
        || bad "$name gives the same lines" "$(wc -l <"$work/read-$name") lines"
done
is "reading from the middle" "$(tail_from r2 --since 20001 --count 1)" "$marker quorum"

# kill -9 of each in turn, under load: the lines come slower than they could, so that it strikes amid them
for name in r2 r1 p1; do
    (for part in $(seq 0 49); do
        seq $((part * 100 + 1)) $((part * 100 + 100)) | sed "s/^/$name $marker /"
        sleep 0.02
    done | append_to p1 -q) &
    appending=$!
    sleep 0.3
    before=$(status p1 durable_lsn)
    kill9 "$name"
    [ "$before" -gt "$(wc -l <"$work/lines")" ] && [ "$before" -lt $(($(wc -l <"$work/lines") + 5000)) ] \
        && ok "$name is killed amid the lines" || bad "$name is killed amid the lines" "LSN $before"
    sleep 0.2
    case $name in
        p1) start_primary p1 --storage-encrypted ;;
        r1) start_replica r1 p1 ;;
        r2) start_replica r2 p1 ;;
    esac
    wait $appending && ok "5,000 lines are acknowledged while $name is killed" \
        || bad "5,000 lines are acknowledged while $name is killed"
    seq 1 5000 | sed "s/^/$name $marker /" >>"$work/lines"
    wait_in_step p1 r1 r2 r3
done
append_to p1 -q --durability quorum:2 <<<"$marker end"
echo "$marker end" >>"$work/lines"
wait_in_step p1 r1 r2 r3
for name in p1 r1 r2 r3; do
    wait_status "$name" visible_lsn "$(status p1 committed_lsn)"
    tail_from "$name" >"$work/read-$name" || bad "tail from $name"
    cmp -s "$work/lines" "$work/read-$name" && ok "$name has every line, once, in order" \
        || bad "$name has every line, once, in order" "$(wc -l <"$work/read-$name") of $(wc -l <"$work/lines")"
done

for name in p1 r1 r2 r3; do
    stop $name && ok "$name stops on SIGTERM" || bad "$name stops on SIGTERM" "exit code $?"
done
for name in r1 r2 r3; do
    sealift verify "$work/data-$name" --no-key --against "$work/data-p1" >>"$work/log/verify" 2>&1 \
        && ok "$name: the valid bytes are the primary's" || bad "$name: the valid bytes are the primary's"
done
if grep -rqF "$marker" "$work"/data-*; then
    bad "no plaintext on any disk" "$(grep -rlF "$marker" "$work"/data-* | head -3)"
else
    ok "no plaintext on any disk"
fi
conclude
