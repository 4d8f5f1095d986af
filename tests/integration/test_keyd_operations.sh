#!/usr/bin/env bash
# Does each operation of sealift-keyd do what the stock `aws kms` command expects, and refuse what
# AWS refuses, by its name?
#
#   SEALIFT_BIN=build/bin tests/integration/test_keyd_operations.sh
set -euo pipefail
source "$(dirname "$0")/keyd_lib.sh"

make_certificate
start_keyd --create --account 111122223333
use_credentials

# An older command (Debian's 2.9) leaves out what it has not heard of.
old=no
aws kms rotate-key-on-demand help >/dev/null 2>&1 || old=yes

key=$(kms create-key --tags TagKey=team,TagValue=storage --query KeyMetadata.KeyId)
other=$(kms create-key --query KeyMetadata.KeyId)
arn=arn:aws:kms:us-east-1:111122223333:key

# Aliases.
kms create-alias --alias-name alias/app --target-key-id "$key"
kms update-alias --alias-name alias/app --target-key-id "$other"
is "update-alias moves the name" "$(kms describe-key --key-id alias/app \
    --query KeyMetadata.KeyId)" "$other"
is "list-aliases of one key" "$(kms list-aliases --key-id "$other" \
    --query 'Aliases[].AliasName')" alias/app
is "list-aliases of another" "$(kms list-aliases --key-id "$key" --query 'Aliases[].AliasName')" ""
refused "an alias that is there" AlreadyExistsException \
    kms create-alias --alias-name alias/app --target-key-id "$key"
refused "a reserved alias" InvalidAliasNameException \
    kms create-alias --alias-name alias/aws/mine --target-key-id "$key"
refused "an alias that is not there" NotFoundException \
    kms update-alias --alias-name alias/none --target-key-id "$key"
kms delete-alias --alias-name alias/app
refused "a deleted alias" NotFoundException kms describe-key --key-id alias/app

# Pages: the command walks them by itself.
for i in 1 2 3; do kms create-alias --alias-name "alias/n$i" --target-key-id "$key"; done
is "list-aliases in pages of 2" "$(kms list-aliases --page-size 2 --query 'Aliases[].AliasName' |
    tr '\n\t' '  ' | xargs)" "alias/n1 alias/n2 alias/n3"
refused "a marker of nobody" InvalidMarkerException kms list-keys --starting-token \
    "$(base64 -w0 <<<'{"Marker": "bm9ib2R5"}')"

# Tags.
kms tag-resource --key-id "$key" --tags TagKey=cost,TagValue=7
kms untag-resource --key-id "$key" --tag-keys team
is "tags" "$(kms list-resource-tags --key-id "$key" --query 'Tags[].[TagKey,TagValue]')" \
    "$(printf 'cost\t7')"
refused "a reserved tag" TagException \
    kms tag-resource --key-id "$key" --tags TagKey=aws:x,TagValue=7

# ReEncrypt, data keys, random bytes.
printf hello >"$work/plain"
kms encrypt --key-id "$key" --plaintext "fileb://$work/plain" --query CiphertextBlob \
    --encryption-context a=1 | base64 -d >"$work/blob"
kms re-encrypt --ciphertext-blob "fileb://$work/blob" --source-encryption-context a=1 \
    --destination-key-id "$other" --destination-encryption-context b=2 --query CiphertextBlob |
    base64 -d >"$work/blob2"
is "a re-encrypted blob opens under the other key" "$(kms decrypt --key-id "$other" \
    --ciphertext-blob "fileb://$work/blob2" --encryption-context b=2 --query Plaintext |
    base64 -d)" hello
refused "re-encrypt with another context" InvalidCiphertextException kms re-encrypt \
    --ciphertext-blob "fileb://$work/blob" --destination-key-id "$other"
refused "re-encrypt with another source key" IncorrectKeyException kms re-encrypt \
    --ciphertext-blob "fileb://$work/blob" --source-encryption-context a=1 \
    --source-key-id "$other" --destination-key-id "$other"
is "generate-data-key-without-plaintext gives a blob and no key" \
    "$(kms generate-data-key-without-plaintext --key-id "$key" --number-of-bytes 64 \
        --query 'keys(@)' | tr '\t' '\n' | grep -v KeyMaterialId | sort | xargs)" \
    "CiphertextBlob KeyId"
is "generate-random" "$(kms generate-random --number-of-bytes 1000 --query Plaintext | base64 -d |
    wc -c)" 1000

# Rotation.
kms enable-key-rotation --key-id "$key"
is "a key rotates" "$(kms get-key-rotation-status --key-id "$key" --query KeyRotationEnabled)" True
if [ "$old" = no ]; then
    is "each year" "$(kms get-key-rotation-status --key-id "$key" --query RotationPeriodInDays)" 365
    kms rotate-key-on-demand --key-id "$key" >"$work/out"
    is "rotate-key-on-demand" "$(kms list-key-rotations --key-id "$key" \
        --query 'Rotations[].RotationType')" ON_DEMAND
    is "what was sealed before opens" "$(kms decrypt --ciphertext-blob "fileb://$work/blob" \
        --encryption-context a=1 --query Plaintext | base64 -d)" hello
fi
kms disable-key-rotation --key-id "$key"
is "until it is told not to" "$(kms get-key-rotation-status --key-id "$key" \
    --query KeyRotationEnabled)" False

# Deletion.
refused "a window that is too short" ValidationException \
    kms schedule-key-deletion --key-id "$key" --pending-window-in-days 6
is "schedule-key-deletion" "$(kms schedule-key-deletion --key-id "$key" --pending-window-in-days 7 \
    --query '[KeyId,KeyState]')" "$(printf '%s\tPendingDeletion' "$arn/$key")"
refused "a key that is pending deletion" KMSInvalidStateException kms decrypt \
    --ciphertext-blob "fileb://$work/blob" --encryption-context a=1
refused "its rotation" KMSInvalidStateException kms enable-key-rotation --key-id "$key"
is "cancel-key-deletion" "$(kms cancel-key-deletion --key-id "$key" --query KeyId)" "$arn/$key"
refused "a key that is back is disabled" DisabledException kms decrypt \
    --ciphertext-blob "fileb://$work/blob" --encryption-context a=1
refused "what is not pending deletion" KMSInvalidStateException \
    kms cancel-key-deletion --key-id "$key"

[ "$fails" = 0 ] || { echo "$fails failed"; exit 1; }
echo "all well"
