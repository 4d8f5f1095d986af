#!/usr/bin/env bash
# Each thing that must be refused is refused by name, with a message that helps, and changes no byte.
source "$(dirname "$0")/lib.sh"
need_tools python3 od openssl sha256sum

tree() { (cd "$1" && find . -type f ! -name lock ! -path './spare/*' -exec sha256sum {} + | sort); }

# unchanged FOLDER WHAT TEXT COMMAND...: refused, and the folder is as before.
unchanged()
{
    local folder=$1 before
    shift
    before=$(tree "$folder")
    refused "$@"
    [ "$before" = "$(tree "$folder")" ] || bad "$1" "changed $folder"
}

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 r2 x

primary() { limit 60 "$bin/sealift-primary" $(member_words "$1") --coordinator "file:$work/coordinator" "${@:2}"; }
replica() { limit 60 "$bin/sealift-replica" $(member_words "$1") --upstream "127.0.0.1:${port[p1]}" "${@:2}"; }

refused "an empty folder without --create" "--create" primary p1
refused "a key without encryption (R1)" InvalidParameterCombination \
    primary p1 --create --no-storage-encrypted --kms-key-id alias/aws/rds
refused "a coordinator inside the data folder" coordinator \
    "$bin/sealift-primary" $(member_words p1) --create --coordinator "file:$work/data-p1/coordinator"
refused "an option that is not there" "unrecognized option" primary p1 --no-such-option
refused "a certificate that is not there" "none.crt" "$bin/sealift-primary" --data "$work/data-p1" \
    --listen 127.0.0.1:0 --ca "$work/pki/ca.crt" --cert "$work/none.crt" --key "$work/none.key" \
    --coordinator "file:$work/coordinator" --create
refused "a replica's certificate on a primary" role "$bin/sealift-primary" --data "$work/data-p1" \
    --listen 127.0.0.1:0 $(tls_of r1) --coordinator "file:$work/coordinator" --create

start_primary p1 --create --storage-encrypted
mkdir "$work/data-r1" "$work/data-r2"
append_to p1 -q <<<"one record"
refused "a folder in use" E_LOCKED primary p1
refused "a port in use" "${port[p1]}" \
    "$bin/sealift-replica" --data "$work/data-r1" --listen "127.0.0.1:${port[p1]}" $(tls_of r1) \
    $(key_services) --upstream "127.0.0.1:${port[p1]}"
unchanged "$work/data-r1" "an unencrypted replica of an encrypted cluster (R12)" InvalidParameterCombination \
    replica r1 --no-storage-encrypted
unchanged "$work/data-r1" "another key in the cluster's own region (R13)" InvalidParameterCombination \
    replica r1 --kms-key-id arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000
unchanged "$work/data-r2" "no key in another region (R14)" KMSKeyNotAccessibleFault replica r2
unchanged "$work/data-r2" "a key of another region (R14)" KMSKeyNotAccessibleFault \
    replica r2 --kms-key-id "$(status p1 KmsKeyId)"
unchanged "$work/data-r2" "a key that is not there (R14)" KMSKeyNotAccessibleFault \
    replica r2 --kms-key-id arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000
refused "an oversized record" E_RECORD_TOO_LARGE append_to p1 --frames <(printf "\1\0\200\0")
refused "a frame of no bytes" E_EMPTY append_to p1 --frames <(printf '\0\0\0\0')
refused "a frame that ends early" E_TRUNCATED append_to p1 --frames <(printf '\5\0\0\0abc')
refused "an append to nobody" E_UNREACHABLE timeout 50 \
    "$bin/sealift" append --pki "$work/pki" --to "127.0.0.1:$(free_port)" <<<"x"

# other people's certificates
"$bin/sealift" pki init --dir "$work/pki2" --deployment test >/dev/null
"$bin/sealift" pki issue --dir "$work/pki2" --name client --region us-east-1 --role client --lineage any >/dev/null
refused "a client of another CA" E_CERTIFICATE "$bin/sealift" append --ca "$work/pki2/ca.crt" \
    --cert "$work/pki2/client.crt" --key "$work/pki2/client.key" --to "127.0.0.1:${port[p1]}" <<<"x"
saved=$lineage
lineage=00112233445566778899aabbccddeeff
issue other us-east-1 replica
lineage=$saved
plan other
refused "a replica of another lineage" "(E_LINEAGE)" "$bin/sealift-replica" $(member_words other) \
    --upstream "127.0.0.1:${port[p1]}"
is "and stores nothing" "$(find "$work/data-other" -type f ! -name lock ! -path '*/spare/*')" ""

