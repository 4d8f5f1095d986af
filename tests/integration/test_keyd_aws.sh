#!/usr/bin/env bash
# Does the stock aws command take sealift-keyd for AWS KMS, and does the service keep what it says?
#
#   SEALIFT_BIN=build/bin tests/integration/test_keyd_aws.sh
#
# One real service with a certificate of a CA made here; every step is an `aws kms` call against it.
# Refusals are checked by their AWS names. Then kill -9, and the same keys must be there.
set -euo pipefail
source "$(dirname "$0")/keyd_lib.sh"

make_certificate
start_keyd --create --account 111122223333
use_credentials
secret=$AWS_SECRET_ACCESS_KEY

is "the root key is for its owner only" "$(stat -c %a "$work/data/root.key")" 600
is "credentials are for their owner only" "$(stat -c %a "$work/data/credentials")" 600
if grep -qF -e "$secret" -e "$(cat "$work/data/root.key")" "$work/log"; then
    bad "no secret is printed"
else
    ok "no secret is printed"
fi

key=$(kms create-key --description "for tests" --query KeyMetadata.KeyId)
kms create-alias --alias-name alias/app --target-key-id "$key"
arn=arn:aws:kms:us-east-1:111122223333:key/$key
is "list-keys shows the key" "$(kms list-keys --query 'Keys[].KeyArn')" "$arn"
is "describe-key by alias shows it enabled" \
    "$(kms describe-key --key-id alias/app --query '[KeyMetadata.Arn,KeyMetadata.KeyState]')" \
    "$(printf '%s\tEnabled' "$arn")"

marker=plaintext-marker-$RANDOM$RANDOM$RANDOM
printf %s "$marker" >"$work/plain"
kms encrypt --key-id alias/app --plaintext "fileb://$work/plain" --query CiphertextBlob \
    --encryption-context a=1,b=2 | base64 -d >"$work/blob"
is "what was encrypted decrypts" "$(decrypt --encryption-context b=2,a=1)" "$marker"
refused "another context" InvalidCiphertextException decrypt --encryption-context a=1,b=3
refused "no context" InvalidCiphertextException decrypt

read -r blob plain < <(kms generate-data-key --key-id alias/app --key-spec AES_256 \
    --query '[CiphertextBlob,Plaintext]')
base64 -d <<<"$blob" >"$work/blob2"
is "a data key has 32 bytes" "$(base64 -d <<<"$plain" | wc -c)" 32
is "a data key unwraps to itself" \
    "$(kms decrypt --ciphertext-blob "fileb://$work/blob2" --query Plaintext)" "$plain"

kms disable-key --key-id "$key"
refused "a disabled key" DisabledException decrypt --encryption-context a=1,b=2
kms enable-key --key-id "$key"
is "an enabled key decrypts again" "$(decrypt --encryption-context a=1,b=2)" "$marker"

refused "alias/aws/rds is not for a user's direct call" AccessDeniedException \
    kms generate-data-key --key-id alias/aws/rds --key-spec AES_256
use_credentials member
is "alias/aws/rds comes into being on first use by a member" \
    "$(kms generate-data-key --key-id alias/aws/rds --key-spec AES_256 --query Plaintext |
        base64 -d | wc -c)" 32
use_credentials user
is "and is AWS's to manage" \
    "$(kms describe-key --key-id alias/aws/rds --query KeyMetadata.KeyManager)" AWS
refused "an unknown key" NotFoundException kms describe-key --key-id alias/none
refused "an operation that is not there" UnknownOperationException \
    kms get-parameters-for-import --key-id "$key" --wrapping-algorithm RSAES_OAEP_SHA_256 \
    --wrapping-key-spec RSA_2048

# Strangers: refused by name, and nothing of them reaches the disk.
rows=$(count "SELECT count(*) FROM audit")
refused "a wrong secret" InvalidSignatureException \
    env AWS_SECRET_ACCESS_KEY=wrongwrongwrongwrong bash -c \
    "aws --endpoint-url https://127.0.0.1:$port kms list-keys"
refused "an unknown access key" UnrecognizedClientException \
    env AWS_ACCESS_KEY_ID=AKIAWRONGWRONGWRONG bash -c \
    "aws --endpoint-url https://127.0.0.1:$port kms list-keys"
refused "a signature for another region" InvalidSignatureException \
    env AWS_DEFAULT_REGION=eu-west-1 bash -c \
    "aws --endpoint-url https://127.0.0.1:$port kms list-keys"
refused "a session token" UnrecognizedClientException env AWS_SESSION_TOKEN=token bash -c \
    "aws --endpoint-url https://127.0.0.1:$port kms list-keys"
