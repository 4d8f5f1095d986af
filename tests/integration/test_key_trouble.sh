#!/usr/bin/env bash
# A key service that is down, slow, or says no: at the start of a primary, of a replica, at the
# greeting of a new one, and while they run. A member that runs needs it no more; one that starts
# waits for it, links already served, and says key, region, service and what to do.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od aws

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
append_to p1 -q --durability quorum:3 <<<"four" && ok "a key that is disabled stops nobody that runs"

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
# The wrong credentials are no way in, and no reason to wait for ever without a word.
start p1 env AWS_SECRET_ACCESS_KEY=wrongwrongwrongwrong "$bin/sealift-primary" $(member_words p1) \
    --coordinator "file:$work/coordinator"
says "wrong credentials are said as the service says it" p1 "InvalidSignatureException" 5
kill9 p1
start_primary p1
start_replica r1 p1
start_replica r3 p1
wait_status p1 state serving
wait_in_step p1 r1 r2 r3
for name in p1 r1 r2 r3; do
    wait_status "$name" visible_lsn "$(status p1 durable_lsn)"
    is "$name lost nothing" "$(tail_from $name | tr '\n' ' ')" "one two three four "
done
conclude
