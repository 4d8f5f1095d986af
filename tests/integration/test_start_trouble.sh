#!/usr/bin/env bash
# What keeps a member from starting: settings that are wrong, a folder or a port that somebody else
# has, files that are missing. One sentence each, the exit code tells mistakes (2) from refusals (1),
# and a start that came to nothing leaves nothing behind.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od flock openssl

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
plan p1 r1
data=$work/data-p1
words="--data $data --listen 127.0.0.1:${port[p1]} $(tls_of p1) --coordinator file:$work/coordinator"
mkdir "$work/elsewhere"
(umask 077 && printf '[default]\naws_access_key_id = x\naws_secret_access_key = y\n' >"$work/profiles")

# refuses CODE WHAT TEXT COMMAND...: exits with CODE, says TEXT, in one line.
refuses()
{
    local want=$1 what=$2 text=$3 said code=0
    shift 3
    said=$(timeout 30 "$@" 2>&1 >/dev/null) || code=$?
    said=$(sed '/^20..-..-..T/d; /^Try .*--help/,$d' <<<"$said") # not the trace, nor argp's advice
    if [ "$code" != "$want" ]; then
        bad "$what" "exit code $code, not $want: $said"
    elif [[ $said != *"$text"* ]]; then
        bad "$what" "does not say '$text': $said"
    elif [ "$(wc -l <<<"$said")" != 1 ]; then
        bad "$what" "says more than one line: $said"
    else
        ok "$what ($text)"
    fi
}
primary() { echo "$bin/sealift-primary" $words; }
replica() { echo "$bin/sealift-replica" --data "$work/data-r1" --listen "127.0.0.1:${port[r1]}" $(tls_of r1) --upstream "127.0.0.1:${port[p1]}"; }

# ---- settings: exit code 2, nothing touched ----
mistake()
{
    local text=$1
    shift
    refuses 2 "$*" "$text" $(primary) "$@"
}
mistake "unrecognized option '--no-such-option'" --no-such-option
mistake "this program takes options only" a-word
mistake "ambiguous" --seg 4M
for name in window-bytes segment-bytes feed-window-bytes segments-max; do
    for value in 0 -1 x 4T 4MM 99999999999999999999 ""; do
        mistake "--$name $value: must be a size like" --$name "$value"
    done
done
mistake "--segment-bytes must be a multiple of 4096" --segment-bytes 5000
mistake "--segments-max 4G: at most 2147483647" --segments-max 4G
mistake "must be local, quorum:1 to quorum:16" --durability most
mistake "must be local, quorum:1 to quorum:16" --durability quorum:17
mistake "--engine: must have 1 to" --engine ""
mistake "--cluster-id: must have 1 to" --cluster-id ""
mistake "--kms-key-id: must have 1 to" --kms-key-id ""
mistake "must be REGION=https://HOST:PORT" --key-service us-east-1
refuses 2 "no data folder" "--data is missing" "$bin/sealift-primary" $(tls_of p1) --coordinator "file:$work/c"
refuses 2 "no certificate" "--cert is missing" "$bin/sealift-primary" --data "$data" --ca x --key x --coordinator "file:$work/c"
refuses 2 "no coordinator" "--coordinator is missing" "$bin/sealift-primary" --data "$data" $(tls_of p1)
refuses 2 "no upstream" "--upstream is missing" "$bin/sealift-replica" --data "$data" $(tls_of r1)
refuses 2 "an upstream that is none" "must be HOST:PORT" $(replica) --upstream unix:/x
echo "no-such-setting = 1" >"$work/bad.ini"
refuses 2 "a settings file with an unknown setting" "no-such-setting" $(primary) --conf "$work/bad.ini"
refuses 2 "a settings file that is not there" "none.ini" $(primary) --conf "$work/none.ini"

# ---- what people type ----
for program in sealift sealift-primary sealift-replica sealift-keyd; do
    is "$program says which it is" "$("$bin/$program" --version)" "$program 0.1.0"
