#!/usr/bin/env bash
# Old segments go, by bytes, and the WAL begins where they ended: over kill -9, for readers, for
# verify. A replica that is away within its bound finds what it needs; one that was away too long is
# lost, says so, and says what to do. At 95 % of a file system no append is taken; with space again
# they go on without a restart.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 us-east-1 replica
issue r3 us-east-1 replica
plan p1 r1 r2 r3

# number FIRST LAST: so many lines of about 2 KB.
append_lines()
{
    seq -f "line %06.0f $(printf 'x%.0s' $(seq 2000))" "$1" "$2" >"$work/lines"
    append_to p1 -q "$work/lines" 2>"$work/said"
}
primary()
{
    start_primary p1 --no-storage-encrypted --segment-bytes 1M --retain-bytes 3M --pin-bytes 10M "$@"
}
# pin MEMBER FIELD: of the primary's row for that replica.
pin()
{
    sealift status --pki "$work/pki" --json "127.0.0.1:${port[p1]}" | python3 -c "
import json, sys
for pin in json.load(sys.stdin)['members'][0]['pins']:
    if pin['member'] == '$1':
        print(pin['$2'])"
}
wait_pin()
{
    local i
    for i in $(seq $((200 * slower))); do
        [ "$(pin "$1" "$2")" = "$3" ] && { ok "the pin of $1: $2 is $3"; return; }
        sleep 0.1
    done
    bad "the pin of $1: $2 becomes $3" "is '$(pin "$1" "$2")'"
}
wait_first()
{
    local i
    for i in $(seq $((200 * slower))); do
        [ "$(status p1 first_segment)" -ge "$1" ] && return
        sleep 0.1
    done
    die "the first segment becomes $1 or higher" "is $(status p1 first_segment)"
}

settle_first() # deletions go on until what is kept is within its bound
{
    local before=none
    until [ "$before" = "$(status p1 first_lsn)" ]; do
        before=$(status p1 first_lsn)
        sleep $((2 * slower))
    done
}

primary --create
start_replica r1 p1 --segment-bytes 1M
start_replica r2 p1 --segment-bytes 1M
append_lines 1 4000 || die "appends" "$(cat "$work/said")"
wait_in_step p1 r1 r2
wait_first 2
ok "old segments are deleted"
[ ! -e "$work/data-p1/wal/00000000000000000000.seg" ] && ok "the file is gone" || bad "the file is gone"
is "a replica that was told nothing keeps everything" "$(status r1 first_segment)" 0

first=$(status p1 first_segment)
kill9 p1
sealift verify "$work/data-p1" --no-key >"$work/verify" 2>&1 && ok "the folder verifies from outside" \
    || bad "the folder verifies from outside" "$(cat "$work/verify")"
primary
is "it begins there after kill -9, too" "$(status p1 first_segment)" "$first"
wait_in_step p1 r1 r2
sealift verify --pki "$work/pki" "127.0.0.1:${port[p1]}" --against "127.0.0.1:${port[r1]}" \
    >"$work/verify" 2>&1 && ok "it verifies, and agrees with a copy that has more" \
    || bad "it verifies, and agrees with a copy that has more" "$(cat "$work/verify")"
refused "a reader of what is not kept" E_NOT_KEPT tail_from p1 --since 2
settle_first
lsn=$(status p1 first_lsn)
refused "and is told the first LSN" "Here are LSN $lsn to" tail_from p1 --since 2
tail_from r1 --since 2 --count 1 | grep -q "line 000002" && ok "the replica still has it" \
    || bad "the replica still has it"

# ---- away within the bound ----
stop r2 || bad "r2 stops"
append_lines 4001 6500 || bad "appends" "$(cat "$work/said")"
wait_pin r2 connected False
is "it is held" "$(pin r2 state)" held
start_replica r2 p1 --segment-bytes 1M
wait_in_step p1 r2
ok "a replica that was away within its bound finds what it needs"

# ---- away too long ----
stop r2 || bad "r2 stops"
append_lines 6501 11500 || bad "appends" "$(cat "$work/said")"
wait_pin r2 state lost
sealift status --pki "$work/pki" "127.0.0.1:${port[p1]}" | grep -q "!!.*r2.*lost *(away)" \
    && ok "status shows it" || bad "status shows it"
start_replica r2 p1 --segment-bytes 1M
wait_status r2 state lost
case $(status r2 notice) in
    *"Retention has let go"*"mv DATA DATA.lost"*) ok "the replica is lost, and says what to do" ;;
    *) bad "the replica is lost, and says what to do" "$(status r2 notice)" ;;
esac
tail_from r2 --since 2 --count 1 | grep -q "line 000002" && ok "it still serves readers" \
    || bad "it still serves readers"
stop r2 || bad "a lost replica stops"
says "its last words say it again" r2 "This replica is lost: p1 says: Retention has let go" 2
start r3 "$bin/sealift-replica" $(member_words r3) --upstream "127.0.0.1:${port[p1]}"
ended r3
is "an empty replica that cannot be fed from the beginning ends" "$code" 1
says "and says why" r3 "an upstream that still has segment 0" 2
start_replica r3 r1 --segment-bytes 1M
wait_in_step p1 r3
ok "an upstream that has everything feeds it"
stop r3 && stop r1 && stop p1 || bad "all stop"

# ---- 95 % ----
if [ "$(id -u)" != 0 ] || ! need_tools mkfs.ext4 || ! small_disk "$work/disk" 64; then
    echo "SKIP: a small disk needs root and a loop device"
    conclude
    exit
fi
rm -rf "$work/coordinator"
lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
issue p2 us-east-1 primary
port[p1]=$(free_port)
mkdir "$work/disk/data"
ln -s "$work/disk/data" "$work/data-p2"
port[p2]=${port[p1]}
start_primary p2 --no-storage-encrypted --segment-bytes 1M --create
append_lines 1 100 || bad "appends on a small disk" "$(cat "$work/said")"
free=$(df --output=avail -k "$work/disk" | tail -n 1)
size=$(df --output=size -k "$work/disk" | tail -n 1)
dd if=/dev/zero of="$work/disk/filler" bs=1K count=$((free - size * 4 / 100)) status=none
wait_status p2 state disk-full
refused "an append at 96 %" E_DISK_FULL append_to p1 -q <<<"refused"
tail_from p1 --count 100 | tail -n 1 | grep -q "line 000100" && ok "reads go on" || bad "reads go on"
says "it says how full it is" p2 "space level=full"
rm "$work/disk/filler"
wait_status p2 state serving
append_lines 101 200 && ok "with space again it takes appends, without a restart" \
    || bad "with space again it takes appends" "$(cat "$work/said")"
stop p2 || bad "p2 stops"
conclude
