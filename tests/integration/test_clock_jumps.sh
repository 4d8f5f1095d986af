#!/usr/bin/env bash
# A wall clock that jumps by a year, to and fro, under a running member: streams go on, commits too,
# a restart finds everything, and only what is judged by the wall clock feels it: certificates, which
# fail closed, and signatures to the key service, which says why.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od

year=$((365 * 86400))

# Certificates that are valid from two years ago, for ten years; and some that are not.
jump pki $((-2 * year))
issue_then() { shifty pki issue "$1" us-east-1 "$2" "$3" --days 3650 "${@:4}"; }
shifty pki "$bin/sealift" pki init --dir "$work/pki" --deployment test >/dev/null
lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
issue_then client client any
issue_then p1 primary "$lineage"
issue_then r1 replica "$lineage"
issue_then kms-us-east-1 keyd any --host 127.0.0.1
jump pki 0
issue brief us-east-1 client any --days 30
jump pki $((20 * 86400))
shifty pki issue early us-east-1 client any --days 30

kms_port[us-east-1]=$(free_port)
plan p1 r1
start_keyd us-east-1
shifty p1 start_primary p1 --create --storage-encrypted
shifty r1 start_replica r1 p1
append_to p1 -q <<<"before"
wait_in_step p1 r1

count=1
append_with() { "$bin/sealift" append --ca "$work/pki/ca.crt" --cert "$work/pki/$1.crt" --key "$work/pki/$1.key" --to "127.0.0.1:${port[p1]}" "${@:2}"; }
goes_on()
{
    seq -f "$1 %g" 1 200 | append_to p1 -q --durability quorum:1 && count=$((count + 200)) \
        && ok "$1: appends are acknowledged by the replica" || bad "$1: appends are acknowledged by the replica"
    is "$1: the replica streams" "$(status r1 state)" streaming
    wait_status r1 visible_lsn "$count"
}

# ---- while they run ----
for who in r1 p1; do
    for by in $year $((-year)); do
        jump $who "$by"
        goes_on "$who jumped by $by s"
    done
    jump $who 0
    goes_on "$who jumped back"
done
is "all of it on the first stream" "$(grep -c 'feed_streams member=r1' "$work/log/p1")" 1

# ---- across a restart ----
for by in $((-year)) $year; do
    jump r1 "$by"
    kill9 p1
    shifty p1 start_primary p1
    wait_status p1 state serving
    goes_on "r1 finds a new primary at $by s"
done
jump r1 0
jump p1 $((-year))
kill9 p1
shifty p1 start p1 "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator"
sleep 0.2
says "a key service wants the right time of whoever asks it, and says so" p1 "more than 15 minutes from now" 10
jump p1 0
wait_status p1 state serving
wait_status r1 state streaming
goes_on "p1 started again, its clock set right"

# ---- certificates are judged by the wall clock, and fail closed ----
append_with brief -q <<<"valid" && count=$((count + 1)) && ok "a certificate of this month is good this month"
jump p1 $year
# A client goes on trying for a while; here it is told to stop, and must stop well.
shut_out()
{
    local what=$1 text=$2 code=0
    shift 2
    start append "$@" -q "$work/line"
    says "$what" p1 "$text" 10
    stop append || code=$?
    is "$what: not one record" "$code" 1
    : >"$work/log/p1"
}
with() { echo "$bin/sealift append --ca $work/pki/ca.crt --cert $work/pki/$1.crt --key $work/pki/$1.key --to 127.0.0.1:${port[p1]}"; }
echo x >"$work/line"
shut_out "and not in a year" "certificate has expired" $(with brief)
jump p1 $((-year))
shut_out "nor a year ago" "certificate is not yet valid" $(with brief)
jump p1 0
refused "one that is not valid yet is refused where it is read" "early.crt: not valid before 20" $(with early) "$work/line"
jump early $((20 * 86400 + 60))
shut_out "and by a member whose clock is right" "certificate is not yet valid" \
    env LD_PRELOAD=$lib/shift_clock.so SHIFT_CLOCK_ORDER=$work/clock-early ASAN_OPTIONS=verify_asan_link_order=0 $(with early)
append_with brief -q <<<"valid" && count=$((count + 1)) && ok "with the clock set right it is good again"
wait_status r1 visible_lsn "$count"
is "nothing is lost, nothing is there twice" "$(tail_from r1 | sort | uniq -d | wc -l) $(tail_from r1 | wc -l)" "1 $count"
conclude
