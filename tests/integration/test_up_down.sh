#!/usr/bin/env bash
# Key services of simulated regions that `sealift up` starts and `sealift down` ends: what they hold
# stays, what they print works as it stands, nobody else is ended, and what fails leaves nothing.
#
# Requests are signed by curl; the printed lines are run with the stock aws command where there is
# one. Every service is also noted in $work/pid, so that a test that fails ends it.
source "$(dirname "$0")/lib.sh"
need_tools python3 curl flock od
bin=$(realpath "$bin")
world=$work/world

note() # the processes of a folder
{
    local file
    for file in "$1"/*/keyd.pid; do
        [ ! -e "$file" ] || cut -d' ' -f1 "$file" >"$work/pid/$(basename "$1")-$(basename "$(dirname "$file")")"
    done
}
up() # DIR OPTIONS...; what it says is in out and err
{
    local dir=$1 code=0
    shift
    limit 60 "$bin/sealift" up --dir "$dir" "$@" >"$work/out" 2>"$work/log/up" || code=$?
    note "$dir"
    return $code
}
down()
{
    limit 60 "$bin/sealift" down --dir "$1" >"$work/out" 2>"$work/log/down" || return 1
    rm -f "$work/pid/$(basename "$1")"-*
}
process() { cut -d' ' -f1 "$1/$2/keyd.pid"; }
runs() { kill -0 "$1" 2>/dev/null && [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")" != Z ]; }
port_of() { sed -n "s/^$2 //p" "$1/regions"; }
set_of() { sed -n "s/^export $1='\(.*\)'$/\1/p" "$work/out"; }
expect_up() { local what=$1; shift; up "$@" && ok "$what" || die "$what" "$(cat "$work/log/up")"; }
expect_down() { local what=$1; shift; down "$@" && ok "$what" || bad "$what" "$(cat "$work/log/down")"; }

# kms DIR REGION OPERATION JSON: the answer's body
kms()
{
    curl -sS --max-time $((20 * slower)) --cacert "$1/pki/ca.crt" --aws-sigv4 "aws:amz:$2:kms" \
        --user "$id:$secret" -H 'Content-Type: application/x-amz-json-1.1' \
        -H "X-Amz-Target: TrentService.$3" -d "$4" "https://127.0.0.1:$(port_of "$1" "$2")/"
}
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# ---- up ----
expect_up "two regions come up" "$world" --regions us-east-1,eu-west-1
east=$(process "$world" us-east-1)
west=$(process "$world" eu-west-1)
is "it says where they are" "$(grep -c "^# .*-1: https://127.0.0.1:[0-9]*, started, process [0-9]*$" "$work/out")" 2
for pid in "$east" "$west"; do
    is "process $pid has a session of its own" "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
done
is "nobody else may look into the folder" "$(stat -c %a "$world" "$world/credentials" | tr '\n' ' ')" "700 600 "
id=$(set_of AWS_ACCESS_KEY_ID)
secret=$(set_of AWS_SECRET_ACCESS_KEY)
key=$(kms "$world" us-east-1 CreateKey '{}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["KeyMetadata"]["KeyId"])')
blob=$(kms "$world" us-east-1 Encrypt "{\"KeyId\":\"$key\",\"Plaintext\":\"$(printf secret | base64)\"}" | field CiphertextBlob)
opened() { kms "$world" us-east-1 Decrypt "{\"CiphertextBlob\":\"$blob\"}" | field Plaintext | base64 -d; }
is "a key of one region seals and opens" "$(opened)" secret
[[ $(kms "$world" eu-west-1 DescribeKey "{\"KeyId\":\"$key\"}") == *NotFoundException* ]] \
    && ok "and is not there in the other" || bad "and is not there in the other"

if command -v aws >/dev/null; then
    run_printed() # the settings as they stand, then what stdin says
    {
        (cat "$work/out"; cat) | env -u AWS_PROFILE AWS_SESSION_TOKEN=stale AWS_PAGER= AWS_MAX_ATTEMPTS=1 \
            AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null \
            AWS_SHARED_CREDENTIALS_FILE=/dev/null timeout $((90 * slower)) bash -eu 2>>"$work/log/aws"
    }
    is "the settings and each aws line work as they are printed" \
        "$(sed -n 's/^# \(aws .*\)/\1 --output text/p' "$work/out" | run_printed | cut -f2)" \
        "arn:aws:kms:us-east-1:000000000000:key/$key"
    if grep -q AWS_ENDPOINT_URL "$(python3 -c 'import botocore.configprovider as c; print(c.__file__)' 2>/dev/null || echo /dev/null)"; then
        is "a newer aws needs no endpoint named" \
            "$(run_printed <<<'aws kms list-keys --output text' | cut -f3)" "$key"
    fi
fi

# ---- again ----
cp "$work/out" "$work/first"
expect_up "a second time" "$world" --regions us-east-1,eu-west-1
is "it says that they run" "$(grep -c "already running" "$work/out")" 2
is "all else is the same" "$(sed 's/already running/started/' "$work/out" | diff - "$work/first")" ""
expect_up "and without naming the regions, as JSON" "$world" --json
python3 - "$work/out" "$world" "$id" "$secret" "$(port_of "$world" us-east-1)" "$(port_of "$world" eu-west-1)" <<'TEXT' \
    && ok "the JSON has endpoints, CA and credentials" || bad "the JSON has endpoints, CA and credentials" "$(cat "$work/out")"
import json, os, sys
out, world, key, secret, east, west = sys.argv[1:]
lines = open(out).read().splitlines()
assert len(lines) == 1
assert json.loads(lines[0]) == {
    "regions": {"us-east-1": {"kms": f"https://127.0.0.1:{east}"}, "eu-west-1": {"kms": f"https://127.0.0.1:{west}"}},
    "ca": os.path.realpath(world) + "/pki/ca.crt", "access_key_id": key, "secret_access_key": secret}
TEXT
is "the same processes" "$(process "$world" us-east-1) $(process "$world" eu-west-1)" "$east $west"

# ---- down, and up again ----
before=$(cat "$world/regions")
expect_down "down" "$world"
is "it says whom it ended" "$(cat "$work/out")" "us-east-1: ended (process $east)
eu-west-1: ended (process $west)"
runs "$east" || runs "$west" && bad "none of them runs" || ok "none of them runs"
expect_down "down once more" "$world"
is "there is nothing to end" "$(grep -c 'was not running' "$work/out")" 2
expect_up "up again" "$world"
is "at the same ports" "$(cat "$world/regions")" "$before"
is "the key opens what it sealed before" "$(opened)" secret

# ---- killed ----
east=$(process "$world" us-east-1)
west=$(process "$world" eu-west-1)
kill -9 "$west"
expect_up "up after one was killed" "$world"
grep -q '^# eu-west-1: .*had ended by itself, started again' "$work/out" && ok "it is noticed and started again" \
    || bad "it is noticed and started again" "$(cat "$work/out")"
is "the other is left alone" "$(process "$world" us-east-1)" "$east"
kill -9 "$(process "$world" eu-west-1)"
expect_down "down after one was killed" "$world"
is "and says so" "$(grep -c '^eu-west-1: had ended by itself' "$work/out")" 1

# ---- a stranger has the pid ----
sleep 1000 &
stranger=$!
echo "$stranger" >"$work/pid/stranger"
start_of() { sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; }
boot=$(cat /proc/sys/kernel/random/boot_id)
folder=$(stat -c %i "$world/us-east-1")
for mark in "$(($(start_of $stranger) - 1)) $boot $folder" "$(start_of $stranger) 00000000${boot:8} $folder"; do
    echo "$stranger $mark" >"$world/us-east-1/keyd.pid"
    expect_down "down where a stranger has the pid" "$world"
    is "he is not ended" "$(runs "$stranger" && echo runs; grep -c 'us-east-1: had ended' "$work/out")" "runs
1"
done
echo "$stranger" >"$world/us-east-1/keyd.pid"
refused "a pid file that says too little" "us-east-1/keyd.pid: the bytes do not have the form" "$bin/sealift" down --dir "$world"
refused "and up" "us-east-1/keyd.pid: the bytes do not have the form" "$bin/sealift" up --dir "$world"
is "he is still not ended" "$(runs "$stranger" && echo runs)" runs
rm "$world/us-east-1/keyd.pid"

# ---- a copy of the folder ----
expect_up "up" "$world"
cp -a "$world" "$work/copy"
expect_down "down of a copy" "$work/copy"
is "ends nobody" "$(runs "$(process "$world" us-east-1)" && runs "$(process "$world" eu-west-1)" && echo run)" run
note "$world"
expect_down "down of the original" "$world"

# ---- ports ----
port=$(port_of "$world" us-east-1)
start taker python3 -c "
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', $port)); s.listen(); time.sleep(1000)"
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
expect_up "up where somebody has taken the port" "$world"
grep -q "us-east-1: .*somebody else has port $port by now" "$work/out" && ok "it says so" || bad "it says so" "$(cat "$work/out")"
is "the key is there at the new one" "$([ "$(port_of "$world" us-east-1)" != "$port" ] && opened)" secret
is "the other has kept its own" "$(port_of "$world" eu-west-1)" "$(sed -n 's/^eu-west-1 //p' <<<"$before")"
kill9 taker

# ---- hanging ----
west=$(process "$world" eu-west-1)
kill -STOP "$west"
refused "up where one hangs" "eu-west-1: process $west does not answer at https" "$bin/sealift" up --dir "$world"
is "nobody has been ended" "$(runs "$west" && runs "$(process "$world" us-east-1)" && echo runs)" runs
expect_down "down where one hangs" "$world"
grep -q "eu-west-1: process $west does not end: killed" "$work/log/down" && ok "it is killed" || bad "it is killed"
runs "$west" && bad "and is gone" || ok "and is gone"

# ---- does not come up ----
chmod 644 "$world/eu-west-1/keyd.root"
up "$world" && bad "a service that does not start" || ok "a service that does not start is a failure"
is "one sentence says it" "$(grep -c '^sealift up: ' "$work/log/up")" 1
grep -q "^sealift up: eu-west-1: its key service did not start" "$work/log/up" && grep -q "keyd.root" "$work/log/up" \
    && ok "with region and log" || bad "with region and log" "$(cat "$work/log/up")"
is "nothing is left running" "$(ls "$world"/*/keyd.pid 2>/dev/null; pgrep -f "sealift-keyd .*$world")" ""
expect_up "the other alone" "$world" --regions us-east-1
east=$(process "$world" us-east-1)
up "$world" && bad "both once more" || ok "both once more is a failure"
is "who ran before goes on" "$(runs "$east" && process "$world" us-east-1)" "$east"
chmod 600 "$world/eu-west-1/keyd.root"
expect_up "one more region" "$world" --regions ap-southeast-2,eu-west-1
is "the folder has three" "$(cut -d' ' -f1 "$world/regions" | tr '\n' ' ')" "us-east-1 eu-west-1 ap-southeast-2 "
is "what was asked for is printed" "$(set_of AWS_DEFAULT_REGION)" ap-southeast-2
expect_down "down ends all three" "$world"
is "three" "$(grep -c ': ended' "$work/out")" 3

