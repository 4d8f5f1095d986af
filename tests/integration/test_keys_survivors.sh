#!/usr/bin/env bash
# `sealift keys survivors`: before a key is deleted, which copies would not open any more and which
# would; and that the verdict is true once it is gone.
source "$(dirname "$0")/lib.sh"
need_tools python3 aws

pki_init
issue p1 us-east-1 primary
issue r1 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
export AWS_CA_BUNDLE=$work/pki/ca.crt AWS_MAX_ATTEMPTS=1 AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_PAGER=
kms() { limit 60 aws --region "$1" --endpoint-url "https://127.0.0.1:${kms_port[$1]}" --output text kms "${@:2}"; }
us=$(kms us-east-1 create-key --query KeyMetadata.Arn)
eu=$(kms eu-west-1 create-key --query KeyMetadata.Arn)
kms us-east-1 create-alias --alias-name alias/mine --target-key-id "$us"
plan p1 r1
start_primary p1 --create --storage-encrypted --kms-key-id "$us"
wait_status p1 state serving
start_replica r1 p1 --kms-key-id "$eu"
append_to p1 -q --raw 1000 <(head -c 20000 /dev/urandom)
wait_in_step p1 r1

survivors() { limit 60 "$bin/sealift" keys survivors --pki "$work/pki" "$@"; }
# code COMMAND...: its exit code; what it said is in $work/said.
code()
{
    local code=0
    "$@" >"$work/said" 2>&1 || code=$?
    echo "$code"
}
says() { grep -qF -- "$2" "$work/said" && ok "$1" || bad "$1" "$(cat "$work/said")"; }

p1=127.0.0.1:${port[p1]} r1=127.0.0.1:${port[r1]}
is "folders and members of two regions: each lineage survives" "$(code survivors "$us" "$work/data-p1" "$p1" "$work/data-r1" "$r1")" 3
says "two would not open" "2 copies would not open any more."
says "and where it survives" "Lineage $lineage would survive in eu-west-1."
is "the primary's copies alone: the lineage is lost" "$(code survivors "$us" "$work/data-p1" "$p1")" 4
says "and that is said" "Lineage $lineage would be LOST"
is "the other region's key costs the other copies" "$(code survivors "$eu" "$work/data-p1" "$work/data-r1")" 3
says "so it survives here" "Lineage $lineage would survive in us-east-1."
is "another key costs nothing" "$(code survivors "${us%?}x" "$work/data-p1" "$work/data-r1")" 0
is "a copy that is not there: no whole verdict" "$(code survivors "$us" "$work/data-p1" "$work/none")" 1
says "and that is said" "1 copy could not be read: this is no whole verdict."
is "an alias takes a key service" "$(code survivors us-east-1=alias/mine "$work/data-p1")" 2
says "and that is said" "only the key service of its region can say"
is "which resolves it" "$(code survivors us-east-1=alias/mine "$work/data-p1" "$work/data-r1" $(key_services) --json)" 3
is "to the key" "$(python3 -c "import json, sys; o = json.load(open('$work/said')); print(o['KmsKeyId'], o['key_state'])")" "$us Enabled"
is "an alias that is not there" "$(code survivors us-east-1=alias/none "$work/data-p1" $(key_services))" 1
says "and that is said" E_KEY_NOT_FOUND
is "words without form" "$(code survivors "$work/data-p1" "$work/data-r1")" 2

# ---- and it is so ----
kms us-east-1 schedule-key-deletion --key-id "$us" --pending-window-in-days 7 >/dev/null
is "the key's state is shown" "$(code survivors "$us" "$work/data-p1" "$work/data-r1" $(key_services))" 3
says "before it is too late" "which is now PendingDeletion"
stop r1 || bad "the replica stops"
stop p1 || bad "the primary stops"
verify() { limit 60 "$bin/sealift" verify "$1" $(key_services); }
refused "the copy of which it was said does not open" E_KEY_PENDING_DELETION verify "$work/data-p1"
is "the other does" "$(code verify "$work/data-r1")" 0
is "stopped folders give the same verdict" "$(code survivors "$us" "$work/data-p1" "$work/data-r1")" 3
conclude
