#!/usr/bin/env bash
# Is each use of a key in the audit, does the stock `aws cloudtrail lookup-events` find it there, and
# is it found when somebody changes it? And does a store come back from a backup?
#
#   SEALIFT_BIN=build/bin tests/integration/test_keyd_audit.sh
set -euo pipefail
source "$(dirname "$0")/keyd_lib.sh"

make_certificate
start_keyd --create --account 111122223333
add_stranger
use_credentials user
lookup()
{
    limit 60 aws --endpoint-url "https://127.0.0.1:$port" --output text cloudtrail lookup-events "$@"
}

key=$(kms create-key --query KeyMetadata.KeyId)
arn=arn:aws:kms:us-east-1:111122223333:key/$key
printf hello >"$work/plain"
kms encrypt --key-id "$key" --plaintext "fileb://$work/plain" --query CiphertextBlob \
    --encryption-context a=1 | base64 -d >"$work/blob"
use_credentials stranger
refused "a stranger" AccessDeniedException kms decrypt --ciphertext-blob "fileb://$work/blob" \
    --encryption-context a=1
use_credentials user

is "lookup-events finds a use, by name" "$(lookup --query 'Events[].[Username,Resources[0].ResourceName]' \
    --lookup-attributes AttributeKey=EventName,AttributeValue=Encrypt)" "$(printf 'sealift\t%s' "$arn")"
is "and a denied one, of another account, with its context" "$(lookup --query 'Events[].CloudTrailEvent' \
    --lookup-attributes AttributeKey=EventName,AttributeValue=Decrypt |
    python3 -c 'import json, sys; e = json.load(sys.stdin); print(e["errorCode"],
        e["userIdentity"]["accountId"], e["requestParameters"]["encryptionContext"])')" \
    "AccessDeniedException 444455556666 {'a': '1'}"
is "by key, in pages" "$(lookup --query 'Events[].EventName' --page-size 1 \
    --lookup-attributes "AttributeKey=ResourceName,AttributeValue=$arn" | xargs)" \
    "Decrypt Encrypt CreateKey"
is "nothing of the future" "$(lookup --start-time 2100-01-01T00:00:00Z --query 'Events[].EventName')" ""
refused "a page of 51" "InvalidMaxResultsException" env AWS_PAGER= aws --endpoint-url \
    "https://127.0.0.1:$port" cloudtrail lookup-events --no-paginate --max-results 51
use_credentials stranger
is "a stranger sees his own calls only" "$(lookup --query 'Events[].EventName')" Decrypt
use_credentials user
refused "other calls of CloudTrail" UnknownOperationException aws --endpoint-url \
    "https://127.0.0.1:$port" cloudtrail describe-trails

# The chain.
check() { "$bin/sealift-keyd" --data "$work/data" --verify-audit; }
is "the chain is whole, while the service runs" "$(check | grep -c 'each follows')" 1
{ kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
start_keyd
kms list-keys >"$work/out"
is "and after kill -9" "$(check | grep -o '[0-9]* audit rows')" \
    "$(count "SELECT count(*) FROM audit") audit rows"

# Backup and restore.
is "a backup is made while the service runs" \
    "$("$bin/sealift-keyd" --data "$work/data" --backup "$work/copy" | grep -c '^backup')" 1
refused "a backup over another" E_EXISTS "$bin/sealift-keyd" --data "$work/data" --backup "$work/copy"
is "it is for its owner only" "$(stat -c %a "$work/copy")" 600
{ kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
refused "a restore over a store" E_EXISTS "$bin/sealift-keyd" --data "$work/data" \
    --restore "$work/copy"
mv "$work/data" "$work/lost"
"$bin/sealift-keyd" --data "$work/data" --restore "$work/copy" >"$work/out"
start() { limit 20 "$bin/sealift-keyd" --data "$work/data" --region us-east-1 \
    --listen 127.0.0.1:0 --cert "$work/keyd.crt" --key "$work/keyd.key" "$@"; }
refused "a restored store without its root key" E_MISSING start --create
cp "$work/lost/root.key" "$work/lost/credentials" "$work/data/"
start_keyd
is "a restored store decrypts what it encrypted" "$(kms decrypt --query Plaintext \
    --ciphertext-blob "fileb://$work/blob" --encryption-context a=1 | base64 -d)" hello
is "and its audit goes on" "$(check | grep -c 'each follows')" 1

# Whoever may write the file can undo the triggers, but not the chain.
{ kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
pid=
count "DROP TRIGGER audit_is; UPDATE audit SET value =
    CAST(replace(CAST(value AS TEXT), '\"denied\"', '\"allowed\"') AS BLOB)
    WHERE CAST(value AS TEXT) LIKE '%\"denied\"%'"
refused "a changed row" E_GAP check
refused "a backup with one is not restored" E_GAP "$bin/sealift-keyd" --data "$work/again" \
    --restore "$work/data/catalog.db"
count "DROP TRIGGER audit_stays; DELETE FROM audit WHERE key = (SELECT min(key) FROM audit)"
refused "a removed row" E_GAP check

[ "$fails" = 0 ] || { echo "$fails failed"; exit 1; }
echo "all well"
