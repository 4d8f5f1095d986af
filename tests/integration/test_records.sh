#!/usr/bin/env bash
# Records that cannot be: too large, empty, cut short. Each is refused by name with its number; what
# came before it is there, and nothing of it or behind it.
source "$(dirname "$0")/lib.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
plan p1
start_primary p1 --create --no-storage-encrypted

# Sizes: the largest record there may be, and one byte more.
python3 - "$work" <<'PY'
import struct, sys
largest = 8 << 20
def frame(data): return struct.pack("<I", len(data)) + data
def write(name, *parts): open(f"{sys.argv[1]}/{name}", "wb").write(b"".join(parts))
write("largest.lines", b"one\n", b"x" * largest, b"\nthree\n")
write("larger.lines", b"one\n", b"x" * (largest + 1), b"\nthree\n")
write("endless.lines", b"one\n", b"x" * (3 * largest))
write("largest.frames", frame(b"one"), frame(b"x" * largest), frame(b"three"))
write("larger.frames", frame(b"one"), struct.pack("<I", largest + 1), b"x" * (largest + 1), frame(b"three"))
write("giant.frames", frame(b"one"), struct.pack("<I", 2**32 - 1), b"x" * 100)
write("empty.frames", frame(b"one"), frame(b""), frame(b"three"))
write("cut-body.frames", frame(b"one"), frame(b"two"), struct.pack("<I", 5), b"thr")
write("cut-length.frames", frame(b"one"), frame(b"two"), b"\5\0")
write("empty.lines", b"\n\none\n\n\ntwo\n\n")
write("no-newline.lines", b"one\ntwo")
write("raw", b"x" * (2 * largest + 5))
write("nothing")
PY

# appended WHAT RECORDS OPTIONS...: all is well, and so many more are there.
lsn=0
appended()
{
    local what=$1 count=$2
    shift 2
    append_to p1 -q "$@" || bad "$what" "exit code $?"
    lsn=$((lsn + count))
    is "$what" "$(status p1 durable_lsn)" "$lsn"
}
# stopped WHAT TEXT RECORDS OPTIONS...: refused with TEXT; so many records before it are there.
stopped()
{
    local what=$1 text=$2 count=$3
    shift 3
    refused "$what" "$text" append_to p1 --json "$@"
    lsn=$((lsn + count))
    is "$what: what came before it is there, and nothing else" "$(status p1 durable_lsn)" "$lsn"
}

appended "a line of 8 MiB" 3 "$work/largest.lines"
appended "a frame of 8 MiB" 3 --frames "$work/largest.frames"
appended "raw records of 8 MiB, and what is left" 3 --raw $((8 << 20)) "$work/raw"
appended "empty lines are no records" 2 "$work/empty.lines"
appended "a last line without its end" 2 "$work/no-newline.lines"
appended "no input at all" 0 "$work/nothing"
appended "no frames at all" 0 --frames "$work/nothing"
stopped "a line that is too large" "record 2: the record is larger than 8 MiB (E_RECORD_TOO_LARGE)" 1 "$work/larger.lines"
stopped "a line without an end" "record 2: the record is larger than 8 MiB (E_RECORD_TOO_LARGE)" 1 "$work/endless.lines"
stopped "a frame that is too large" "(E_RECORD_TOO_LARGE)" 1 --frames "$work/larger.frames"
stopped "a frame of 4 GiB" "(E_RECORD_TOO_LARGE)" 1 --frames "$work/giant.frames"
stopped "an empty frame" "record 2: a record must have at least one byte (E_EMPTY)" 1 --frames "$work/empty.frames"
stopped "a frame cut in its body" "record 3: the bytes end too early (E_TRUNCATED)" 2 --frames "$work/cut-body.frames"
stopped "a frame cut in its length" "record 3: the bytes end too early (E_TRUNCATED)" 2 --frames "$work/cut-length.frames"
stopped "a file that is not there" "No such file" 0 "$work/none"
stopped "a folder" "$work: Is a directory" 0 "$work"
[[ $(printf '\n\n' | append_to p1) == "2 empty lines left out" ]] && ok "who leaves lines out says so" \
    || bad "who leaves lines out says so"
for size in 0 -1 x 5x 8388609; do
    stopped "--raw $size" "--raw takes 1 to 8388608" 0 --raw "$size" "$work/raw"
done

refused "a mistake is said in the command's name" "sealift append: option '--to' requires an argument" "$bin/sealift" append --to
refused "inspecting a folder" "ask 'sealift verify' about all of it" "$bin/sealift" inspect "$work/data-p1"

# An append that is interrupted while nobody answers ends, and says what it does not know.
kill9 p1
start append timeout 20 "$bin/sealift" append --pki "$work/pki" --to "127.0.0.1:${port[p1]}" "$work/no-newline.lines"
sleep 2
code=0
stop append || code=$?
[ "$code" != 124 ] && [ "$code" != 0 ] && ok "an append that is interrupted ends (exit code $code)" \
    || bad "an append that is interrupted ends" "exit code $code"
grep -q "waiting for 127.0.0.1:${port[p1]}: nobody answers" "$work/log/append" && ok "and has said whom it cannot reach" \
    || bad "and has said whom it cannot reach" "$(cat "$work/log/append")"
grep -q "interrupted" "$work/log/append" && ok "and says so" || bad "and says so" "$(cat "$work/log/append")"
start_primary p1
wait_status p1 visible_lsn "$lsn"
is "after kill -9 every record is there" "$(tail_from p1 --since $((lsn - 1)) | tr '\n' ' ')" "one two "
conclude
