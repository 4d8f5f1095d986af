#!/usr/bin/env bash
# Where are keys while the programs run? In locked memory, never in a core dump, once, wiped after
# use, and in no argument, environment, trace or error text. docs/THREATS.md names each promise and
# its place here.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od curl setpriv prlimit unshare openssl
[ "$(id -u)" = 0 ] || { echo "skipped: other processes' memory is root's to read"; exit 77; }
if [ "$slower" != 1 ]; then echo "skipped: a sanitizer's memory is not locked"; exit 77; fi

here=$(dirname "$0")
region=us-east-1
hex() { od -An -tx1 -v | tr -d ' \n'; }
base64_of() { python3 -c 'import base64, sys; print(base64.b64encode(bytes.fromhex(sys.argv[1])).decode(), end="")' "$1"; }
of() { python3 "$here/memory_of.py" "$(pid_of "$1")" "${@:2}" 2>>"$work/log/memory"; }

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 eu-west-1 replica
start_keyd eu-west-1
start_keyd us-east-1
plan p1 r1 r2 p2
start_primary p1 --create --storage-encrypted --segment-bytes 1M
wait_status p1 state serving
start_replica r1 p1 --segment-bytes 1M
start_replica r2 p1 --segment-bytes 1M --kms-key-id alias/aws/rds
append_to p1 -q <<<"one"
wait_in_step p1 r1 r2
service=us-east-1=https://127.0.0.1:${kms_port[us-east-1]}
keys_of() { "$bin/keys_of_folder" "$work/data-p1" "$service" "$work/pki/ca.crt" | sed -n "s/^$1 //p"; }

# ---- memory is locked ----
everybody="p1 r1 r2 kms-us-east-1 kms-eu-west-1"
for name in $everybody; do
    is "$name: all of its memory is locked" "$(of "$name" unlocked)" 0
done

# ---- what memory holds ----
dek=$(keys_of dek)
first=$(keys_of segment)
root=$(cat "$work/kms-us-east-1/root.key")
# finds NAME WHAT KEY WANTED: how often, how often where it may be swapped, or dumped.
finds() { is "$1: $2" "$(of "$1" find "$3")" "$4"; }
for name in p1 r1 r2; do
    finds "$name" "its data key is there once, locked, in no dump" "$dek" "1 0 0"
    finds "$name" "not as text" "$(base64_of "$dek" | hex)" "0 0 0"
done
finds p1 "the key of the segment in use is there (so the search finds it)" "$first" "1 0 1"
append_to p1 -q --raw 100000 <(head -c 3000000 /dev/urandom)
wait_in_step p1 r1 r2
[ "$(keys_of segment | sort -u | wc -l)" -gt 2 ] || die "there are several segments"
for name in p1 r1 r2; do
    finds "$name" "the key of a segment that is closed is gone" "$first" "0 0 0"
done
finds kms-us-east-1 "its root key is there once, locked, in no dump" "$root" "1 0 0"
finds kms-us-east-1 "not as text" "$(printf %s "$root" | hex)" "0 0 0"
for name in kms-us-east-1 kms-eu-west-1; do
    finds "$name" "a data key that it has opened or made is gone" "$dek" "0 0 0"
    finds "$name" "its text too" "$(base64_of "$dek" | hex)" "0 0 0"
done

# Over a connection that is still there.
marker=marker-$RANDOM-$RANDOM-$RANDOM
mkfifo "$work/hold"
python3 "$here/kept_alive.py" "${kms_port[us-east-1]}" "$work/pki/ca.crt" us-east-1 "$marker" \
    <"$work/hold" >"$work/made" 2>>"$work/log/kept_alive" &
echo $! >"$work/pid/kept_alive"
exec 7>"$work/hold"
for i in $(seq 100); do [ -s "$work/made" ] && break; sleep 0.1; done
made=$(cat "$work/made")
[ -n "$made" ] || die "a connection over which keys pass" "$(cat "$work/log/kept_alive")"
finds kept_alive "the other end has what passed (so the search finds it)" "$(printf %s "$marker" | hex)" \
    "$(of kept_alive find "$(printf %s "$marker" | hex)")"
for text in "$(printf %s "$marker" | hex)" "$(printf %s "$marker" | base64 -w0 | hex)" "$made" "$(base64_of "$made" | hex)"; do
    finds kms-us-east-1 "what passed a connection that is still there is gone" "$text" "0 0 0"
done
is "that connection is still there" "$(is_running kept_alive && echo yes)" yes
exec 7>&-

# ---- no core dumps, and nobody looks ----
for name in $everybody; do
    is "$name: its core limit" "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$(pid_of "$name")/limits")" "0 0"
done
kill -STOP "$(pid_of kms-us-east-1)" # so that whoever asks it waits, keys and all
start verify "$bin/sealift" verify "$work/data-p1" --key-service "$service" --key-service-ca "$work/pki/ca.crt"
for i in $(seq 50); do [ "$(of verify unlocked)" != 0 ] || break; sleep 0.1; done
is "sealift verify: all of its memory is locked" "$(of verify unlocked)" 0
is "sealift verify: its core limit" "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$(pid_of verify)/limits")" "0 0"
kill9 verify
kill -CONT "$(pid_of kms-us-east-1)"

