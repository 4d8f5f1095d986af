#!/usr/bin/env bash
# Who needs to be allowed what, for a replica in another region? The source: kms:Encrypt on the
# destination's key. The destination: kms:Decrypt on it. The primary, on its own region's key:
# kms:GenerateDataKey once and kms:Decrypt. Two regions, two key services, key policies that allow
# exactly this; the audits show that nothing else is asked for. Then one permission at a time is
# taken away: whoever is refused, and whoever waits for it, says which key, where, who, and what.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od aws sqlite3
member_options="--key-poll 1h" # of a key that is refused while they run: test_key_loss.sh

pki_init
issue p1 us-east-1 primary
issue r1 eu-west-1 replica
issue r2 eu-west-1 replica
start_keyd us-east-1
account=000000000000
is "the callers' account" "$(sed -n 's/^account *= *//p' "$work/credentials" | sort -u)" "$account"
for who in source destination; do
    cat >>"$work/credentials" <<END
[$who]
access_key_id = AKIA${who^^}AKIA${who^^}
secret_access_key = secret-of-the-$who-member
account = $account
principal = arn:aws:iam::$account:role/$who
END
done
kill -HUP "$(pid_of kms-us-east-1)"
says "the first key service knows them" kms-us-east-1 "reload.done"
start_keyd eu-west-1
plan p1 r1 r2 p2

# as WHO COMMAND...: with the credentials of that section.
as()
{
    local of AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    of=$(sed -n "/^\[$1\]/,/^principal/p" "$work/credentials")
    AWS_ACCESS_KEY_ID=$(sed -n 's/^access_key_id *= *//p' <<<"$of")
    AWS_SECRET_ACCESS_KEY=$(sed -n 's/^secret_access_key *= *//p' <<<"$of")
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    shift
    "$@"
}

# kms REGION COMMAND...: as the keys' owner.
kms()
{
    local region=$1
    shift
    AWS_CA_BUNDLE=$work/pki/ca.crt AWS_DEFAULT_REGION=$region AWS_MAX_ATTEMPTS=1 AWS_PAGER="" \
        AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null \
        as user timeout 60 aws --endpoint-url "https://127.0.0.1:${kms_port[$region]}" --output text kms "$@" \
        2>>"$work/log/aws"
}

# allow REGION KEY WHO:ACTION...: this and nothing else; the owner may only change the policy.
allow()
{
    local region=$1 key=$2 word
    shift 2
    {
        echo '{"Version": "2012-10-17", "Statement": ['
        for word in "$@"; do
            echo '{"Effect": "Allow", "Resource": "*",' \
                "\"Principal\": {\"AWS\": \"arn:aws:iam::$account:role/${word%%:*}\"}, \"Action\": \"kms:${word#*:}\"},"
        done
        echo '{"Effect": "Allow", "Resource": "*", "Action": "kms:PutKeyPolicy",' \
            "\"Principal\": {\"AWS\": \"arn:aws:iam::$account:user/sealift\"}}]}"
    } >"$work/policy"
    kms "$region" put-key-policy --key-id "$key" --policy-name default --policy "file://$work/policy" \
        || die "a policy of $region is put" "$(tail -n 3 "$work/log/aws")"
}
east=$(kms us-east-1 create-key --query KeyMetadata.Arn)
west=$(kms eu-west-1 create-key --query KeyMetadata.Arn)
kms us-east-1 create-alias --alias-name alias/harbour --target-key-id "$east"
kms eu-west-1 create-alias --alias-name alias/harbour --target-key-id "$west"
allow us-east-1 "$east" source:GenerateDataKey source:Decrypt
allow eu-west-1 "$west" source:Encrypt destination:Decrypt

# ---- exactly this is enough ----
# Both are named by an alias: it costs no kms:DescribeKey.
primary() { as source start_primary p1 --kms-key-id alias/harbour "$@"; }
replica() { as destination start_replica "$1" p1 --kms-key-id alias/harbour; }
# Those that are to be refused may have ended before anybody could see their port.
doomed_primary()
{
    as source start p1 "$bin/sealift-primary" $(member_words p1) --kms-key-id alias/harbour \
        --coordinator "file:$work/coordinator"
}
doomed_replica()
{
    as destination start "$1" "$bin/sealift-replica" $(member_words "$1") --kms-key-id alias/harbour \
        --upstream "127.0.0.1:${port[p1]}"
}
primary --create --storage-encrypted
wait_status p1 state serving
replica r1
append_to p1 -q <<<"one"
wait_in_step p1 r1
is "the replica's copy is under its own region's key" "$(status r1 KmsKeyId)" "$west"
is "the primary's under its own" "$(status p1 KmsKeyId)" "$east"
stop r1 || bad "the replica stops"
stop p1 || bad "the primary stops"
primary
wait_status p1 state serving
replica r1
append_to p1 -q <<<"two"
wait_in_step p1 r1
wait_status r1 visible_lsn 2
is "both start again, and go on" "$(tail_from r1 | tr '\n' ' ')" "one two "
as destination sealift verify "$work/data-r1" $(key_services) >"$work/verified" 2>&1 \
    && ok "the copy verifies with kms:Decrypt alone" || bad "the copy verifies" "$(cat "$work/verified")"