done
for value in 0 -1 x 5x 99999999999999999999 4294967297 ""; do
    refuses 2 "--days $value" "--days $value: takes 1 to 36500" "$bin/sealift" pki init --dir "$work/none" --days "$value"
    refuses 2 "--seconds $value" "--seconds $value: takes 1 to 2147483647" "$bin/sealift" pki init --dir "$work/none" --seconds "$value"
done
for verb in "append --to" "tail --from"; do
    refuses 2 "$verb, from nobody" "give --pki DIR, or set SEALIFT_PKI" "$bin/sealift" $verb 127.0.0.1:1
    refuses 2 "$verb, two forms" "--frames and --lines contradict each other" \
        "$bin/sealift" $verb 127.0.0.1:1 --frames --lines
done
refuses 2 "append, two others" "--lines and --raw contradict each other" "$bin/sealift" append --lines --raw 5
for verb in status verify promote; do
    said=$(limit 20 "$bin/sealift" $verb 127.0.0.1:1 2>&1) && bad "$verb, from nobody" "is not refused"
    [[ $said == *"give --pki DIR, or set SEALIFT_PKI"* ]] && ok "$verb, from nobody" || bad "$verb, from nobody" "$said"
done

# ---- refused: exit code 1 ----
refuse() { refuses 1 "$@"; }
refuse "a window that no batch fits into" "window_bytes is 4096" $(primary) --create --window-bytes 4096
refuse "a listen address that is none" "nowhere" $(primary) --create --listen nowhere
refuse "a port beyond the last" "65536" $(primary) --create --listen 127.0.0.1:65536
refuse "a key service without TLS" "must be REGION=https://HOST:PORT" env AWS_ACCESS_KEY_ID=x \
    AWS_SECRET_ACCESS_KEY=y $(primary) --create --key-service us-east-1=http://127.0.0.1:1