mkdir "$work/cores"
keyd_words() { echo "$1/sealift-keyd" --create --data "$2/data" --region us-east-1 --listen 127.0.0.1:0 --metrics 127.0.0.1:0 \
    --cert "$2/k.crt" --key "$2/k.key"; }
# place NAME USER: a folder for a key service of that user's.
place()
{
    mkdir "$work/$1"
    cp "$work/pki/kms-us-east-1.crt" "$work/$1/k.crt"
    cp "$work/pki/kms-us-east-1.key" "$work/$1/k.key"
    chown -R "$2:$2" "$work/$1"
}
place dumper 0
if [ "$(python3 "$here/core_of.py" "$work/cores" sh -c 'echo listen; exec sleep 60' 2>/dev/null)" = dumped ]; then
    is "an aborted key service leaves no core, whatever the limit" \
        "$(python3 "$here/core_of.py" "$work/cores" $(keyd_words "$(realpath "$bin")" "$work/dumper"))" none
else
    echo "note: this machine dumps no cores at all"
fi
rm -rf "$work/cores"

# ---- where memory cannot be locked ----
printf 'Filename\tType\tSize\tUsed\tPriority\n' >"$work/no-swap"
{ cat "$work/no-swap"; printf '/swapfile file 1048572 0 -2\n'; } >"$work/swap"
mkdir "$work/programs"
cp "$bin/sealift" "$bin"/sealift-keyd "$bin"/sealift-primary "$bin"/sealift-replica "$work/programs"
chmod -R a+rX "$work/programs"
chmod 711 "$work"
# in_world SWAPS USER LIMIT COMMAND...: becomes COMMAND on a machine with these swaps, of a user without
# CAP_IPC_LOCK: in a shell of its own.
in_world()
{
    local swaps=$1 user=$2 most=$3
    shift 3
    # shellcheck disable=SC2016 # the other shell's
    exec unshare -m sh -c 'mount --bind "$1" /proc/swaps && shift && exec "$@"' sh "$work/$swaps" \
        prlimit "--memlock=$most:$most" setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock \
        --reuid "$user" --regid "$user" --clear-groups "$@"
}
place nobody 65534
rm -f "$work/none"
member_of() { echo "$work/programs/sealift-$1" --data "$work/none" --listen 127.0.0.1:0 $(tls_of "$2") $(key_services); }
# So small that nothing fits, and so large that only what comes later would not.
large=$(ulimit -Hl)
if [ "$large" = unlimited ]; then large=4000000000; else large=$((large * 1024)); fi
for user in 0 65534; do
    for most in 65536 "$large"; do
        for program in "$(keyd_words "$work/programs" "$work/nobody")" \
            "$(member_of primary p1) --create --storage-encrypted --coordinator file:$work/none2" \
            "$(member_of replica r1) --upstream 127.0.0.1:1"; do
            code=0
            # shellcheck disable=SC2086 # words
            said=$(in_world swap $user $most timeout 20 $program 2>&1) || code=$?
            name="$(basename "${program%% *}") of user $user with a limit of $most, on a machine with swap"
            is "$name: exit code" "$code" 1
            [[ $said == *"cannot lock memory"*"ulimit -l unlimited, LimitMEMLOCK=infinity"*"(E_USAGE)"* ]] \
                && ok "$name: refused, and says which limit" || bad "$name" "$said"
        done
    done
done
is "nothing was made" "$(ls -A "$work/nobody" | xargs) $(ls -d "$work"/none* 2>/dev/null)" "k.crt k.key "
refused "sealift verify, too" "ulimit -l unlimited" in_world swap 0 65536 timeout 20 "$bin/sealift" verify \
    "$work/data-p1" --key-service "$service" --key-service-ca "$work/pki/ca.crt"

# Without swap it starts, says so once, and in its metrics.
metrics_of()
{
    local port
    port=$(sed -n 's/.* metrics .*port=\([0-9]*\).*/\1/p' "$work/log/$1")
    curl -s "http://127.0.0.1:$port/metrics" | sed -n 's/^[a-z_]*_memory_locked //p'
}
listens() { local i; for i in $(seq 100); do grep -q ' metrics ' "$work/log/$1" && return; sleep 0.1; done; die "$1 starts" "$(cat "$work/log/$1")"; }
start nobody in_world no-swap 65534 65536 env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY $(keyd_words "$work/programs" "$work/nobody")
listens nobody
issue p2 us-east-1 primary "$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')"
start p2 in_world no-swap 0 65536 "$work/programs/sealift-primary" $(member_words p2) --create --storage-encrypted \
    --coordinator "file:$work/coordinator2" --metrics 127.0.0.1:0
listens p2
start locked $(keyd_words "$bin" "$work/dumper")
listens locked
for name in nobody p2; do
    is "$name, without swap: says it once" "$(grep -c 'lockdown.unlocked' "$work/log/$name")" 1
    is "$name: its metrics say it" "$(metrics_of "$name")" 0
