#!/usr/bin/env bash
# A replica that is far behind costs the primary no memory: what has left the window is read from the
# disk again. Default settings; several times all windows together, appended while it is down.
source "$(dirname "$0")/lib.sh"
need_tools python3

windows=112 # MiB: the primary's window and its feed window, by default
most=256 # MiB of memory, either of them, ever
amount=1024 # MiB; less on a slow machine

peak() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$(pid_of "$1")/status"; }
bounded()
{
    local mib
    mib=$(peak "$1")
    # A sanitizer keeps shadows of memory, and freed memory for a while.
    [ "$mib" -gt 0 ] && [ "$mib" -lt $((most * slower)) ] && ok "$2: $1 has needed $mib MiB at most" \
        || bad "$2: $1 has needed less than $most MiB" "$mib MiB"
}
pour() { head -c "$(($1 << 20))" /dev/zero | append_to p1 -q --raw 1048576; }

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
plan p1 r1
start_primary p1 --create --no-storage-encrypted
start_replica r1 p1
begun=${EPOCHREALTIME/./}
pour 64
wait_in_step p1 r1
took=$(((${EPOCHREALTIME/./} - begun) / 1000 + 1))
stop r1 || bad "r1 stops"

# What takes 20 s at this pace (appended and copied), and never less than four times the windows.
amount=$((64 * 20000 / took < amount ? 64 * 20000 / took : amount))
[ "$amount" -ge $((4 * windows)) ] || amount=$((4 * windows))
pour "$amount" && ok "$amount MiB are appended while r1 is away" || bad "$amount MiB are appended while r1 is away"
bounded p1 "with a replica that is away"
start_replica r1 p1
wait_status r1 durable_lsn $((64 + amount)) 60
ok "r1 has caught up"
bounded p1 "after that"
bounded r1 "after that"
append_to p1 -q --durability quorum:1 <<<"with r1" && ok "and acknowledges what comes" || bad "and acknowledges what comes"
stop r1 || bad "r1 stops"
stop p1 || bad "p1 stops"
sealift verify "$work/data-r1" --no-key --against "$work/data-p1" >>"$work/log/verify" 2>&1 \
    && ok "the bytes are the primary's" || bad "the bytes are the primary's" "$(tail -n 3 "$work/log/verify")"
conclude