# s_client gets no byte of the WAL. With a replica's certificate and the one right suite it is greeted
# at once, with the descriptor's bytes: that shows that each of the others would be seen to be.
"$bin/sealift" pki issue --dir "$work/pki2" --name r1 --region us-east-1 --role replica --lineage "$lineage" >/dev/null
tls_client()
{
    limit 5 openssl s_client -connect "127.0.0.1:${port[p1]}" -quiet "$@" </dev/null 2>/dev/null || true
}
greeting() { tls_client -alpn sealift/1 "$@"; }
as() { echo -cert "$work/${2:-pki}/$1.crt" -key "$work/${2:-pki}/$1.key"; }
greeting -tls1_3 $(as r1) >"$work/greeting"
grep -qF "$(head -c 8 "$work/data-p1/descriptor")" "$work/greeting" && ok "a replica is greeted with the descriptor" \
    || bad "a replica is greeted with the descriptor" "$(wc -c <"$work/greeting") bytes"
is "TLS 1.2 gets no byte" "$(greeting -tls1_2 $(as r1) | wc -c)" 0
is "AES-128 gets no byte" "$(greeting -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 $(as r1) | wc -c)" 0
is "ChaCha20 gets no byte" "$(greeting -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256 $(as r1) | wc -c)" 0
is "no certificate gets no byte" "$(greeting -tls1_3 | wc -c)" 0
is "another CA's certificate gets no byte" "$(greeting -tls1_3 $(as r1 pki2) | wc -c)" 0
is "no ALPN gets no byte" "$(tls_client -tls1_3 $(as r1) | wc -c)" 0
greeting -tls1_3 $(as other) >"$work/greeting"
if grep -qF "another lineage" "$work/greeting" && ! grep -qF SEALDESC "$work/greeting"; then
    ok "another cluster's certificate gets a goodbye and nothing else"
else
    bad "another cluster's certificate gets a goodbye and nothing else" "$(tr -d '\0' <"$work/greeting")"
fi

# nonsense does not hurt
head -c 100000 /dev/urandom | timeout 5 openssl s_client -connect "127.0.0.1:${port[p1]}" -quiet -alpn sealift/1 \
    -tls1_3 -cert "$work/pki/client.crt" -key "$work/pki/client.key" >/dev/null 2>&1 || true
head -c 100000 /dev/urandom >"/dev/tcp/127.0.0.1/${port[p1]}" 2>/dev/null || true
append_to p1 -q <<<"still there" && ok "the primary outlives nonsense"

stop p1 || bad "the primary stops"
data=$work/data-p1
unchanged "$data" "turning encryption off (R3)" InvalidParameterCombination primary p1 --no-storage-encrypted
unchanged "$data" "another key (R4)" InvalidParameterCombination \
    primary p1 --kms-key-id arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000
cp -a "$data" "$work/saved"
python3 - "$data/descriptor" <<'PY'
import sys
# Byte 16 is the suite (docs/FORMAT.md); a careful forger mends the checksum as well.
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
path = sys.argv[1]
data = bytearray(open(path, 'rb').read())
assert data[16] == 1 and crc32c(data[:-4]) == int.from_bytes(data[-4:], 'little')
data[16] = 0
data[-4:] = crc32c(data[:-4]).to_bytes(4, 'little')
open(path, 'wb').write(data)
PY
unchanged "$data" "an edited at-rest flag is found (R3)" "the at-rest setting is for life" primary p1
cp "$work/saved/descriptor" "$data/descriptor" # in place: the folder itself must stay the same
segment=$(ls "$data"/wal/*.seg | tail -1)
cp "$segment" "$segment.good"
printf 'x' | dd of="$segment" bs=1 seek=5000 conv=notrunc status=none
before=$(cd "$data" && find wal -type f -exec sha256sum {} + | sort)
start_primary p1
wait_status p1 state repairing
[[ $(status p1 repair) == "segment "*" lacks batch "*"nobody is linked"* ]] \
    && ok "a flipped byte in a durable batch: nothing is served, and status says what is lacking" \
    || bad "a flipped byte in a durable batch" "$(status p1 repair)"
stop p1 || bad "it stops"
is "and nothing in the WAL has changed" "$(cd "$data" && find wal -type f -exec sha256sum {} + | sort)" "$before"
mv "$segment.good" "$segment"

cp -a "$data" "$work/data-x"
issue x us-east-1 primary
refused "a copied folder" E_COPIED_FOLDER "$bin/sealift-primary" --data "$work/data-x" \
    --listen 127.0.0.1:0 $(tls_of p1) $(key_services) --coordinator "file:$work/coordinator"

kill9 kms-us-east-1
start_primary p1
for _ in $(seq $((100 * slower))); do grep -q E_KEY_UNREACHABLE "$work/log/p1" && break; sleep 0.1; done
grep -q "E_KEY_UNREACHABLE.*port ${kms_port[us-east-1]}" "$work/log/p1" && ok "a key service that is down at start is named" \
    || bad "a key service that is down at start is named" "$(tail -n 3 "$work/log/p1")"
kill9 p1
start_keyd us-east-1
start_primary p1
is "after all that nothing is lost" "$(tail_from p1)" "$(printf 'one record\nstill there')"
conclude
