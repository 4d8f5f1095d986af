#!/usr/bin/env bash
# A real database's write-ahead log crosses regions and comes back byte for byte.
#
# A PostgreSQL 15 server under pgbench archives its WAL segment files; they are appended to a primary
# and shipped to replicas in two regions; read back there, they are the same files, and pg_waldump
# reads the copies. `./run demo --input postgres` shows the same.
source "$(dirname "$0")/lib.sh"
pg=$(ls -d /usr/lib/postgresql/15/bin 2>/dev/null || true)
[ -n "$pg" ] || { echo "skipped: no PostgreSQL 15"; exit 77; }
need_tools python3 od cmp split runuser
if [ "$(id -u)" = 0 ]; then as_pg() { runuser -u postgres -- "$@"; }; owner=postgres
else as_pg() { "$@"; }; owner=$(id -un); fi

pg_home=$work/pg
mkdir "$pg_home" "$pg_home/archive"
chmod 755 "$work"
chown -R "$owner" "$pg_home"
pg_stop() { as_pg "$pg/pg_ctl" -D "$pg_home/data" -m immediate stop >/dev/null 2>&1 || true; }
trap 'pg_stop; finish' EXIT

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 r2
start_primary p1 --create --storage-encrypted --engine postgres
start_replica r1 p1
start_replica r2 p1 --kms-key-id alias/aws/rds
wait_in_step p1 r1 r2

as_pg "$pg/initdb" -D "$pg_home/data" -A trust >"$work/log/initdb" 2>&1
as_pg tee -a "$pg_home/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$pg_home'
archive_mode = on
archive_command = 'cp %p $pg_home/archive/%f.part && mv $pg_home/archive/%f.part $pg_home/archive/%f'
CONF
as_pg "$pg/pg_ctl" -D "$pg_home/data" -l "$pg_home/log" -w start >/dev/null
psql_() { as_pg "$pg/psql" -qAt -h "$pg_home" -d postgres -c "$1"; }
as_pg "$pg/pgbench" -h "$pg_home" -i -s 5 -q postgres >"$work/log/pgbench" 2>&1
as_pg "$pg/pgbench" -h "$pg_home" -c 4 -T 5 postgres >>"$work/log/pgbench" 2>&1 && ok "pgbench ran"
last=$(psql_ "select pg_walfile_name(pg_switch_wal())")
for _ in $(seq 300); do [ -e "$pg_home/archive/$last" ] && break; sleep 0.1; done
[ -e "$pg_home/archive/$last" ] || die "the server archived its last segment" "$last"
pg_stop

segments=("$pg_home"/archive/0*)
append_to p1 -q --raw 262144 --durability region:1 "${segments[@]}" \
    && ok "${#segments[@]} WAL segment files are appended, on disk in another region"
wait_in_step p1 r1 r2
for name in r1 r2; do
    wait_status "$name" visible_lsn "$(status p1 committed_lsn)"
    mkdir "$work/copy-$name"
    tail_from "$name" --raw | split -b 16777216 -d -a 4 - "$work/copy-$name/"
    n=0
    same=yes
    for segment in "${segments[@]}"; do
        copy=$work/copy-$name/$(basename "$segment")
        mv "$work/copy-$name/$(printf %04d $n)" "$copy"
        cmp -s "$segment" "$copy" || same=no
        n=$((n + 1))
    done
    is "$name gives the same files, byte for byte" "$same" yes
    records=$("$pg/pg_waldump" "$work/copy-$name/$(basename "${segments[0]}")" 2>/dev/null | wc -l || true)
    [ "$records" -gt 100 ] && ok "pg_waldump reads $records records of $name's first copy" \
        || bad "pg_waldump reads $name's copy" "$records records"
done
conclude
