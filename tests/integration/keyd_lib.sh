# One real sealift-keyd with a certificate of a CA made here, and the stock `aws` command against it.
#
#   source keyd_lib.sh; make_certificate; start_keyd --create --account 111122223333; use_credentials
#
# Refusals are checked by their AWS names. `finish` runs at exit.
source "$(dirname "${BASH_SOURCE[0]}")/patience.sh"

bin=${SEALIFT_BIN:-build/bin}
for tool in aws openssl sqlite3 curl; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d "${SEALIFT_TEST_FOLDER:-/var/tmp}/sealift-keyd-XXXXXX")

# Another aws command than the first in PATH: CMakeLists.txt runs some tests again with Debian's.
if [ -n "${SEALIFT_AWS:-}" ]; then
    if [ ! -x "$SEALIFT_AWS" ] || [ "$(realpath "$(type -P aws)")" = "$(realpath "$SEALIFT_AWS")" ]
    then
        rmdir "$work"
        echo "skipped: $SEALIFT_AWS is not there, or is the one that the other tests run"
        exit 77
    fi
    mkdir "$work/bin"
    ln -s "$SEALIFT_AWS" "$work/bin/aws"
    export PATH=$work/bin:$PATH
fi
pid=
fails=0

finish()
{
    [ -z "$pid" ] || { kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
    [ "$fails" = 0 ] || sed 's/^/keyd: /' "$work/log"
    rm -rf "$work"
}
trap finish EXIT

ok() { echo "ok   $1"; }
bad() { echo "FAIL $1: ${2:-}"; fails=$((fails + 1)); }
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "is '$2', not '$3'"; fi; }

# refused NAME WHAT ERROR COMMAND...: it must fail, and say ERROR.
refused()
{
    local what=$1 error=$2 said
    shift 2
    if said=$("$@" 2>&1); then
        bad "$what" "was not refused"
    elif [[ $said =~ $sanitizer_says ]]; then
        bad "$what" "$said"
    elif [[ $said == *"$error"* ]]; then
        ok "$what ($error)"
    else
        bad "$what" "$said"
    fi
}

make_certificate()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
        -keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=keyd \
        -keyout "$work/keyd.key" -out "$work/keyd.csr" 2>/dev/null
    openssl x509 -req -in "$work/keyd.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -days 2 \
        -CAcreateserial -out "$work/keyd.crt" -extfile <(printf '%s\n' \
        subjectAltName=IP:127.0.0.1,DNS:localhost extendedKeyUsage=serverAuth) 2>/dev/null
    chmod 600 "$work"/*.key
}

# A caller of another account, beside those that the service made.
add_stranger()
{
    cat >>"$work/data/credentials" <<'END'
[stranger]
access_key_id = AKIASTRANGERSTRANGER
secret_access_key = strangerstrangerstranger
account = 444455556666
principal = arn:aws:iam::444455556666:user/stranger
END
    kill -HUP "$pid"
}

# Starts the service, waits for its port.
start_keyd()
{
    : >"$work/log"
    "$bin/sealift-keyd" --data "$work/data" --region us-east-1 --listen 127.0.0.1:0 \
        --cert "$work/keyd.crt" --key "$work/keyd.key" --metrics 127.0.0.1:0 "$@" \
        >>"$work/log" 2>&1 &
    pid=$!
    for _ in $(seq $((100 * slower))); do
        if grep -q kms_started "$work/log"; then
            port=$(sed -n 's/.* listen .*port=\([0-9]*\).*/\1/p' "$work/log")
            metrics=$(sed -n 's/.* metrics .*port=\([0-9]*\).*/\1/p' "$work/log")
            return
        fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    bad "the service starts"
    exit 1
}

kms() { limit 60 aws --endpoint-url "https://127.0.0.1:$port" --output text kms "$@"; }
decrypt()
{
    kms decrypt --ciphertext-blob "fileb://$work/blob" --query Plaintext "$@" | base64 -d
}
count() { sqlite3 "$work/data/catalog.db" "$1"; }


# The environment of a caller: the section NAME of the credentials (default: the first).
use_credentials()
{
    local of
    of=$(sed -n "/^\[${1:-.*}\]/,/^principal/p" "$work/data/credentials" | head -5)
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_CA_BUNDLE=$work/ca.crt \
        AWS_DEFAULT_REGION=us-east-1 AWS_MAX_ATTEMPTS=1 AWS_EC2_METADATA_DISABLED=true \
        AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER=
    unset AWS_SESSION_TOKEN AWS_PROFILE
    AWS_ACCESS_KEY_ID=$(sed -n 's/^access_key_id = //p' <<<"$of")
    AWS_SECRET_ACCESS_KEY=$(sed -n 's/^secret_access_key = //p' <<<"$of")
}
