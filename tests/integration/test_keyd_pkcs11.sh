#!/usr/bin/env bash
# Does a key service whose root key is in a PKCS#11 token open with that token, and with nothing else?
#
#   SEALIFT_BIN=build/bin tests/integration/test_keyd_pkcs11.sh
#
# Tokens of a real SoftHSM, in a folder of their own. Every refusal is one sentence with a name.
set -euo pipefail
source "$(dirname "$0")/keyd_lib.sh"

module=/usr/lib/softhsm/libsofthsm2.so
for tool in softhsm2-util "$module"; do
    command -v "$tool" >/dev/null || [ -e "$tool" ] || { echo "skipped: no $tool"; exit 77; }
done

mkdir "$work/tokens"
export SOFTHSM2_CONF=$work/softhsm2.conf
printf '%s\n' "directories.tokendir = $work/tokens" "objectstore.backend = file" \
    "log.level = ERROR" >"$SOFTHSM2_CONF"
pin=pin-marker-$RANDOM$RANDOM
make_token() { softhsm2-util --init-token --free --label "$1" --pin "$pin" --so-pin 12345678; }
make_token sealift >/dev/null
make_token other >/dev/null
(umask 077 && echo "$pin" >"$work/pin")

# by_token [OPTION...]: the options of a service with the root key in the first token.
by_token()
{
    options=(--root-pkcs11 "$module" --pkcs11-token sealift --pkcs11-key keyd-root
        --pkcs11-pin-file "$work/pin" "$@")
}
start() { limit 60 "$bin/sealift-keyd" --region us-east-1 --listen 127.0.0.1:0 \
    --cert "$work/keyd.crt" --key "$work/keyd.key" "$@"; }
keys_in_tokens() { find "$work/tokens" -name '*.object' ! -name token.object | wc -l; }
stop() { kill "$pid"; wait "$pid" || true; pid=; }

make_certificate
by_token

# What a first start refuses leaves nothing behind, in the folder and in the token.
refused "without --create there is no store" E_MISSING start --data "$work/data" "${options[@]}"
printf wrong-pin >"$work/wrong"
chmod 600 "$work/wrong"
refused "a wrong PIN" E_KEY_CREDENTIALS \
    start --data "$work/data" --create "${options[@]}" --pkcs11-pin-file "$work/wrong"
refused "a token that is not there" E_MISSING \
    start --data "$work/data" --create "${options[@]}" --pkcs11-token none
refused "a module that is not there" "none.so" \
    start --data "$work/data" --create "${options[@]}" --root-pkcs11 "$work/none.so"
chmod 644 "$work/pin"
refused "a PIN that others may read" "chmod 600" start --data "$work/data" --create "${options[@]}"
chmod 600 "$work/pin"
is "no key was made" "$(keys_in_tokens)" 0
[ ! -e "$work/data" ] && ok "and no store" || bad "and no store"
refused "a module without its other options" "all of them or none" \
    start --data "$work/data" --root-pkcs11 "$module"
refused "two sources of a root key" "one of them" \
    start --data "$work/data" "${options[@]}" --root-passphrase-file "$work/pin"

# A store, its death and its return.
start_keyd --create --account 111122223333 "${options[@]}"
use_credentials
is "the start says what it made" "$(grep -c -e "^root key: $work/data/root.pkcs11" \
    -e "^token key: keyd-root" "$work/log")" 2
is "root.pkcs11 is for its owner only" "$(stat -c %a "$work/data/root.pkcs11")" 600
key=$(kms create-key --query KeyMetadata.KeyId)
marker=plaintext-marker-$RANDOM$RANDOM$RANDOM
printf %s "$marker" >"$work/plain"
kms encrypt --key-id "$key" --plaintext "fileb://$work/plain" --query CiphertextBlob |
    base64 -d >"$work/blob"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start_keyd "${options[@]}"
is "after kill -9 the token opens the store" "$(decrypt)" "$marker"
if grep -q -e "^root key" -e "^token key" "$work/log"; then
    bad "nothing is made anew"