mv "$world/pki/kms-ap-southeast-2.crt" "$work/certificate"
refused "a key without its certificate" "ap-southeast-2: its key is in the folder, its certificate is not" \
    "$bin/sealift" up --dir "$world" --regions ap-southeast-2
mv "$work/certificate" "$world/pki/kms-ap-southeast-2.crt"

# A key service that never answers, and a signal meanwhile.
mkdir "$work/programs"
cp "$bin/sealift" "$work/programs/"
printf '#!/bin/sh\nexec sleep 1000\n' >"$work/programs/sealift-keyd"
chmod +x "$work/programs/sealift-keyd"
start interrupted "$work/programs/sealift" up --dir "$world" --regions us-east-1
for _ in $(seq $((100 * slower))); do [ ! -e "$world/us-east-1/keyd.pid" ] || break; sleep 0.1; done
sleeper=$(process "$world" us-east-1)
note "$world"
refused "another up meanwhile" "another 'sealift up' or 'down' is at work there" "$bin/sealift" up --dir "$world"
refused "another down meanwhile" "another 'sealift up' or 'down' is at work there" "$bin/sealift" down --dir "$world"
stop interrupted && bad "interrupted" "exit code 0" || ok "up that is interrupted fails"
grep -q "us-east-1: interrupted" "$work/log/interrupted" && ok "and says so" || bad "and says so"
runs "$sleeper" && bad "and leaves nothing" || ok "and leaves nothing"

