#!/usr/bin/env bash
# Who may use which key of sealift-keyd, asked with the stock `aws kms` command: key policies, other
# accounts, grants, and the default key, which is for Sealift's members alone.
#
#   SEALIFT_BIN=build/bin tests/integration/test_keyd_access.sh
set -euo pipefail
source "$(dirname "$0")/keyd_lib.sh"

make_certificate
start_keyd --create --account 111122223333
cat >>"$work/data/credentials" <<'END'
[source]
access_key_id = AKIASOURCESOURCESOUR
secret_access_key = sourcesourcesourcesource
account = 111122223333
principal = arn:aws:iam::111122223333:role/source
END
add_stranger
use_credentials user

key=$(kms create-key --query KeyMetadata.KeyId)
arn=arn:aws:kms:us-east-1:111122223333:key/$key
printf hello >"$work/plain"
encrypt() { kms encrypt --key-id "$arn" --plaintext "fileb://$work/plain" --query CiphertextBlob "$@"; }
decrypt() { kms decrypt --ciphertext-blob "fileb://$work/blob" --query Plaintext "$@"; }
encrypt --encryption-context a=1 | base64 -d >"$work/blob"

is "the policy that a key is born with" "$(kms get-key-policy --key-id "$key" \
    --policy-name default | grep -o 'arn:aws:iam::[0-9]*:root')" arn:aws:iam::111122223333:root
is "list-key-policies" "$(kms list-key-policies --key-id "$key" --query PolicyNames)" default

use_credentials stranger
refused "another account without a policy" AccessDeniedException encrypt
refused "another account's list" AccessDeniedException kms list-grants --key-id "$arn"
is "sees no key of ours" "$(kms list-keys --query 'Keys[].KeyId')" ""

use_credentials user
cat >"$work/policy" <<END
{"Version": "2012-10-17", "Statement": [
  {"Sid": "owner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/sealift"},
   "Action": "kms:*", "Resource": "*"},
  {"Sid": "source", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/source"},
   "Action": "kms:Encrypt", "Resource": "*"},
  {"Sid": "stranger", "Effect": "Allow", "Principal": {"AWS": "444455556666"},
   "Action": "kms:Decrypt", "Resource": "*",
   "Condition": {"StringEquals": {"kms:EncryptionContext:a": "1"}}}]}
END
kms put-key-policy --key-id "$key" --policy-name default --policy "file://$work/policy"
is "a policy comes back as it was put" "$(aws --endpoint-url "https://127.0.0.1:$port" kms \
    get-key-policy --key-id "$key" --policy-name default --query Policy --output text)" \
    "$(cat "$work/policy")"
refused "a policy that locks its owner out" MalformedPolicyDocumentException kms put-key-policy \
    --key-id "$key" --policy-name default --policy \
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"}}'
refused "a policy of nonsense" MalformedPolicyDocumentException kms put-key-policy \
    --key-id "$key" --policy-name default --policy '{"Version":"2012-10-17"}'

use_credentials source
encrypt --encryption-context a=2 | base64 -d >"$work/blob2"
refused "who may Encrypt only, may not Decrypt" "not authorized to perform: kms:Decrypt on resource" \
    decrypt --encryption-context a=1

use_credentials stranger
is "another account decrypts in the context that the policy names" \
    "$(decrypt --encryption-context a=1 | base64 -d)" hello
refused "and in no other" AccessDeniedException kms decrypt \
    --ciphertext-blob "fileb://$work/blob2" --encryption-context a=2
refused "another account never changes a key" AccessDeniedException kms disable-key --key-id "$arn"

# Grants.
use_credentials user
read -r grant token < <(kms create-grant --key-id "$key" --operations Encrypt DescribeKey \
    --grantee-principal arn:aws:iam::444455556666:user/stranger \
    --retiring-principal arn:aws:iam::444455556666:user/stranger \
    --constraints EncryptionContextSubset={b=2} --query '[GrantId,GrantToken]')
is "list-grants" "$(kms list-grants --key-id "$key" --query 'Grants[].[GrantId,GranteePrincipal]')" \
    "$(printf '%s\tarn:aws:iam::444455556666:user/stranger' "$grant")"
use_credentials stranger
encrypt --encryption-context b=2,c=3 --grant-tokens "$token" >"$work/out"
ok "a grant allows what its constraint names"
refused "and nothing else" AccessDeniedException encrypt --encryption-context b=3
refused "a token that is none" InvalidGrantTokenException encrypt --grant-tokens nonsense
kms retire-grant --grant-token "$token"
refused "a retired grant" AccessDeniedException encrypt --encryption-context b=2
use_credentials user
grant=$(kms create-grant --key-id "$key" --operations Encrypt --query GrantId \
    --grantee-principal arn:aws:iam::444455556666:user/stranger)
kms revoke-grant --key-id "$key" --grant-id "$grant"
refused "a grant is revoked once" NotFoundException kms revoke-grant --key-id "$key" \
    --grant-id "$grant"

# The default key.
use_credentials member
default=$(kms generate-data-key --key-id alias/aws/rds --key-spec AES_256 --query KeyId)
use_credentials user
refused "a user's direct use of the default key" AccessDeniedException kms encrypt \
    --key-id "$default" --plaintext "fileb://$work/plain"
for change in "disable-key" "schedule-key-deletion" "enable-key-rotation"; do
    refused "$change of the default key" AccessDeniedException kms $change --key-id "$default"
done
refused "a policy for the default key" AccessDeniedException kms put-key-policy \
    --key-id "$default" --policy-name default --policy "file://$work/policy"
is "denied uses are in the audit" "$(count "SELECT count(*) > 5 FROM audit_lines
    WHERE error = 'AccessDeniedException' AND allowed = 0")" 1

[ "$fails" = 0 ] || { echo "$fails failed"; exit 1; }
echo "all well"