ask() { curl -s --max-time 20 --cacert "$work/ca.crt" "$@" "https://127.0.0.1:$port/"; }
is "an unsigned request" "$(ask -d '{}' -H 'X-Amz-Target: TrentService.ListKeys' | cut -d'"' -f4)" \
    MissingAuthenticationTokenException
is "strangers leave no audit rows" "$(count "SELECT count(*) FROM audit")" "$rows"
is "strangers are counted" "$(curl -s "http://127.0.0.1:$metrics/metrics" |
    sed -n 's/.*turned_away_total{reason="signature"} //p')" 1

# The audit says who did what with which key and why it was refused.
is "each use has its audit row" "$(count "SELECT operation, allowed, error, context FROM audit_lines
    WHERE operation IN ('Encrypt', 'Decrypt') ORDER BY number LIMIT 3" | tr '\n' ' ')" \
    "$(printf '%s ' 'Encrypt|1||{"a":"1","b":"2"}' 'Decrypt|1||{"b":"2","a":"1"}' \
        'Decrypt|0|InvalidCiphertextException|{"a":"1","b":"3"}')"
is "with its caller and key" "$(count "SELECT DISTINCT principal, key FROM audit_lines
    WHERE operation = 'Encrypt'")" "arn:aws:iam::111122223333:user/sealift|$arn"
for change in "DELETE FROM audit" "UPDATE audit SET value = x'00'" \
    "INSERT OR REPLACE INTO audit SELECT key, x'00' FROM audit"; do
    refused "audit rows stay: $change" "rows of audit" count "$change"
done

refused "a second service on the folder" E_LOCKED "$bin/sealift-keyd" --data "$work/data" \
    --region us-east-1 --listen 127.0.0.1:0 --cert "$work/keyd.crt" --key "$work/keyd.key"

kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start_keyd
is "after kill -9 the key decrypts what it encrypted" \
    "$(decrypt --encryption-context a=1,b=2)" "$marker"
is "and the alias is there" "$(kms list-aliases --query 'Aliases[].AliasName' | tr '\t' ' ')" \
    "alias/app alias/aws/rds"
is "audit numbers go on without a gap" \
    "$(count "SELECT count(*) = max(CAST(key AS INTEGER)) FROM audit")" 1

kill "$pid"
code=0
wait "$pid" || code=$?
is "SIGTERM ends it well" "$code" 0
if grep -qaF -e "$marker" -e "$plain" "$work/data"/catalog.db*; then
    bad "no plaintext in the database"
else
    ok "no plaintext in the database"
fi

mv "$work/data/root.key" "$work/root.key"
start() { limit 20 "$bin/sealift-keyd" --data "$work/data" --region us-east-1 \
    --listen 127.0.0.1:0 --cert "$work/keyd.crt" --key "$work/keyd.key" "$@"; }
refused "a root key that is missing is not made anew" E_MISSING start --create
(umask 077 && openssl rand -hex 32 >"$work/data/root.key")
refused "another root key" E_WRONG_KEY start
cp "$work/root.key" "$work/data/root.key"
chmod 644 "$work/data/root.key"
refused "a root key that others may read" E_USAGE start

# A passphrase instead of a root key.
rm -rf "$work/data"
(umask 077 && echo "correct horse battery staple" >"$work/phrase")
start_keyd --create --root-passphrase-file "$work/phrase"
use_credentials user
key=$(kms create-key --query KeyMetadata.KeyId)
kms encrypt --key-id "$key" --plaintext "fileb://$work/plain" --query CiphertextBlob |
    base64 -d >"$work/blob"
kill "$pid"
wait "$pid" || true
start_keyd --root-passphrase-file "$work/phrase"
is "the same passphrase opens the keys again" "$(decrypt)" "$marker"
kill "$pid"
wait "$pid" || true
if [ -e "$work/data/root.key" ] || grep -rqF -e "correct horse" "$work/data" "$work/log"; then
    bad "neither root key nor passphrase is on the disk"
else
    ok "neither root key nor passphrase is on the disk"
fi
echo "correct horse battery stapl" >"$work/phrase"
refused "another passphrase" E_WRONG_KEY start --root-passphrase-file "$work/phrase"
echo "short" >"$work/phrase"
refused "a short passphrase" E_USAGE start --root-passphrase-file "$work/phrase"
chmod 644 "$work/phrase"
refused "a passphrase that others may read" E_USAGE start --root-passphrase-file "$work/phrase"
rm "$work/data/root.scrypt"
chmod 600 "$work/phrase"
echo "correct horse battery staple" >"$work/phrase"
refused "a salt that is missing is not made anew" E_MISSING \
    start --create --root-passphrase-file "$work/phrase"
pid=
[ "$fails" = 0 ] || { echo "$fails failed"; exit 1; }
echo "all well"
