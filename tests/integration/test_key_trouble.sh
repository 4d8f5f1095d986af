#!/usr/bin/env bash
# A key service that is down, slow, or says no: at the start of a primary, of a replica, at the
# greeting of a new one, and while they run. A member that runs needs it no more; one that starts
# waits for it, links already served, and says key, region, service and what to do.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od aws curl
member_options="--key-poll 1h" # of a key that is refused while they run: test_key_loss.sh

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 eu-west-1 replica
issue r3 us-east-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 r2 r3
east=${kms_port[us-east-1]}
west=${kms_port[eu-west-1]}

kms()
{
    local region=$1
    shift
    AWS_CA_BUNDLE=$work/pki/ca.crt AWS_DEFAULT_REGION=$region AWS_MAX_ATTEMPTS=1 AWS_PAGER="" \
        AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null \
        timeout 60 aws --endpoint-url "https://127.0.0.1:${kms_port[$region]}" --output text kms "$@" \
        2>>"$work/log/aws"
}
own=$(kms us-east-1 create-key --query KeyMetadata.Arn)
start_primary p1 --create --storage-encrypted --kms-key-id "$own"
start_replica r1 p1
start_replica r2 p1 --kms-key-id alias/aws/rds
append_to p1 -q <<<"one"
wait_in_step p1 r1 r2
east_key=$(status p1 KmsKeyId)
west_key=$(status r2 KmsKeyId)

# ---- down while they run ----
kill9 kms-us-east-1
kill9 kms-eu-west-1
append_to p1 -q --durability quorum:2 <<<"two" && ok "members that run need no key service" \
    || bad "members that run need no key service"

# ---- down when they start ----
kill9 r2
start r2 "$bin/sealift-replica" $(member_words r2) --upstream "127.0.0.1:${port[p1]}"
wait_for_port r2 "${port[r2]}"
says "a replica that starts meanwhile says whom it cannot reach" r2 "127.0.0.1 port $west"
says "with the key" r2 "$west_key"
wait_status r2 state opening
is_running r2 && ok "and waits, its links served"
start r3 "$bin/sealift-replica" $(member_words r3) --upstream "127.0.0.1:${port[p1]}"
wait_for_port r3 "${port[r3]}"
says "a new replica is told at the greeting" r3 "E_KEY_UNREACHABLE" 20
stop p1 || bad "the primary stops"
start p1 "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator"
wait_for_port p1 "${port[p1]}"
says "a primary that starts meanwhile says whom it cannot reach" p1 "127.0.0.1 port $east"
is "it waits, its links served" "$(status p1 state)" opening
start_keyd us-east-1
start_keyd eu-west-1
wait_status p1 state serving
wait_in_step p1 r1 r2 r3
is "when it is back, so are they, without a restart" "$(tail_from r2)" "$(printf 'one\ntwo')"

# ---- slow: stopped in its tracks ----
kill -STOP "$(pid_of kms-us-east-1)"
append_to p1 -q --durability quorum:3 <<<"three" && ok "a slow key service slows down nobody that runs"
kill9 p1
start p1 "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator"
wait_for_port p1 "${port[p1]}"
wait_status p1 state opening 5
sleep 1
kill -CONT "$(pid_of kms-us-east-1)"
wait_status p1 state serving
ok "a primary that starts waits for it"
wait_in_step p1 r1 r2 r3

# ---- says no ----
kms us-east-1 disable-key --key-id "$east_key" || bad "the key is disabled"
append_to p1 -q --durability quorum:3 <<<"four" && ok "a key that is disabled stops nobody before the next look"

# gives_up NAME WHAT: it ends with code 1 and a sentence with key, region, cause.
gives_up()
{
    ended "$1" 20
    is "$2: refused" "$code" 1
    says "$2: the key is named" "$1" "$east_key" 1
    says "$2: and its region" "$1" "in us-east-1" 1
    says "$2: and why, in the service's own words" "$1" "DisabledException: $own is disabled" 1
    says "$2: and what to do" "$1" "start again when the key can be used" 1
    : >"$work/log/$1"
}
kill9 r1
start r1 "$bin/sealift-replica" $(member_words r1) --upstream "127.0.0.1:${port[p1]}"
gives_up r1 "a replica that starts with a disabled key"
kill9 r3
rm -r "$work/data-r3"
start r3 "$bin/sealift-replica" $(member_words r3) --upstream "127.0.0.1:${port[p1]}"
gives_up r3 "a new replica with a disabled key"
kill9 p1
start p1 "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator"
gives_up p1 "a primary that starts with a disabled key"

kms us-east-1 enable-key --key-id "$east_key" || bad "the key is enabled"

# ---- does not take us, or is not named: nothing to wait for ----

# wrong_start NAME WHAT TEXT...: it ends with code 1 and a sentence that has all texts.
wrong_start()
{
    local name=$1 what=$2 text
    shift 2
    ended "$name" 20
    is "$what: refused" "$code" 1
    for text in "$@"; do
        says "$what" "$name" "$text" 1
    done
    : >"$work/log/$name"
}
# unnamed REGION WORDS...: the words without that region's key service.
unnamed()
{
    local region=$1
    shift
    sed "s|--key-service $region=[^ ]*||" <<<"$*"
}
before=$(cd "$work/data-p1" && find . -type f ! -path './spare/*' ! -name lock -exec sha256sum {} + | sort)
start p1 env AWS_SECRET_ACCESS_KEY=wrongwrongwrongwrong "$bin/sealift-primary" $(member_words p1) \
    --coordinator "file:$work/coordinator"
