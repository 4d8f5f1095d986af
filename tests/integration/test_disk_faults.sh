#!/usr/bin/env bash
# A disk that fails under a real daemon: the member stops, acknowledges nothing that is in doubt,
# says why, and what it had acknowledged is there afterwards. A primary then wants an operator's
# word (--accept-suspect). What a system does legally (a short write, an interrupted call) stops
# nobody.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
plan p1 r1

expected=$work/expected
primary() { faulty start_primary p1 --no-storage-encrypted --segment-bytes 1M "$@"; }
replica() { faulty start_replica r1 p1 --segment-bytes 1M "$@"; }
append_known() { append_to p1 -q <<<"$1" && echo "$1" >>"$expected"; }
big() { head -c 400000 /dev/zero | tr '\0' "$1"; echo; }

# append_until_it_stops: some large records; notes those that were acknowledged.
append_until_it_stops()
{
    local acked
    { big a; big b; big c; big d; } >"$work/big"
    timeout 20 "$bin/sealift" append --pki "$work/pki" --to "127.0.0.1:${port[p1]}" --json \
        "$work/big" >"$work/report" 2>>"$work/log/append" &
    echo $! >"$work/pid/append"
    ended "${1:-p1}"
    stop append || true # it reports what was acknowledged
    acked=$(sed -n 's/.*"records": \([0-9]*\).*/\1/p' "$work/report")
    head -n "${acked:-0}" "$work/big" >>"$expected"
}

primary --create
append_known "before any fault"

# ---- legal, if rare ----
for how in SHORT EINTR SLOW; do
    fault pwrite /wal/ $how
    append_known "written while every pwrite is $how" && ok "pwrite $how stops nobody" \
        || bad "pwrite $how stops nobody"
done
no_fault
holds "and every line is there" p1 "$expected"

# ---- a primary whose disk fails, at each call ----
# stricken WHAT STATUS CALL PATH HOW
stricken()
{
    fault "${@:3}"
    append_until_it_stops
    is "$1: the primary stops" "$code" 1
    says "$1: and says why" p1 "acknowledged. " 1
    says "$1: by name" p1 "($2)" 1
    no_fault
    : >"$work/log/p1"
}
suspect()
{
    stricken "$@"
    refused "$1: the next start wants an operator's word" "start with --accept-suspect" \
        timeout 20 "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator"
    primary --accept-suspect
    holds "$1: nothing acknowledged is lost" p1 "$expected"
    append_known "after $1"
    stop p1 || bad "$1: it stops"
    primary # the word was for that one time
    append_known "and again after $1"
}
suspect "a failed sync" E_IO fdatasync /wal/ EIO
suspect "a failed write" E_IO pwrite /wal/ EIO
suspect "a failed sync of the folder" E_IO fsync /wal EIO

# A disk that takes not even the note that it failed: the next start knows only what it reads.
stricken "a failed small file" E_IO pwrite /control EIO
primary
holds "a failed small file: nothing acknowledged is lost" p1 "$expected"

# No space for a byte of a segment (a file system that copies on write): refused, not lost.
stricken "no space in a segment" E_DISK_FULL pwrite /wal/ ENOSPC
primary
holds "no space in a segment: nothing acknowledged is lost" p1 "$expected"

# Nor for the header of a new one, though its blocks are reserved (xfs may say so): it waits.
fault pwrite /spare/ ENOSPC
{ big e; big f; big g; big h; } >"$work/big"
timeout 60 "$bin/sealift" append --pki "$work/pki" --to "127.0.0.1:${port[p1]}" -q "$work/big" \
    2>>"$work/log/append" &
echo $! >"$work/pid/append"
says "no space for a header: it says that it waits" p1 "disk.waiting" 1
no_fault
ended append
is "no space for a header: with space again all goes on, without a restart" "$code" 0
cat "$work/big" >>"$expected"
holds "no space for a header: and every line is there" p1 "$expected"

# ---- a replica whose disk fails: it leads nobody, so it may start again at once ----
replica
wait_in_step p1 r1
holds "the replica has it all" r1 "$expected"
for failing in "fdatasync /data-r1/wal/" "pwrite /data-r1/wal/" "fsync /data-r1/wal"; do
    fault $failing EIO
    # Two large records make a new segment; the primary's disk is well, and so it goes on.
    { big x; big y; big z; } >"$work/big"
    append_to p1 -q "$work/big" && cat "$work/big" >>"$expected"
    ended r1
    is "$failing fails on a replica: it stops" "$code" 1
    says "$failing fails on a replica: and says why" r1 "(E_IO)" 1
    no_fault
    : >"$work/log/r1"
    append_known "while the replica was down" || bad "the primary goes on without it"
    replica
    wait_in_step p1 r1
    holds "$failing fails on a replica: it catches up" r1 "$expected"
done
stop r1 || bad "the replica stops"
stop p1 || bad "the primary stops"
sealift verify "$work/data-r1" --no-key --against "$work/data-p1" >>"$work/log/verify" 2>&1 \
    && ok "the valid bytes are the primary's" || bad "the valid bytes are the primary's"
conclude