# ---- what is refused ----
says() { local text=$1; shift; refused "$*" "$text" "$bin/sealift" "$@"; }
new=$work/new
says "is no region" up --dir "$new" --regions us-east-1,
says "'US-EAST-1' is no region" up --dir "$new" --regions US-EAST-1
says "'../us-east-1' is no region" up --dir "$new" --regions ../us-east-1
says "'pki' is no region" up --dir "$new" --regions pki
says "us-east-1 is named twice" up --dir "$new" --regions us-east-1,eu-west-1,us-east-1
says "--dir is missing" up --regions us-east-1
says "No such file" up --dir "$new"
[ -e "$new" ] && bad "these make no folder" || ok "these make no folder"
mkdir "$new"
says "not made by 'sealift up'" up --dir "$new"
says "not made by 'sealift up'" down --dir "$new"
says "No such file" down --dir "$work/none"
says "No such file" up --dir "$work/none/deeper" --regions us-east-1
says "Not a directory" up --dir "$work/out" --regions us-east-1
echo mine >"$new/file"
says "not made by 'sealift up'" up --dir "$new" --regions us-east-1
is "a stranger's folder is left as it is" "$(ls -A "$new")" file
for line in "us-east-1" "us-east-1 70000" "us-east-1 1 2" "pki 1" $'us-east-1 1\nus-east-1 2'; do
    mkdir -p "$work/odd"
    echo "$line" >"$work/odd/regions"
    says "is not REGION PORT of another region" down --dir "$work/odd"