no_keys() { refuse "$1" "$2" env "${@:3}" $(primary) --create --key-service us-east-1=https://127.0.0.1:1; }
no_keys "a key service without credentials" \
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment, and there is no /dev/null"
no_keys "half a pair of credentials" "AWS_ACCESS_KEY_ID is in the environment, but AWS_SECRET_ACCESS_KEY is not" \
    AWS_ACCESS_KEY_ID=x
no_keys "a profile that is not there" "$work/profiles has no profile [sea]" \
    AWS_SHARED_CREDENTIALS_FILE="$work/profiles" AWS_PROFILE=sea
chmod 644 "$work/profiles"
no_keys "profiles that others may read" "chmod 600" AWS_SHARED_CREDENTIALS_FILE="$work/profiles"
refuse "a coordinator that is no file" "must be file:PATH" $(primary) --create --coordinator etcd:x
refuse "a coordinator in no folder" "cannot find its folder" $(primary) --create --coordinator "file:$work/none/c"
refuse "a coordinator inside the data folder" "lies inside the data folder" \
    $(primary) --create --coordinator "file:$data/coordinator"
for file in ca cert key; do
    refuse "a $file that is not there" "none.pem" $(primary) --create --$file "$work/none.pem"
done
refuse "a key of another certificate" "r1.key" $(primary) --create --key "$work/pki/r1.key"
echo nonsense >"$work/nonsense.pem"
refuse "a certificate that is none" "nonsense.pem" $(primary) --create --cert "$work/nonsense.pem"
refuse "a replica's certificate" "role replica" $(primary) --create $(tls_of r1)
[ ! -e "$data" ] && ok "the data folder was never made" || bad "the data folder was never made" "$(ls "$data")"

# ---- folders and ports that somebody has ----
touch "$work/a-file"
refuse "a data folder that is a file" "$work/a-file" $(primary) --create --data "$work/a-file"
refuse "a data folder in no folder" "$work/none/data" $(primary) --create --data "$work/none/data"
refuse "a data folder that is not there, without --create" "No such file or directory (E_MISSING)" $(primary)
mkdir "$data"
refuse "an empty data folder, without --create" "--create" $(primary)
is "it is still empty" "$(ls -A "$data")" ""
rmdir "$data"
python3 -c '
import socket, sys, time
held = socket.socket(); held.bind(("127.0.0.1", int(sys.argv[1]))); held.listen(); print("held", flush=True); time.sleep(60)' \
    "${port[p1]}" >"$work/held" &
echo $! >"$work/pid/holder"
for i in $(seq 50); do [ -s "$work/held" ] && break; sleep 0.1; done
refuse "a port in use" "127.0.0.1:${port[p1]}" $(primary) --create --no-storage-encrypted
[ ! -e "$data" ] && ok "no folder is left behind" || bad "no folder is left behind" "$(find "$data")"
[ ! -e "$work/coordinator" ] && ok "nor a claim" || bad "nor a claim"
refuse "a metrics port in use" "127.0.0.1:${port[p1]}" $(primary) --create --no-storage-encrypted \
    --listen 127.0.0.1:0 --metrics "127.0.0.1:${port[p1]}"
issue k1 us-east-1 keyd any --host 127.0.0.1
keyd() { echo "$bin/sealift-keyd" --create --region us-east-1 --listen "127.0.0.1:${port[p1]}" --cert "$work/pki/k1.crt" --key "$work/pki/k1.key"; }
# A certificate that is none for it: before anything is made.
issue k2 us-east-1 keyd any
issue k3 eu-west-1 keyd any --host 127.0.0.1
issue p3 us-east-1 primary "$lineage" --host 127.0.0.1
own_of() { echo --cert "$work/pki/$1.crt" --key "$work/pki/$1.key"; }
refuse "a key service's certificate without a name" "k2.crt: no DNS name and no IP address is in it" \
    $(keyd) --data "$work/keys" --listen 127.0.0.1:0 $(own_of k2)
refuse "one of another region" "k3.crt: a certificate of region eu-west-1; this key service is that of us-east-1" \
    $(keyd) --data "$work/keys" --listen 127.0.0.1:0 $(own_of k3)
refuse "a member's" "p3.crt: a certificate for role primary; a key service needs role keyd" \
    $(keyd) --data "$work/keys" --listen 127.0.0.1:0 $(own_of p3)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=c -addext \
    subjectAltName=IP:127.0.0.1 -addext extendedKeyUsage=clientAuth -keyout "$work/pki/c.key" -out "$work/pki/c.crt" 2>/dev/null
refuse "a client's" "c.crt: not for a TLS server" $(keyd) --data "$work/keys" --listen 127.0.0.1:0 $(own_of c)
[ ! -e "$work/keys" ] && ok "nothing is left behind" || bad "nothing is left behind" "$(find "$work/keys")"
refuse "a key service's port in use" "127.0.0.1:${port[p1]}" $(keyd) --data "$work/keys"
[ ! -e "$work/keys" ] && ok "no folder is left behind" || bad "no folder is left behind" "$(find "$work/keys")"
mkdir "$work/keys" "$work/secrets"
touch "$work/keys/note"
refuse "the same, with files elsewhere" "127.0.0.1:${port[p1]}" $(keyd) --data "$work/keys" \
    --root-key-file "$work/secrets/root" --credentials "$work/secrets/credentials"
is "no secret is left behind, and nothing of others is taken" "$(ls -A "$work/keys" "$work/secrets" | xargs)" \
    "$work/keys: note $work/secrets:"
kill9 holder
start keys $(keyd) --data "$work/keys"
wait_for_port keys "${port[p1]}"
says_made=$(grep -c "^root key: $work/keys/root.key\|^credentials: $work/keys/credentials" "$work/log/keys")
is "a start that succeeds says what it has made" "$says_made" 2
refuse "its folder in use by another process" E_LOCKED $(keyd) --data "$work/keys"
stop keys
secrets=$(sha256sum "$work/keys/root.key" "$work/keys/credentials")
refuse "a port that is none, with keys that are there" nowhere $(keyd) --data "$work/keys" --listen nowhere
is "what was there before stays" "$(sha256sum "$work/keys/root.key" "$work/keys/credentials")" "$secrets"
[ -s "$work/keys/catalog.db" ] && ok "the catalog too" || bad "the catalog too"

# A coordinator whose lock somebody holds: links are served meanwhile, the start goes on afterwards.
touch "$work/coordinator.lock"
start lock flock "$work/coordinator.lock" sleep 3
sleep 0.3
start p1 $(primary) --create --no-storage-encrypted
wait_for_port p1 "${port[p1]}"
wait_status p1 state asking-coordinator 2 && ok "a lock that somebody holds does not stop the links"
wait_status p1 state serving
append_to p1 -q <<<"one record"
stop lock || true

refuse "a folder in use by another process" "in use by process $(pid_of p1) (E_LOCKED)" $(primary)
refuse "a second primary on the same coordinator" "The coordinator knows" "$bin/sealift-primary" --create \
    --no-storage-encrypted --data "$work/second" --listen 127.0.0.1:0 $(tls_of p1) --coordinator "file:$work/coordinator"
[ ! -e "$work/second" ] && ok "it leaves nothing behind" || bad "it leaves nothing behind" "$(find "$work/second")"

# A folder of another cluster.
first=$lineage
lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
issue p2 us-east-1 primary
issue r2 us-east-1 replica
stop p1
before=$(cd "$data" && find . -type f ! -path './spare/*' ! -name lock -exec sha256sum {} + | sort)
refuse "a folder of another cluster" "E_FOREIGN_FOLDER" $(primary) $(tls_of p2) --coordinator "file:$work/coordinator2"
refuse "another cluster's coordinator" "another lineage" "$bin/sealift-primary" --create --no-storage-encrypted \
    --data "$work/data-p2" --listen 127.0.0.1:0 $(tls_of p2) --coordinator "file:$work/coordinator"
refuse "a folder of another cluster, on a replica" "E_FOREIGN_FOLDER" "$bin/sealift-replica" --data "$data" \
    --listen 127.0.0.1:0 $(tls_of r2) --upstream 127.0.0.1:1
after=$(cd "$data" && find . -type f ! -path './spare/*' ! -name lock -exec sha256sum {} + | sort)
is "the folder is as before" "$after" "$before"

# ---- --segments-max ----
start p1 $(primary) --segments-max 3 --segment-bytes 2M
wait_for_port p1 "${port[p1]}"
wait_status p1 state serving
refused "a WAL as long as --segments-max allows" "--segments-max" \
    append_to p1 -q --raw 1000000 <(head -c 9000000 /dev/zero)
stop p1 || bad "it stops"
start p1 $(primary) --segments-max 8 --segment-bytes 2M
wait_for_port p1 "${port[p1]}"
wait_status p1 state serving
append_to p1 -q <<<"goes on" && ok "with a larger --segments-max it goes on"
is "and nothing acknowledged is lost" "$(tail_from p1 --count 1)" "one record"
stop p1 || bad "it stops"
refuse "fewer segments than there are" "segments" $(primary) --segments-max 2

# ---- missing files ----
for file in descriptor control; do
    mv "$data/$file" "$work/$file"
    refuse "without $file" "$file" $(primary)
    mv "$work/$file" "$data/$file"
done
segment=$(find "$data/wal" -name '*.seg' | sort | sed -n 2p)
mv "$segment" "$work/segment"
start p1 $(primary) --segments-max 9 --segment-bytes 2M
wait_for_port p1 "${port[p1]}"
wait_status p1 state repairing
says "without a segment it takes nothing, and says which it lacks" p1 "egment 1"
stop p1 || bad "it stops while it waits for a copy"
mv "$work/segment" "$segment"
start p1 $(primary) --segments-max 9 --segment-bytes 2M
wait_for_port p1 "${port[p1]}"
wait_status p1 state serving
is "with all of them nothing is lost" "$(tail_from p1 --count 1)" "one record"
conclude