else
    ok "nothing is made anew"
fi

# What a process holds: the module and the PIN were the child's.
is "the module is not in the service" "$(grep -c softhsm "/proc/$pid/maps")" 0
holds()
{
    python3 - "$pid" "$1" <<'END'
import re, sys
wanted, found = sys.argv[2].encode(), 0
with open(f"/proc/{sys.argv[1]}/mem", "rb") as memory:
    for line in open(f"/proc/{sys.argv[1]}/maps"):
        begin, end, may = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
        if may[0] == "r" and "[v" not in line:
            memory.seek(int(begin, 16))
            found += wanted in memory.read(int(end, 16) - int(begin, 16))
print(found > 0)
END
}
if [ "$(id -u)" = 0 ] && [[ "${SEALIFT_CFLAGS:-}" != *sanitize* ]]; then # maps of terabytes
    is "its memory holds the access key (so the search finds things)" \
        "$(holds "$AWS_ACCESS_KEY_ID")" True
    is "its memory does not hold the PIN" "$(holds "$pin")" False
fi

# The plain root key: where is it? What the tool says is what the store was sealed under.
root=$("$bin/root_of_token" "$module" sealift keyd-root "$work/pin" "$work/data/root.pkcs11")
stop
mkdir "$work/plain_root"
cp "$work/data"/catalog.db* "$work/data/credentials" "$work/plain_root"
(umask 077 && echo "$root" >"$work/plain_root/root.key")
mv "$work/data" "$work/by_token"
mv "$work/plain_root" "$work/data"
start_keyd
is "the key that is looked for would open the store" "$(decrypt)" "$marker"
stop
rm -r "$work/data"
mv "$work/by_token" "$work/data"
on_disk()
{
    python3 - "$1" "$work/data" "$work/tokens" "$work/log" <<'END'
import pathlib, sys
key = bytes.fromhex(sys.argv[1])
files = [f for p in map(pathlib.Path, sys.argv[2:]) for f in ([p] if p.is_file() else p.rglob("*"))]
texts = [f.read_bytes() for f in files if f.is_file()]
print(len(texts) > 5, any(w in t for t in texts for w in (key, key.hex().encode(),
      key.hex().upper().encode())))
END
}
is "the plain root key is in no file" "$(on_disk "$root")" "True False"
if grep -raqF "$pin" "$work/data" "$work/log"; then
    bad "the PIN is in no file of the store, and was not traced"
else
    ok "the PIN is in no file of the store, and was not traced"
fi

# Everything that is not the right token with the right key and PIN.
is_refused() { refused "$1" "$2" start --data "$work/data" "${options[@]}" "${@:3}"; }
is_refused "a wrong PIN of an old store" E_KEY_CREDENTIALS --pkcs11-pin-file "$work/wrong"
is_refused "a token without the key" E_KEY_NOT_FOUND --pkcs11-token other
is_refused "a key of another label" E_KEY_NOT_FOUND --pkcs11-key none --create
is "no key is made for an old store" "$(keys_in_tokens)" 1
openssl rand -hex 16 | tr -d '\n' >"$work/aes" # 32 bytes; the tool stops at a zero or a line's end
softhsm2-util --import "$work/aes" --aes --token other --label keyd-root --id 01 --pin "$pin" \
    >/dev/null
is_refused "another token's key of the same label" E_WRONG_KEY --pkcs11-token other
mv "$work/tokens" "$work/away"
mkdir "$work/tokens"
is_refused "the store without its token" E_MISSING
rmdir "$work/tokens"
mv "$work/away" "$work/tokens"
refused "a file instead" "this store was made with --root-pkcs11" start --data "$work/data"
refused "a passphrase instead" "this store was made with --root-pkcs11" \
    start --data "$work/data" --create --root-passphrase-file "$work/pin"