done

odd="$work/it's a \"world\""
expect_up "a folder with an odd name" "$odd" --regions us-east-1
is "its settings come through a shell" "$(cat "$work/out" - <<<'echo "$AWS_CA_BUNDLE"' | bash)" "$odd/pki/ca.crt"
expect_down "and down" "$odd"

# ---- the README's tour, as it stands there ----
if command -v aws >/dev/null; then
    awk '/^## Key services of several regions/ { on = 1; next }
        on && /^    / { print substr($0, 5); next }
        on && /^$/ { print; next }
        on && /^## / { exit }' README.md >"$work/block"
    sed -i "s/127\.0\.0\.1:4601\b/127.0.0.1:$(free_port)/g" "$work/block"
    mkdir "$work/tour"
    (cat <<<"set -eu; trap 'jobs -p >$work/jobs' EXIT; cd $work/tour; PATH=$bin:\$PATH"; cat "$work/block") >"$work/script"
    env -u AWS_PROFILE AWS_PAGER= AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null \
        AWS_SHARED_CREDENTIALS_FILE=/dev/null timeout $((120 * slower)) bash "$work/script" \
        >"$work/log/tour" 2>&1 && ok "the tour of the README runs" || bad "the tour of the README runs"
    note "$work/tour/world"
    cat "$work/jobs" >"$work/pid/tour"
    is "it starts one primary" "$(wc -l <"$work/jobs")" 1
    grep -q '"KeyUsage": "ENCRYPT_DECRYPT"' "$work/log/tour" && grep -qx hello "$work/log/tour" \
        && ok "a key is made, and a record comes back" || bad "a key is made, and a record comes back"
    grep -q '^us-east-1: ended' "$work/log/tour" && [ ! -e "$work/tour/world/us-east-1/keyd.pid" ] \
        && ok "and it ends what it began" || bad "and it ends what it began"
    rm -f "$work"/pid/world-*
    kill -TERM "$(cat "$work/jobs")"
    for _ in $(seq $((100 * slower))); do runs "$(cat "$work/jobs")" || break; sleep 0.1; done
    runs "$(cat "$work/jobs")" && bad "the primary ends" || rm "$work/pid/tour"
fi
kill "$stranger"
rm "$work/pid/stranger"
conclude
