#!/usr/bin/env bash
# A member that hangs (stopped, here) keeps its sockets open and says nothing. Clients say whom they
# wait for, look elsewhere, and give up in time; what the member does when it goes on is lost to nobody
# and doubles nothing.
source "$(dirname "$0")/lib.sh"

# begin NAME COMMAND...: a client beside the others; ended NAME: its exit code.
declare -A client=()
begin()
{
    local name=$1
    shift
    limit 200 "$@" <&0 >"$work/said-$name" 2>"$work/log/$name" &
    client[$name]=$!
}
ended() { local code=0; wait "${client[$1]}" || code=$?; echo "$code" >"$work/code-$1"; }
said()
{
    local what=$1 name=$2 text=$3
    grep -qF "$text" "$work/log/$name" && ok "$what ($text)" || bad "$what" "$(cat "$work/log/$name")"
}
slowly() { local i; for i in $(seq 1 60); do echo "$1 $i"; sleep 0.1; done; }
to() { local name; for name in "${@:2}"; do echo "$1 127.0.0.1:${port[$name]}"; done; }

plan p1 r1 p2 r2
pki_init # one deployment, two WALs
for n in 1 2; do
    lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
    issue "p$n" us-east-1 primary
    issue "r$n" us-east-1 replica
    start "p$n" "$bin/sealift-primary" $(member_words "p$n") --create --no-storage-encrypted \
        --coordinator "file:$work/coordinator-$n"
    wait_for_port "p$n" "${port[p$n]}"
    start_replica "r$n" "p$n"
    append_to "p$n" -q <<<"before"
    wait_in_step "p$n" "r$n"
done
export SEALIFT_PKI=$work/pki

# p1 hangs until everybody has given up; p2 for 20 s.
begin follower "$bin/sealift" tail --follow $(to --from p2 r2)
begin bereft "$bin/sealift" append $(to --to p1 r1) < <(slowly bereft)
begin patient "$bin/sealift" append $(to --to p2 r2) < <(slowly patient)
sleep 2
kill -STOP "$(pid_of p1)" "$(pid_of p2)"
begin verifier "$bin/sealift" verify "127.0.0.1:${port[p1]}"
begin late "$bin/sealift" append $(to --to p1) <<<"late"
sleep 20
said "a writer says whom it waits for" patient "waiting for 127.0.0.1:${port[p2]}: it has said nothing for"
said "a follower too" follower "waiting for 127.0.0.1:${port[p2]}: it has said nothing for"
said "a verifier too" verifier "waiting for 127.0.0.1:${port[p1]}: "
said "one that comes late too" late "waiting for 127.0.0.1:${port[p1]}: "
kill -CONT "$(pid_of p2)"
ended patient
is "a writer goes on when the member does" "$(cat "$work/code-patient")" 0
for name in p2 r2; do
    wait_status "$name" visible_lsn 61
    tail_from "$name" >"$work/read-$name"
    (echo before; seq 1 60 | sed 's/^/patient /') | cmp -s - "$work/read-$name" \
        && ok "$name has every line once, in order" || bad "$name has every line once, in order" "$(cat "$work/read-$name")"
done
sleep 1
cmp -s "$work/read-p2" "$work/said-follower" && ok "and so has the follower" || bad "and so has the follower" "$(cat "$work/said-follower")"
said "the follower says that it goes on" follower "sealift tail: goes on"
kill "${client[follower]}"
ended follower

ended verifier
is "a verifier gives up" "$(cat "$work/code-verifier")" 1
ended late
is "a writer that never met it gives up" "$(cat "$work/code-late")" 1
ended bereft
is "and one that did" "$(cat "$work/code-bereft")" 1
for name in late bereft; do
    said "$name hears why" $name "(E_SILENT)"
    is "$name says it once" "$(grep -c 'records were appended before' "$work/log/$name")" 1
done
acked=$(sed -n 's/.*; \([0-9]*\) records were appended before/\1/p' "$work/log/bereft")
kill -CONT "$(pid_of p1)"
append_to p1 -q <<<"after" && ok "the member that hung serves again" || bad "the member that hung serves again"
tail_from p1 >"$work/read-p1"
got=$(grep -c '^bereft' "$work/read-p1")
[ "$acked" -gt 0 ] && [ "$got" -ge "$acked" ] && ok "what was acknowledged ($acked) is there ($got)" \
    || bad "what was acknowledged is there" "$acked, and there are $got"
(echo before; seq 1 "$got" | sed 's/^/bereft /'; echo after) | diff - <(grep -v '^late' "$work/read-p1") >&2 \
    && ok "once, in order" || bad "once, in order"
conclude
