#!/usr/bin/env bash
# A disk rots, loses files, loses headers; another member makes it whole again.
#
# A primary and a replica in another region. While they run, bytes of old segments change on both
# disks: the scrub finds them, they are fetched from the other side, and readers are served. Then
# files go while a member is down: it starts, is repaired, and serves. Then the same batch is bad on
# both: both wait, and name it, until one of them gets its file back by hand.
source "$(dirname "$0")/lib.sh"
need_tools python3

change() { python3 -c "
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2])); byte = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([byte ^ 1]))" "$@"; }
segment() { printf '%s/data-%s/wal/%020d.seg' "$work" "$1" "$2"; }
verify_folders() # WHAT
{
    sealift verify --pki "$work/pki" "127.0.0.1:${port[p1]}" --against "127.0.0.1:${port[r1]}" \
        >>"$work/log/verify" 2>&1 && ok "$1: both copies verify, and are the same" \
        || bad "$1: both copies verify, and are the same" "$(tail -n 3 "$work/log/verify")"
}
lines() { tail_from "$1" | wc -l; }
scrub=(--scrub-rate 1G --scrub-gap 1s)

pki_init
issue operator us-east-1 operator any
issue p1 us-east-1 primary
issue r1 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1
primary() { start_primary p1 --segment-bytes 1M "${scrub[@]}" "$@"; }
replica() { start_replica r1 p1 "${scrub[@]}" "$@"; }
primary --create --storage-encrypted
wait_status p1 role primary
replica --kms-key-id alias/aws/rds
seq 1 100000 | sed 's/^/a line of the WAL /' | append_to p1 -q || bad "100,000 lines are appended"
wait_in_step p1 r1

# While they serve: one byte in a batch, one in a header, and a file.
# How far a segment's batches reach depends on how busy the machine is; its first data batch begins
# at 8192, behind header and checkpoint.
change "$(segment r1 1)" 9000
change "$(segment p1 2)" 9100
wait_status r1 repaired_segments 1
wait_status p1 repaired_segments 1
ok "a changed byte on each disk was found by the scrub and repaired from the other"
change "$(segment r1 0)" 100
rm "$(segment p1 3)"
wait_status r1 repaired_segments 2
wait_status p1 repaired_segments 2
ok "a header, and a file that was deleted, too"
verify_folders "after that"
is "readers of the replica get everything" "$(lines r1)" 100000
is "readers of the primary get everything" "$(lines p1)" 100000
is "nothing is outstanding" "$(status p1 outstanding_segments)$(status r1 outstanding_segments)" 00
[ "$(ls "$work/data-r1/quarantine" | wc -l)" = 2 ] && ok "the damaged files are kept in quarantine" \
    || bad "the damaged files are kept in quarantine" "$(ls "$work/data-r1/quarantine")"
sealift status --pki "$work/pki" "127.0.0.1:${port[r1]}" >"$work/log/status" 2>&1
grep -q "damaged segments found: 2, repaired: 2, outstanding: 0" "$work/log/status" \
    && ok "status says so" || bad "status says so" "$(cat "$work/log/status")"

# While it is down.
stop r1 || bad "the replica stops"
rm "$(segment r1 1)" "$(segment r1 2)"
replica
wait_status r1 state streaming
is "a replica that lost two files has them again" "$(status r1 repaired_segments)" 2
kill9 p1
newest=$(ls "$work"/data-p1/wal/*.seg | tail -1)
change "$newest" 5000
rm "$(segment p1 1)"
primary
wait_status p1 state serving
[ "$(status p1 repaired_segments)" -ge 2 ] && ok "a primary that lost one, and a byte of its newest segment, too" \
    || bad "a primary that lost one, and a byte of its newest segment, too" "$(status p1 repaired_segments)"
echo "one more" | append_to p1 -q && ok "and then it takes appends" || bad "and then it takes appends"
wait_status r1 durable_lsn 100001
verify_folders "after the restarts"

# The same on both.
stop p1 || bad "the primary stops"
stop r1 || bad "the replica stops"
newest=$(basename "$(ls "$work"/data-p1/wal/*.seg | tail -1)")
cp "$work/data-r1/wal/$newest" "$work/good"
change "$work/data-p1/wal/$newest" 5000
change "$work/data-r1/wal/$newest" 5000
primary
replica
wait_status p1 state repairing
wait_status r1 state repairing
for i in $(seq $((200 * slower))); do
    [[ $(status p1 repair) == *"r1: not readable there either"* ]] && break
    sleep 0.1
done
[[ $(status p1 repair) == "segment $((10#${newest%.seg})) lacks batch "*"r1: not readable there either"* ]] \
    && ok "the same batch is bad on both: the primary waits, names it, and says who was asked" \
    || bad "the primary names what is lost" "$(status p1 repair)"
stop r1 || bad "the replica stops"
cp "$work/good" "$work/data-r1/wal/$newest"
replica
wait_status p1 state serving
wait_status r1 state streaming
wait_in_step p1 r1
is "one good copy comes back by hand: nothing is lost" "$(lines p1)" 100001
verify_folders "in the end"
for name in p1 r1; do stop $name || bad "$name stops"; done
conclude