mv "$work/data/root.pkcs11" "$work/root.pkcs11"
is_refused "root.pkcs11 that is missing is not made anew" E_MISSING --create
sed 's/sealed=./sealed=z/' "$work/root.pkcs11" >"$work/data/root.pkcs11"
chmod 600 "$work/data/root.pkcs11"
is_refused "a damaged root.pkcs11" E_MALFORMED
digit=$(tail -c 2 "$work/root.pkcs11" | head -c 1)
{ head -c -2 "$work/root.pkcs11"; [ "$digit" = 0 ] && echo 1 || echo 0; } >"$work/data/root.pkcs11"
is_refused "a changed root.pkcs11" E_WRONG_KEY
cp "$work/root.pkcs11" "$work/data/root.pkcs11"
chmod 644 "$work/data/root.pkcs11"
is_refused "a root.pkcs11 that others may read" "chmod 600"
chmod 600 "$work/data/root.pkcs11"

# A backup needs root.pkcs11 beside it, and the token.
"$bin/sealift-keyd" --data "$work/data" --backup "$work/backup" >"$work/said"
mv "$work/data" "$work/lost"
"$bin/sealift-keyd" --data "$work/data" --restore "$work/backup" >"$work/said"
is_refused "a restored store without root.pkcs11" E_MISSING --create
cp -p "$work/lost/root.pkcs11" "$work/lost/credentials" "$work/data/"
start_keyd "${options[@]}"
is "a restored store with it" "$(decrypt)" "$marker"
stop

# A second store may use the same token key, or one that an operator has made.
mv "$work/data" "$work/first"
by_token --pkcs11-token other
start_keyd --create "${options[@]}"
is "a key that is there is used" "$(grep -c '^token key' "$work/log")" 0
use_credentials
kms create-key --query KeyMetadata.KeyId >/dev/null
stop

# A birth that ends after the token has made its key, and before root.pkcs11 is there.
mv "$work/data" "$work/second"
by_token --pkcs11-key born
SEALIFT_FAILPOINT=secret.before_sync:1 start --data "$work/data" --create "${options[@]}" \
    >"$work/said" 2>&1 || true
is "a birth that was killed leaves a key in the token" "$(keys_in_tokens)" 3
[ ! -e "$work/data/root.pkcs11" ] && ok "and no root key" || bad "and no root key"
start_keyd --create "${options[@]}"
use_credentials
kms create-key --query KeyMetadata.KeyId >/dev/null
is "the next one takes it" "$(keys_in_tokens)" 3
stop
start_keyd "${options[@]}"
stop

# The module's process, with a module that hangs at the login: locked like the service, and dead
# with it, so that nobody is left who knows the PIN or holds the store's lock.
fake=$(dirname "$bin")/lib/fake_token.so
(umask 077 && echo 1234 >"$work/pin4")
FAKE_TOKEN=hang FAKE_TOKEN_LOGINS=$work/logins "$bin/sealift-keyd" --data "$work/hung" --create \
    --region us-east-1 --listen 127.0.0.1:0 --cert "$work/keyd.crt" --key "$work/keyd.key" \
    --root-pkcs11 "$fake" --pkcs11-token fake --pkcs11-key root --pkcs11-pin-file "$work/pin4" \
    >"$work/said" 2>&1 &
pid=$!
for _ in $(seq $((100 * slower))); do [ -s "$work/logins" ] && break; sleep 0.1; done
child=$(pgrep -P "$pid")
if [ "$(id -u)" = 0 ] && [[ "${SEALIFT_CFLAGS:-}" != *sanitize* ]]; then # which locks nothing
    is "the module's memory is locked" \
        "$(awk '/^VmLck/ { print ($2 > 0) }' "/proc/$child/status")" 1
fi
is "it leaves no core" "$(awk '/^Max core file size/ { print $5 }' "/proc/$child/limits")" 0
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
pid=
lives() { grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; }
for _ in $(seq $((50 * slower))); do lives "$child" || break; sleep 0.1; done
if lives "$child"; then
    kill -9 "$child"
    bad "the module's process dies with the service"
else
    ok "the module's process dies with the service"
fi

[ "$fails" = 0 ] || { echo "$fails failed"; exit 1; }
echo "all well"
