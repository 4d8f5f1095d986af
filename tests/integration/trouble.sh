# What the tests of bad input share, beside lib.sh: a disk that fails, a disk that is small, a clock
# that jumps, and what a member says when it gives up. Source it after lib.sh.

lib=$bin/../lib

# ---- a disk that fails (tests/support/preload/fail_sync.c) ----

# faulty COMMAND...: what it starts has a disk that obeys `fault`.
faulty()
{
    local LD_PRELOAD=$lib/fail_sync.so FAIL_SYNC_ORDER=$work/fault
    local ASAN_OPTIONS=verify_asan_link_order=0
    export LD_PRELOAD FAIL_SYNC_ORDER ASAN_OPTIONS
    "$@"
}

# fault CALL PATH HOW: from now on; `no_fault` ends it. Written whole, since daemons look all the time.
fault()
{
    echo "$@" >"$work/fault.new"
    mv "$work/fault.new" "$work/fault"
}
no_fault() { rm -f "$work/fault"; }

# ---- a clock that jumps (tests/support/preload/shift_clock.c) ----

# shifty WHO COMMAND...: what it starts has the clock that `jump WHO SECONDS` sets.
shifty()
{
    local LD_PRELOAD=$lib/shift_clock.so SHIFT_CLOCK_ORDER=$work/clock-$1
    shift
    local ASAN_OPTIONS=verify_asan_link_order=0
    export LD_PRELOAD SHIFT_CLOCK_ORDER ASAN_OPTIONS
    "$@"
}
jump()
{
    echo "$2" >"$work/clock-$1.new"
    mv "$work/clock-$1.new" "$work/clock-$1"
}

# ---- a small disk ----

mounts=()

# small_disk FOLDER MIB: an ext4 file system of its own; false where this machine cannot have one.
small_disk()
{
    truncate -s "$2M" "$1.image"
    mkfs.ext4 -q -m 0 "$1.image" >/dev/null 2>&1 || return 1
    mkdir -p "$1"
    mount -o loop "$1.image" "$1" 2>/dev/null || return 1
    mounts+=("$1")
}

# fill FOLDER: every byte that the file system gives.
fill()
{
    dd if=/dev/zero of="$1/filler" bs=64K oflag=append conv=notrunc status=none 2>/dev/null || true
    dd if=/dev/zero of="$1/filler" bs=1K oflag=append conv=notrunc status=none 2>/dev/null || true
}

unmount_all()
{
    local folder
    for folder in ${mounts[@]+"${mounts[@]}"}; do
        umount "$folder" 2>/dev/null || umount -l "$folder" 2>/dev/null || true
    done
}
before_removal=unmount_all

# ---- how a member gives up ----

# ended NAME [SECONDS]: waits for a process to end by itself; its exit code is in $code.
ended()
{
    local i pid
    pid=$(pid_of "$1")
    for i in $(seq $((${2:-15} * 10))); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$pid" 2>/dev/null; then
        code=running
        return
    fi
    code=0
    wait "$pid" || code=$?
    rm -f "$work/pid/$1"
}

# says WHAT NAME TEXT [SECONDS]: a line of the process has the text.
says()
{
    local i
    for i in $(seq $((${4:-10} * 10))); do
        if grep -qF -- "$3" "$work/log/$2"; then
            ok "$1 ($3)"
            return
        fi
        sleep 0.1
    done
    bad "$1" "does not say '$3': $(tail -n 3 "$work/log/$2")"
}

# holds WHAT NAME FILE: the member gives every line of the file, in order. Between them there may be
# others: what was never acknowledged is allowed to be there.
holds()
{
    local i durable
    for i in $(seq $((300 * slower))); do # right after a start it knows of nothing, then is behind
        durable=$(status "$2" durable_lsn)
        [ "${durable:-0}" != 0 ] && [ "$(status "$2" visible_lsn)" = "$durable" ] && break
        sleep 0.1
    done
    tail_from "$2" >"$work/read" 2>>"$work/log/tail" || true
    if python3 - "$3" "$work/read" <<'PY'
import sys
read = iter(open(sys.argv[2]))
missing = [line for line in open(sys.argv[1]) if line not in read]
sys.exit(f"{len(missing)} missing, first {missing[0][:60]!r}" if missing else 0)
PY
    then
        ok "$1"
    else
        bad "$1" "of $(wc -l <"$3") acknowledged lines"
    fi
}