# asked REGION: who has used which key for what, and what was denied.
asked()
{
    sqlite3 "$work/kms-$1/catalog.db" "SELECT DISTINCT principal, operation, key, error FROM audit_lines
        WHERE principal LIKE '%:role/%' ORDER BY principal, operation"
}
role=arn:aws:iam::$account:role
is "at home only this was asked for" "$(asked us-east-1)" \
    "$(printf '%s\n' "$role/source|Decrypt|$east|" "$role/source|GenerateDataKey|$east|")"
is "and abroad only this" "$(asked eu-west-1)" \
    "$(printf '%s\n' "$role/destination|Decrypt|$west|" "$role/source|Encrypt|$west|")"

# ---- one is taken away ----
# fault KEY REGION WHO ACTION: what is said then, whole.
fault()
{
    echo "KMSKeyNotAccessibleFault: the KMS key [$1] in $2 cannot be used by $role/$3 for kms:$4:" \
        "AccessDeniedException because no resource-based policy allows the kms:$4 action"
}
# refused_start WHAT NAME TEXT...: it ends with code 1, and has said each text.
refused_start()
{
    local what=$1 name=$2 text
    shift 2
    ended "$name" 20
    is "$what: ends" "$code" 1
    for text in "$@"; do
        says "$what" "$name" "$text" 1
    done
    : >"$work/log/$name"
}
leaves_nothing()
{
    is "$1" "$(find "$work/data-r2" -type f ! -name lock ! -path '*/spare/*')" ""
    rm -rf "$work/data-r2"
}

allow eu-west-1 "$west" destination:Decrypt
doomed_replica r2
refused_start "a new replica whose source may not encrypt" r2 \
    "The upstream p1 in us-east-1 refuses: $(fault "$west" eu-west-1 source Encrypt)"
says "the source says it too" p1 "why=E_KEY_DENIED text=\"$(fault "$west" eu-west-1 source Encrypt)" 1
leaves_nothing "nothing of it is left"
append_to p1 -q --durability region:1 <<<"three" && ok "the replica that is there needs no kms:Encrypt" \
    || bad "the replica that is there needs no kms:Encrypt"
stop r1 || bad "the replica stops"
replica r1
wait_in_step p1 r1
ok "nor to start again"

allow eu-west-1 "$west" source:Encrypt
doomed_replica r2
refused_start "a new replica that may not decrypt" r2 "$(fault "$west" eu-west-1 destination Decrypt)" \
    "Nothing was kept" "or with another --kms-key-id"
says "its source hears it" p1 "feed_bye member=r2 why=E_KEY_DENIED text=\"$(fault "$west" eu-west-1 destination Decrypt)" 1
leaves_nothing "nothing of it is left"
stop r1 || bad "the replica stops"
before=$(cd "$work/data-r1" && find . -type f ! -path './spare/*' ! -name lock -exec sha256sum {} + | sort)
doomed_replica r1
refused_start "a replica that may not decrypt any more" r1 "$(fault "$west" eu-west-1 destination Decrypt)" \
    "Nothing was changed" "start again when the key can be used"
is "its copy is as before" "$before" \
    "$(cd "$work/data-r1" && find . -type f ! -path './spare/*' ! -name lock -exec sha256sum {} + | sort)"

allow us-east-1 "$east" source:GenerateDataKey
stop p1 || bad "the primary stops"
doomed_primary
refused_start "a primary that may not decrypt" p1 "$(fault "$east" us-east-1 source Decrypt)" "Nothing was changed"
allow us-east-1 "$east" source:Decrypt
lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
issue p2 us-east-1 primary
as source start p2 "$bin/sealift-primary" --create --storage-encrypted --kms-key-id "$east" $(member_words p2) \
    --coordinator "file:$work/coordinator-2"
refused_start "a new cluster without kms:GenerateDataKey" p2 "$(fault "$east" us-east-1 source GenerateDataKey)" \
    "No cluster was made"

# ---- and given back ----
# The primary needs kms:GenerateDataKey no more: that was for the making.
allow eu-west-1 "$west" source:Encrypt destination:Decrypt
primary
wait_status p1 state serving
replica r1
replica r2
append_to p1 -q --durability region:1 <<<"four"
wait_in_step p1 r1 r2
for name in p1 r1 r2; do
    wait_status "$name" visible_lsn 4
    is "$name has everything" "$(tail_from $name | tr '\n' ' ')" "one two three four "
done
conclude
