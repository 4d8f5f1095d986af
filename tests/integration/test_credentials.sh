#!/usr/bin/env bash
# Members sign their requests to a key service with what users of AWS are used to: AWS_* in the
# environment alone, or a profile of the shared credentials file alone; the file may be the one in
# the home. Neither the environment of a running member nor its trace holds a secret.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 us-east-1 replica
start_keyd us-east-1
plan p1 r1 r2
id=$AWS_ACCESS_KEY_ID
secret=$AWS_SECRET_ACCESS_KEY
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# From here on no variable of AWS but those that a line names; HOME is a folder without anything.
mkdir -p "$work/home/.aws" "$work/empty"
export HOME=$work/empty
unset AWS_SHARED_CREDENTIALS_FILE
profile()
{
    printf '[default]\n# not the one\naws_access_key_id = AKIASTRANGERSTRANGER\n'
    printf 'aws_secret_access_key = strangerstranger\n\n[%s]\naws_access_key_id=%s\n' "$1" "$id"
    printf 'aws_secret_access_key=%s\n' "$secret"
}
(umask 077 && profile sea >"$work/profiles" && profile default >"$work/home/.aws/credentials")

# from_where NAME SOURCE: it says so, and holds no secret where others could look.
from_where()
{
    says "$1: its credentials are of the $2" "$1" "keys.credentials from=$2"
    if grep -qF "$secret" "$work/log/$1"; then bad "$1: no secret in the trace"; else ok "$1: no secret in the trace"; fi
    tr '\0' '\n' <"/proc/$(pid_of "$1")/environ" >"$work/environ"
    if ! grep -q '^PATH=' "$work/environ" || grep -qF "$secret" "$work/environ"; then
        bad "$1: no secret in its environment"
    else
        ok "$1: no secret in its environment"
    fi
}

AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret start_primary p1 --create --storage-encrypted
wait_status p1 state serving
from_where p1 environment
append_to p1 -q <<<"one"
AWS_SHARED_CREDENTIALS_FILE=$work/profiles AWS_PROFILE=sea start_replica r1 p1
HOME=$work/home start_replica r2 p1
wait_in_step p1 r1 r2
from_where r1 profile
from_where r2 profile

stop p1 || bad "the primary stops"
AWS_SHARED_CREDENTIALS_FILE=$work/profiles AWS_PROFILE=sea start_primary p1
wait_status p1 state serving
from_where p1 profile
append_to p1 -q <<<"two"
wait_in_step p1 r1 r2
is "nothing is lost" "$(tail_from p1 | tr '\n' ' ')" "one two "

# refuses_to_start WHAT TEXT VARIABLES...
refuses_to_start()
{
    local what=$1 text=$2
    shift 2
    # shellcheck disable=SC2046 # words
    start p1 env "$@" "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator"
    ended p1
    is "$what: refused" "$code" 1
    says "$what" p1 "$text" 1
}
stop p1 || bad "the primary stops"
refuses_to_start "nothing anywhere" "there is no $work/empty/.aws/credentials for a profile [default]" HOME="$work/empty"
refuses_to_start "the wrong profile" UnrecognizedClientException AWS_SHARED_CREDENTIALS_FILE="$work/profiles"
refuses_to_start "half a pair, with a good profile beside it" "but AWS_SECRET_ACCESS_KEY is not" \
    HOME="$work/home" AWS_ACCESS_KEY_ID="$id"
refuses_to_start "a session token, which this key service has never given" UnrecognizedClientException \
    AWS_ACCESS_KEY_ID="$id" AWS_SECRET_ACCESS_KEY="$secret" AWS_SESSION_TOKEN=token
refuses_to_start "the environment comes first" InvalidSignatureException \
    AWS_ACCESS_KEY_ID="$id" AWS_SECRET_ACCESS_KEY=wrongwrongwrongwrong HOME="$work/home"

# The command finds them too.
AWS_SHARED_CREDENTIALS_FILE=$work/profiles AWS_PROFILE=sea \
    sealift verify "$work/data-p1" --key-service "us-east-1=https://127.0.0.1:${kms_port[us-east-1]}" \
    --key-service-ca "$work/pki/ca.crt" >"$work/verified" 2>&1 && ok "'sealift verify' opens the copy with a profile" \
    || bad "'sealift verify' opens the copy with a profile" "$(cat "$work/verified")"
conclude