wrong_start p1 "a primary with a wrong secret" E_KEY_CREDENTIALS "in us-east-1" InvalidSignatureException \
    "start again with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
start p1 env AWS_ACCESS_KEY_ID=AKIASTRANGERSTRANGER "$bin/sealift-primary" $(member_words p1) \
    --coordinator "file:$work/coordinator"
wrong_start p1 "a primary with a stranger's key id" UnrecognizedClientException
start p1 "$bin/sealift-primary" $(unnamed us-east-1 $(member_words p1)) --coordinator "file:$work/coordinator"
wrong_start p1 "a primary without its region's key service" E_KEY_NO_SERVICE \
    "start again with --key-service us-east-1=https://HOST:PORT"
is "none of them has changed its folder" "$before" \
    "$(cd "$work/data-p1" && find . -type f ! -path './spare/*' ! -name lock -exec sha256sum {} + | sort)"
start new "$bin/sealift-primary" --create --storage-encrypted --data "$work/data-new" --listen 127.0.0.1:0 \
    $(tls_of p1) --coordinator "file:$work/coordinator-new"
wrong_start new "a new cluster without any key service" "no --key-service is given for region us-east-1" \
    "No cluster was made" "start again with --key-service us-east-1=https://HOST:PORT"
start new env AWS_SECRET_ACCESS_KEY=wrongwrongwrongwrong "$bin/sealift-primary" --create --storage-encrypted \
    --data "$work/data-new" --listen 127.0.0.1:0 $(tls_of p1) $(key_services) --coordinator "file:$work/coordinator-new"
wrong_start new "a new cluster with a wrong secret" InvalidSignatureException "No cluster was made" \
    "start again with AWS_ACCESS_KEY_ID"
[ ! -e "$work/data-new" ] && ok "nothing is left behind" || bad "nothing is left behind" "$(find "$work/data-new")"

# The primary knows no key service for the region of a new replica: both say so, and it serves on.
metrics=$(free_port)
start p1 "$bin/sealift-primary" $(unnamed eu-west-1 $(member_words p1)) --metrics "127.0.0.1:$metrics" \
    --coordinator "file:$work/coordinator"
wait_for_port p1 "${port[p1]}"
wait_status p1 state serving
issue r4 eu-west-1 replica
port[r4]=$(free_port)
for i in 1 2 3; do
    start r4 "$bin/sealift-replica" $(member_words r4) --upstream "127.0.0.1:${port[p1]}" --kms-key-id alias/aws/rds
    wrong_start r4 "a new replica whose upstream lacks its key service" E_KEY_NO_SERVICE \
        "The upstream p1 in us-east-1 refuses: KMSKeyNotAccessibleFault" \
        "start again with --key-service eu-west-1=https://HOST:PORT"
done
is "the primary says it once" "$(grep -c key_service_trouble "$work/log/p1")" 1
[[ $(status p1 notice) == *"key service of eu-west-1 (E_KEY_NO_SERVICE)"* ]] && ok "and shows it" \
    || bad "and shows it" "$(status p1 notice)"
is "it serves" "$(status p1 state)" serving
is "and shows what its own key service said last" \
    "$(curl -s "http://127.0.0.1:$metrics/metrics" | grep '^sealift_key_service_ok')" \
    'sealift_key_service_ok{region="us-east-1",last="OK"} 1'
stop p1 || bad "it stops"

# Credentials that are taken back while it runs.
start p1 "$bin/sealift-primary" $(member_words p1) --metrics "127.0.0.1:$metrics" --coordinator "file:$work/coordinator"
wait_for_port p1 "${port[p1]}"
wait_status p1 state serving
mv "$work/credentials" "$work/credentials.old"
sed 's/^secret_access_key *=.*/secret_access_key = anothersecretanothersecretanothersecret/' \
    "$work/credentials.old" >"$work/credentials"
chmod 600 "$work/credentials"
kill -HUP "$(pid_of kms-eu-west-1)"
says "the key service takes others now" kms-eu-west-1 "reload.done"
for i in 1 2; do
    start r4 "$bin/sealift-replica" $(member_words r4) --upstream "127.0.0.1:${port[p1]}" --kms-key-id alias/aws/rds
    wrong_start r4 "a new replica whose upstream is not taken any more" E_KEY_CREDENTIALS \
        "InvalidSignatureException" "it must start again with AWS_ACCESS_KEY_ID"
done
is "the primary says it once" "$(grep -c 'key_service_trouble why=E_KEY_CREDENTIALS' "$work/log/p1")" 1
[[ $(status p1 notice) == *"key service of eu-west-1 (E_KEY_CREDENTIALS)"* ]] && ok "and shows it" \
    || bad "and shows it" "$(status p1 notice)"
curl -s "http://127.0.0.1:$metrics/metrics" | grep -qF 'sealift_key_service_ok{region="eu-west-1",last="E_KEY_CREDENTIALS"} 0' \
    && ok "in its metrics too" || bad "in its metrics too" "$(curl -s "http://127.0.0.1:$metrics/metrics" | grep key_service)"
mv "$work/credentials.old" "$work/credentials"
kill -HUP "$(pid_of kms-eu-west-1)"
sleep 0.5
start_replica r4 p1 --kms-key-id alias/aws/rds
wait_in_step p1 r4
is "once it is taken again, it shows nothing" "$(status p1 notice)" ""
start_replica r1 p1
start_replica r3 p1
wait_status p1 state serving
wait_in_step p1 r1 r2 r3
for name in p1 r1 r2 r3; do
    wait_status "$name" visible_lsn "$(status p1 durable_lsn)"
    is "$name lost nothing" "$(tail_from $name | tr '\n' ' ')" "one two three four "
done
conclude
