#!/usr/bin/env bash
# A full disk: the primary refuses by name, nothing that was acknowledged is lost, reads and links
# go on, and space that returns is service that returns, without a restart. A replica whose disk is
# full waits, and its primary goes on without it. The folder may also be read-only.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od mkfs.ext4
[ "$(id -u)" = 0 ] || { echo "SKIP: a small disk needs root to mount it"; exit 77; }
small_disk "$work/disk-p1" 40 || { echo "SKIP: no loop device for a small disk"; exit 77; }
small_disk "$work/disk-r1" 40 || { echo "SKIP: no loop device for a small disk"; exit 77; }
ln -s "$work/disk-p1/data" "$work/data-p1"
ln -s "$work/disk-r1/data" "$work/data-r1"
mkdir "$work/disk-p1/data" "$work/disk-r1/data"

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
plan p1 r1

expected=$work/expected
: >"$expected"
primary() { start_primary p1 --no-storage-encrypted --segment-bytes 2M "$@"; }
replica() { start_replica r1 p1 --segment-bytes 2M; }

# append_lines FIRST LAST: notes what was acknowledged; what was said is in $said.
append_lines()
{
    local acked code=0
    seq -f "line %06.0f $(printf 'x%.0s' $(seq 2000))" "$1" "$2" >"$work/lines"
    append_to p1 --json "$work/lines" >"$work/report" 2>"$work/said" || code=$?
    said=$(cat "$work/said")
    acked=$(sed -n 's/.*"records": \([0-9]*\).*/\1/p' "$work/report")
    head -n "${acked:-0}" "$work/lines" >>"$expected"
    return $code
}

primary --create
replica
append_lines 1 500 || bad "appends while there is space" "$said"
wait_in_step p1 r1

# ---- the replica's disk is full: the primary does not care ----
fill "$work/disk-r1"
append_lines 1001 4500 && ok "the primary goes on while a replica's disk is full" \
    || bad "the primary goes on while a replica's disk is full" "$said"
says "the replica says what it waits for" r1 "disk.waiting text=\"the disk is full"
is "its state says so, too" "$(status r1 state)" disk-full
is_running r1 && ok "it runs on" || bad "it runs on"
tail_from r1 --count 500 | cmp -s - <(head -n 500 "$expected") && ok "and serves readers" \
    || bad "and serves readers"
rm "$work/disk-r1/filler"
wait_in_step p1 r1
holds "with space again it catches up, without a restart" r1 "$expected"
says "and says that, too" r1 "there is space again"
is "its state is as before" "$(status r1 state)" streaming

# ---- the primary's disk is full ----
fill "$work/disk-p1"
for i in $(seq 200 270); do # what the spares still hold is taken; then it refuses
    append_lines $((i * 1000)) $((i * 1000 + 249)) || break
done
case $said in
    *"disk of primary p1 is full"*"nothing was appended"*E_DISK_FULL*) ok "an append is refused by name (E_DISK_FULL)" ;;
    *) bad "an append is refused by name" "$said" ;;
esac
refused "and the next one" E_DISK_FULL append_to p1 -q <<<"refused"
is_running p1 && ok "the primary runs on" || bad "the primary runs on" "$(tail -n 3 "$work/log/p1")"
is "its state says so" "$(status p1 state)" disk-full
holds "everything acknowledged can be read" p1 "$expected"
wait_in_step p1 r1
holds "and is on the replica" r1 "$expected"
grep -c "disk.failed" "$work/log/p1" >"$work/failed" && bad "nothing failed" "$(cat "$work/failed")" \
    || ok "nothing failed, since nothing was begun"
rm "$work/disk-p1/filler"
wait_status p1 state serving
append_lines 300001 301000 && ok "with space again it takes appends, without a restart" \
    || bad "with space again it takes appends, without a restart" "$said"
wait_in_step p1 r1
holds "every acknowledged line is there" p1 "$expected"

# ---- killed and started on a full disk ----
fill "$work/disk-p1"
kill9 p1
start p1 "$bin/sealift-primary" $(member_words p1) --no-storage-encrypted --segment-bytes 2M \
    --coordinator "file:$work/coordinator"
sleep 1
is_running p1 && ok "it starts on a full disk, or waits" || bad "it starts on a full disk, or waits" \
    "$(tail -n 3 "$work/log/p1")"
rm "$work/disk-p1/filler"
wait_status p1 state serving
holds "and has every line" p1 "$expected"
append_lines 400001 400100 || bad "and takes appends" "$said"

# ---- stopped while it waits for space ----
fill "$work/disk-r1"
append_lines 410001 413500 || bad "appends without the replica" "$said"
says "the replica waits for space" r1 "disk.waiting"
kill -TERM "$(pid_of r1)"
ended r1 5
case $code in # by whether it could still write its last mark
    0) ok "a replica that waits for space stops when asked" ;;
    *) says "a replica that waits for space stops when asked, and says why" r1 "(E_DISK_FULL)" 1 ;;
esac
rm "$work/disk-r1/filler"
replica
wait_in_step p1 r1
holds "and catches up when started again" r1 "$expected"

# ---- read-only ----
stop p1 || bad "the primary stops"
mount -o remount,ro "$work/disk-p1"
refused "a read-only folder" "data folder $work/data-p1: cannot open lock: Read-only file system (E_READ_ONLY)" \
    "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator"
mount -o remount,rw "$work/disk-p1"
primary
wait_in_step p1 r1
holds "nothing is lost" p1 "$expected"
conclude
