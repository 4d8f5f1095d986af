#!/usr/bin/env bash
# Peers that speak nonsense, stall or flood, strangers and members alike: each is sent away, with a
# line that says why; meanwhile appends are acknowledged by a replica, newcomers get in, and memory
# stays bounded.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue rogue us-east-1 replica
plan p1 r1
start_primary p1 --create --no-storage-encrypted
start_replica r1 p1
append_to p1 -q <<<"before"
wait_in_step p1 r1
append_to p1 -q --durability quorum:1 <<<"with r1"

memory() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$(pid_of p1)/status"; }

misbehave()
{
    local kind=$1 who=$2
    timeout 30 python3 "$(dirname "$0")/bad_peer.py" "$kind" 127.0.0.1 "${port[p1]}" "$work/pki/ca.crt" \
        "$work/pki/$who.crt" "$work/pki/$who.key" "${3:-1}"
}

# While anybody misbehaves, appends are acknowledged by the replica, each from a client that comes new.
beside()
{
    local what=$1 begun slowest=0 took
    while jobs -r | grep -q misbehave; do
        begun=${EPOCHREALTIME/./}
        append_to p1 -q --durability quorum:1 <<<"beside $what" || bad "$what: an append beside it"
        took=$(((${EPOCHREALTIME/./} - begun) / 1000))
        [ "$took" -le "$slowest" ] || slowest=$took
    done
    [ "$slowest" -lt 4000 ] && ok "$what: appends beside them take ${slowest} ms at most" \
        || bad "$what: appends beside them" "took $slowest ms"
}

kinds="quiet stall giant noise flood deaf"
before=$(memory)
export PATIENCE=12
misbehave nonsense client >"$work/ended-nonsense" 2>&1 &
misbehave handshake client >"$work/ended-handshake" 2>&1 &
for who in client rogue; do
    for kind in $kinds; do
        misbehave "$kind" "$who" >"$work/ended-$kind-$who" 2>&1 &
    done
done
beside "nonsense, stalls and floods"
for file in "$work"/ended-*; do
    case $(cat "$file") in
        closed\ *) ok "${file##*/ended-}: sent away" ;;
        *) bad "${file##*/ended-}: sent away" "$(tail -n 1 "$file")" ;;
    esac
done
for why in E_TLS E_SILENT E_PROTOCOL E_TOO_LARGE; do
    says "the primary's trace says why" p1 "why=$why" 1
done
PATIENCE=3 misbehave idle client 200 >/dev/null 2>&1 &
PATIENCE=3 misbehave handshake client 300 >/dev/null 2>&1 &
sleep 0.5
beside "200 idle connections and 300 half handshakes"
after=$(memory)
# A sanitizer keeps shadows of memory, and freed memory for a while: its factor is room enough.
[ "$after" -lt $((256 * slower)) ] && [ $((after - before)) -lt $((64 * slower)) ] && ok "memory stays bounded ($before MiB, then $after MiB)" \
    || bad "memory stays bounded" "$before MiB, then $after MiB"
is_running r1 && is_running p1 && ok "both members run on" || bad "both members run on"
is "the replica's stream was never cut" "$(grep -c 'feed_streams member=r1' "$work/log/p1")" 1
wait_in_step p1 r1
tail_from r1 >"$work/read"
is "and it has every record" "$(wc -l <"$work/read")" "$(status p1 durable_lsn)"
conclude
