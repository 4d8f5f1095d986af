# What the integration tests share: a folder, certificates, key services, members, and their end.
#
# Source it. Everything runs on loopback, in a folder of its own below /var/tmp (a real disk), and is
# ended by the pid that was started here. Output of process NAME is in $work/log/NAME. Set
# SEALIFT_KEEP=1 to keep the folder.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/patience.sh"

bin=${SEALIFT_BIN:-build/bin}
unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_SHARED_CREDENTIALS_FILE=/dev/null # nobody's own profile plays a part
work=$(mktemp -d "${SEALIFT_TEST_FOLDER:-/var/tmp}/sealift-test-XXXXXX")
mkdir "$work/log" "$work/pid"
fails=0
# Under a sanitizer, processes end by themselves where they can: what leaks is said then.
end_gently()
{
    local file i
    [ "$slower" != 1 ] || return 0
    for file in "$work"/pid/*; do
        [ -e "$file" ] && kill -TERM "$(cat "$file")" 2>/dev/null || true
    done
    for i in $(seq $((10 * slower))); do
        [ -n "$(jobs -rp)" ] || break
        sleep 0.1
    done
    if grep -lE "$sanitizer_says" "$work"/log/* >&2; then fails=$((fails + 1)); fi
}

finish()
{
    local file code=$?
    end_gently
    for file in "$work"/pid/*; do
        [ -e "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    if pgrep -af "$bin/.*$work" >&2; then # the pid that was kept was not the program's
        echo "FAIL these still run" >&2
        fails=$((fails + 1))
    fi
    if [ "$fails" != 0 ]; then
        tail -n 25 "$work"/log/* >&2 || true
    fi
    ${before_removal:-true}
    [ -n "${SEALIFT_KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"
    [ "$code" != 0 ] || [ "$fails" = 0 ] || exit 1
}
trap finish EXIT

ok() { echo "ok   $1"; }
bad() { echo "FAIL $1: ${2:-}"; fails=$((fails + 1)); }
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "is '$2', not '$3'"; fi; }
die() { bad "$@"; exit 1; }
conclude()
{
    echo
    if [ "$fails" != 0 ]; then echo "$fails FAILED"; exit 1; fi
    echo "all as promised"
}

# refused WHAT TEXT COMMAND...: it must fail by itself, and say TEXT.
refused()
{
    local what=$1 text=$2 said code=0
    shift 2
    # A function bounds itself (timeout starts no functions).
    said=$(if declare -F "$1" >/dev/null; then "$@"; else limit 60 "$@"; fi 2>&1) || code=$?
    if [ "$code" = 0 ]; then
        bad "$what" "was not refused"
    elif [ "$code" = 124 ]; then # what timeout says
        bad "$what" "goes on and on: $said"
    elif [[ $said =~ $sanitizer_says ]]; then
        bad "$what" "$said"
    elif [[ $said == *"$text"* ]]; then
        ok "$what ($text)"
    else
        bad "$what" "does not say '$text': $said"
    fi
}

need_tools()
{
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
    done
}

free_port()
{
    python3 "$(dirname "${BASH_SOURCE[0]}")/../support/free_port.py"
}

# ---- processes ----

start()
{
    local name=$1
    shift
    "$@" >>"$work/log/$name" 2>&1 </dev/null &
    echo $! >"$work/pid/$name"
}
pid_of() { cat "$work/pid/$1"; }
is_running() { [ -e "$work/pid/$1" ] && kill -0 "$(pid_of "$1")" 2>/dev/null; }

kill9()
{
    kill -9 "$(pid_of "$1")" 2>/dev/null || true
    wait "$(pid_of "$1")" 2>/dev/null || true
    rm -f "$work/pid/$1"
}

# Asks it to end, and gives its exit code.
stop()
{
    local pid code=0
    pid=$(pid_of "$1")
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || code=$?
    rm -f "$work/pid/$1"
    return $code
}

wait_for_port()
{
    local name=$1 port=$2 i
    for i in $(seq $((200 * slower))); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        is_running "$name" || break
        sleep 0.1
    done
    die "$name starts" "$(tail -n 5 "$work/log/$name")"
}

# ---- certificates ----

pki_init()
{
    "$bin/sealift" pki init --dir "$work/pki" --deployment test >/dev/null
    lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
    issue client us-east-1 client any
}

# issue NAME REGION ROLE [LINEAGE [OPTIONS...]]
issue()
{
    local name=$1 region=$2 role=$3 of=${4:-$lineage}
    shift 3
    [ $# -gt 0 ] && shift
    "$bin/sealift" pki issue --dir "$work/pki" --name "$name" --region "$region" --role "$role" \
        --lineage "$of" "$@" >/dev/null
}
tls_of() { echo --ca "$work/pki/ca.crt" --cert "$work/pki/$1.crt" --key "$work/pki/$1.key"; }

# ---- key services ----

declare -A kms_port=()
start_keyd()
{
    local region=$1
    if [ -z "${kms_port[$region]:-}" ]; then
        kms_port[$region]=$(free_port)
        issue "kms-$region" "$region" keyd any --host 127.0.0.1 --host localhost
    fi
    start "kms-$region" "$bin/sealift-keyd" --create --data "$work/kms-$region" --region "$region" \
        --credentials "$work/credentials" --listen "127.0.0.1:${kms_port[$region]}" \
        --cert "$work/pki/kms-$region.crt" --key "$work/pki/kms-$region.key"
    wait_for_port "kms-$region" "${kms_port[$region]}"
    # The last section is the members': marked as a service, which the region's default key needs.
    AWS_ACCESS_KEY_ID=$(sed -n 's/^access_key_id *= *//p' "$work/credentials" | tail -n 1)
    AWS_SECRET_ACCESS_KEY=$(sed -n 's/^secret_access_key *= *//p' "$work/credentials" | tail -n 1)
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

key_services()
{
    local region
    for region in "${!kms_port[@]}"; do
        echo "--key-service $region=https://127.0.0.1:${kms_port[$region]}"
    done
    [ ${#kms_port[@]} -eq 0 ] || echo "--key-service-ca $work/pki/ca.crt"
}

# ---- members ----

declare -A port=()
member_options= # for all members of a test
member_words()
{
    local name=$1
    [ -n "${port[$name]:-}" ] || port[$name]=$(free_port)
    mkdir -p "$work/data-$name"
    echo --data "$work/data-$name" --listen "127.0.0.1:${port[$name]}" $(tls_of "$name") $(key_services) \
        $member_options
}

# start_primary NAME [OPTIONS...]; its certificate must be there.
start_primary()
{
    local name=$1
    shift
    member_words "$name" >/dev/null
    [ -n "${port[$name]:-}" ] || port[$name]=$(free_port)
    # shellcheck disable=SC2046 # words
    start "$name" "$bin/sealift-primary" $(member_words "$name") \
        --coordinator "file:$work/coordinator" "$@"
    wait_for_port "$name" "${port[$name]}"
}

# start_replica NAME UPSTREAM [OPTIONS...]
start_replica()
{
    local name=$1 upstream=$2
    shift 2
    [ -n "${port[$name]:-}" ] || port[$name]=$(free_port)
    # shellcheck disable=SC2046 # words
    start "$name" "$bin/sealift-replica" $(member_words "$name") \
        --upstream "127.0.0.1:${port[$upstream]}" "$@"
    wait_for_port "$name" "${port[$name]}"
}

# Ports must be known in this shell, not in a subshell: name them before first use.
plan() { local name; for name in "$@"; do port[$name]=$(free_port); done; }

sealift() { "$bin/sealift" "$@"; }
append_to() { local name=$1; shift; limit 60 "$bin/sealift" append --pki "$work/pki" --to "127.0.0.1:${port[$name]}" "$@"; }
tail_from() { local name=$1; shift; limit 60 "$bin/sealift" tail --pki "$work/pki" --from "127.0.0.1:${port[$name]}" "$@"; }

# status NAME FIELD: one field of a member's status, "" where it does not answer.
status()
{
    sealift status --pki "$work/pki" --json "127.0.0.1:${port[$1]}" 2>/dev/null \
        | python3 -c "import json, sys; print(json.load(sys.stdin)['members'][0].get('$2', ''))" \
        2>/dev/null || true
}

# wait_status NAME FIELD VALUE [SECONDS]
wait_status()
{
    local i value
    for i in $(seq $((${4:-30} * 10 * slower))); do
        value=$(status "$1" "$2")
        [ "$value" = "$3" ] && return 0
        sleep 0.1
    done
    die "$1: $2 becomes $3" "is '$value'"
}

# Until a member has what the primary has on disk.
wait_in_step()
{
    local primary=$1 lsn name
    shift
    lsn=$(status "$primary" durable_lsn)
    for name in "$@"; do
        wait_status "$name" durable_lsn "$lsn"
    done
}
