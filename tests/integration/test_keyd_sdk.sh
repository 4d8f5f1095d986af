#!/usr/bin/env bash
# Do clients that nobody here wrote take sealift-keyd for AWS KMS, and each other's ciphertexts?
#
#   SEALIFT_BIN=build/bin tests/integration/test_keyd_sdk.sh
#
# Every aws command that is installed, the AWS SDK for JavaScript and the AWS Encryption SDK for
# JavaScript, of the versions in js/package-lock.json.
set -euo pipefail
source "$(dirname "$0")/keyd_lib.sh"
for tool in node npm; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done

# What is installed is kept beside the programs, for these very files. Without a registry there is
# nothing to test; whatever else is wrong with the packages is a failure.
source_js=$(cd "$(dirname "$0")/js" && pwd)
js=${SEALIFT_JS:-$(dirname "$bin")/js}
install_packages()
{
    local code
    mkdir -p "$js"
    cp "$source_js"/*.mjs "$source_js/package.json" "$js/"
    if cmp -s "$source_js/package-lock.json" "$js/installed"; then
        return
    fi
    cp "$source_js/package-lock.json" "$js/"
    if (cd "$js" && limit 200 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 \
        --fetch-timeout=60000 >"$work/npm" 2>&1); then
        cp "$js/package-lock.json" "$js/installed"
        return
    fi
    code=$(sed -n 's/^npm \(error\|ERR!\) code //p' "$work/npm" | head -n 1)
    case $code in
        ENOTFOUND | EAI_AGAIN | ECONNREFUSED | ENETUNREACH | EHOSTUNREACH | ETIMEDOUT)
            echo "skipped: no npm registry ($code), so the JavaScript SDKs were not installed"
            exit 77
            ;;
    esac
    echo "FAIL npm installs the SDKs: $(cat "$work/npm")"
    exit 1
}
install_packages
export NODE_EXTRA_CA_CERTS=$work/ca.crt NODE_NO_WARNINGS=1 # of the age of Debian's Node.js

# of_node SCRIPT ARGUMENT...: its lines, and a failure where it says one.
of_node()
{
    limit 100 node "$js/$1" "${@:2}" || fails=$((fails + 1))
}

make_certificate
start_keyd --create --account 111122223333
use_credentials
key=$(kms create-key --query KeyMetadata.KeyId)
other=$(kms create-key --query KeyMetadata.KeyId)
kms create-alias --alias-name alias/app --target-key-id "$key"
marker=plaintext-marker-$RANDOM$RANDOM$RANDOM
printf %s "$marker" >"$work/plain"

kms encrypt --key-id alias/app --plaintext "fileb://$work/plain" --query CiphertextBlob \
    --encryption-context from=aws | base64 -d >"$work/blob.aws"
of_node sdk.mjs "https://127.0.0.1:$port" "$work"

# One after the other decrypts what the one before encrypted, the SDK's first.
cp "$work/blob.sdk" "$work/blob"
from=sdk
mapfile -t commands < <(type -ap aws | xargs -n 1 realpath | sort -u)
for command in "${commands[@]}"; do
    version=$("$command" --version 2>&1 | cut -d' ' -f1)
    ask() { limit 60 "$command" --endpoint-url "https://127.0.0.1:$port" --output text kms "$@"; }
    is "$version decrypts what $from encrypted" "$(ask decrypt \
        --ciphertext-blob "fileb://$work/blob" --encryption-context from="$from" \
        --query Plaintext | base64 -d)" "$marker"
    from=$version
    ask encrypt --key-id alias/app --plaintext "fileb://$work/plain" --query CiphertextBlob \
        --encryption-context from="$from" | base64 -d >"$work/blob"
done

arn=arn:aws:kms:us-east-1:111122223333:key
of_node encryption_sdk.mjs seal "https://127.0.0.1:$port" "$work/message" "$arn/$key" "$arn/$other"
is "the audit has the Encryption SDK's context" "$(count "SELECT DISTINCT
    json_extract(context, '$.cluster') FROM audit_lines WHERE operation = 'GenerateDataKey'
    AND context LIKE '%aws-crypto-public-key%'")" orders
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start_keyd
of_node encryption_sdk.mjs open "https://127.0.0.1:$port" "$work/message" "$arn/$key" "$arn/$other"
if grep -qaF -e "$marker" "$work/data"/catalog.db*; then
    bad "no plaintext in the database"
else
    ok "no plaintext in the database"
fi

[ "$fails" = 0 ] || { echo "$fails failed"; exit 1; }
echo "all well"