done
is "one that is locked says nothing" "$(grep -c 'lockdown.unlocked' "$work/log/locked" || true)" 0
is "and 1 in its metrics" "$(metrics_of locked)" 1

# Others of the same user, who may look into each other's processes.
setpriv --reuid 65534 --regid 65534 --clear-groups sleep 60 &
echo $! >"$work/pid/sleeper"
sleep 0.2
look() { setpriv --reuid 65534 --regid 65534 --clear-groups cat "/proc/$1/environ" 2>&1 >/dev/null; }
is "another process of that user can be looked into" "$(look "$(pid_of sleeper)")" ""
[[ $(look "$(pid_of nobody)") == *"Permission denied"* ]] && ok "a key service cannot" || bad "a key service cannot"
kill9 sleeper

# ---- arguments, environments, traces, error texts ----
secret=$AWS_SECRET_ACCESS_KEY
passphrase=passphrase-$RANDOM-$RANDOM-$RANDOM
{
    for key in "$dek" $(keys_of segment) "$root" "$made" "$first"; do
        echo "$key"; echo "${key^^}"; base64_of "$key"; echo
    done
    echo "$secret"; echo "$passphrase"
    cat "$work"/pki/*.key | grep -v -e '^-----' | grep '.\{40\}'
} | sort -u >"$work/secrets"
mkdir "$work/errors"
# fails_to_start NAME COMMAND...
fails_to_start() { if limit 20 "${@:2}" >"$work/errors/$1" 2>&1; then bad "$1: does not start"; fi; }
keyd() { echo "$bin/sealift-keyd" --data "$work/kms-us-east-1" --region us-east-1 --listen 127.0.0.1:0 \
    --cert "$work/pki/kms-us-east-1.crt" --key "$work/pki/kms-us-east-1.key" "$@"; }
stop kms-us-east-1 || bad "a key service stops"
(
    umask 077
    echo "${root}0" >"$work/long"
    tr '0-9a-f' '1-9a-f0' <<<"$root" >"$work/other"
    printf '%s\n%s\n' "$passphrase" "$passphrase" >"$work/lines"
    printf '[user]\n%s\n' "$secret" >"$work/bare"
    printf '[user]\naccess_key_id = %s\nsecret_access_key = %s\n' "$AWS_ACCESS_KEY_ID" "$secret" >"$work/part"
)
fails_to_start "a-root-key-of-65-digits" $(keyd --root-key-file "$work/long")
fails_to_start "another-root-key" $(keyd --root-key-file "$work/other")
fails_to_start "a-passphrase-of-two-lines" $(keyd --create --data "$work/new" --root-passphrase-file "$work/lines")
fails_to_start "credentials-without-a-name" $(keyd --credentials "$work/bare")
fails_to_start "half-a-section" $(keyd --credentials "$work/part")
fails_to_start "another-certificates-key" "$bin/sealift-primary" $(member_words p2) --key "$work/pki/p1.key" --coordinator "file:$work/c"
fails_to_start "a-profile-that-is-none" env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_SHARED_CREDENTIALS_FILE="$work/bare" \
    "$bin/sealift-replica" --data "$work/new2" --listen 127.0.0.1:0 $(tls_of r1) $(key_services) --upstream 127.0.0.1:1
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY # ours, and none of the key service's business
start_keyd us-east-1
for name in $everybody nobody p2; do
    tr '\0' '\n' <"/proc/$(pid_of "$name")/cmdline" >"$work/errors/$name-arguments"
    tr '\0' '\n' <"/proc/$(pid_of "$name")/environ" >"$work/errors/$name-environment"
done
rm "$work/log/memory"
tells() { grep -rlF -f "$work/secrets" "$@" | xargs; }
for name in $everybody nobody p2; do grep -q "data" "$work/errors/$name-arguments" || bad "$name has arguments"; done
is "every failed start said why" "$(find "$work/errors" -name '*-*' -empty | xargs)" ""
is "the secrets that are looked for are where they belong" "$(tells "$work/credentials" "$work/kms-us-east-1/root.key" "$work/pki/p1.key" "$work/lines" | wc -w)" 4
is "none is in a trace" "$(tells "$work/log")" ""
is "none is in an argument, an environment or an error text" "$(tells "$work/errors")" ""

# ---- credentials of members that a command starts ----
start demo "$bin/sealift" demo --seconds 2 --keep "$work/demo"
for i in $(seq 300); do
    children=$(pgrep -P "$(pid_of demo)" | xargs || true)
    [ "$(wc -w <<<"$children")" -lt 6 ] || break
    sleep 0.1
done
lent=$(sed -n 's/^secret_access_key *= *//p' "$work/demo/credentials" | tail -n 1)
for child in $children; do tr '\0' '\n' <"/proc/$child/environ"; done >"$work/environments"
is "a demo's credentials are in no environment of the processes it starts" "$(grep -cF "$lent" "$work/environments")" 0
grep -q '^AWS_SHARED_CREDENTIALS_FILE=/proc/self/fd/' "$work/environments" && ok "they inherit a descriptor" \
    || bad "they inherit a descriptor" "$(cat "$work/environments")"
kill9 demo # and its children with it
conclude
