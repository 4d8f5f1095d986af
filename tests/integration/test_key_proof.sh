#!/usr/bin/env bash
# `sealift verify --keys` and `--proof`: the key of a copy opens its envelope now, the keys of other
# regions do not, and anyone who has the deployment's CA can check that later. Two regions, each with
# its own key service.
source "$(dirname "$0")/lib.sh"
need_tools python3 sqlite3 od openssl

pki_init
issue p1 us-east-1 primary
issue r1 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 p2
start_primary p1 --create --storage-encrypted --segment-bytes 64K
wait_status p1 state serving
start_replica r1 p1 --kms-key-id alias/aws/rds
append_to p1 -q --raw 1000 <(head -c 200000 /dev/urandom)
wait_in_step p1 r1
declare -A key=([p1]=$(status p1 KmsKeyId) [r1]=$(status r1 KmsKeyId))
declare -A home=([p1]=us-east-1 [r1]=eu-west-1)

verify() { limit 60 "$bin/sealift" verify "$@"; }
# prove NAME OPTIONS...: of its folder, while it serves, signed as itself.
prove()
{
    local name=$1
    shift
    verify --keys "$work/data-$name" $(tls_of "$name") $(key_services) "$@"
}
check() { verify --proof "$@" --ca "$work/pki/ca.crt"; }
# of FILE EXPRESSION: of the proof (p), its first envelope's own answer (a) and the next (b).
of()
{
    python3 -c "import json, sys
p = json.load(open(sys.argv[1]))['proof']; a, *others = p['envelopes'][0]['answers']; b = others[0] if others else None
print($2)" "$1"
}

prove p1 --other-key "${key[r1]}" --out "$work/p1.json" >"$work/said" || bad "p1 proves" "$(cat "$work/said")"
prove r1 --other-key "${key[p1]}" --json >"$work/r1.json" || bad "r1 proves"
other=r1
for name in p1 r1; do
    file=$work/$name.json
    is "$name: opened by its own key, refused by the other" "$(of "$file" "(a['outcome'], a['status'], b['outcome'], b['status'])")" \
        "('opened', 'OK', 'refused', 'E_KEY_CIPHERTEXT')"
    is "$name: which are these" "$(of "$file" "(a['KmsKeyId'], b['KmsKeyId'])")" "('${key[$name]}', '${key[$other]}')"
    is "$name: the other key is in use where it was asked" "$(of "$file" "(b['region'], b['key_state'])")" "('${home[$other]}', 'Enabled')"
    is "$name: whose and where" "$(of "$file" "(p['lineage'], p['region'], p['member'])")" "('$lineage', '${home[$name]}', '$name')"
    is "$name: a digest of the envelope that is in its folder" "$(python3 - "$file" "$work/data-$name/keyring" <<'END'
import hashlib, json, sys
want = json.load(open(sys.argv[1]))['proof']['envelopes'][0]['envelope_sha256']
ring = open(sys.argv[2], 'rb').read()
print(any(hashlib.sha256(ring[i:i + n]).hexdigest() == want
          for n in range(100, len(ring)) for i in range(len(ring) - n + 1)))
END
)" True
    # The rows of both audits: number, and the SHA-256 that the next row states.
    for answer in a b; do
        region=$(of "$file" "$answer['region']")
        number=$(of "$file" "$answer['audit']['number']")
        is "$name: the audit of $region has that entry" "$(of "$file" "$answer['audit']['sha256']")" \
            "$(sqlite3 "$work/kms-$region/catalog.db" "SELECT CAST(value AS TEXT) FROM audit WHERE CAST(key AS INTEGER) = $number" \
                | tr -d '\n' | sha256sum | cut -d ' ' -f 1)"
        is "$name: which is of a Decrypt, $([ $answer = a ] && echo allowed || echo denied)" \
            "$(sqlite3 "$work/kms-$region/catalog.db" "SELECT operation, allowed FROM audit_lines WHERE number = $number")" \
            "Decrypt|$([ $answer = a ] && echo 1 || echo 0)"
        is "$name: by that request" "$(of "$file" "$answer['request_id']")" \
            "$(sqlite3 "$work/kms-$region/catalog.db" "SELECT request_id FROM audit_lines WHERE number = $number")"
    done
    other=p1
done
chain=$(verify "$work/data-p1" --no-key --json | python3 -c "import json, sys; print(json.load(sys.stdin)['chain'])")
is "the chain's head is that of the copy" "$(of "$work/p1.json" "p['chain']['sha256']")" "$chain"
is "and of the other region's copy" "$(of "$work/r1.json" "p['chain']['sha256']")" "$chain"

# A second data key: each envelope is tried.
issue operator us-east-1 operator any
append_to p1 -q --raw 1000 <(head -c 100000 /dev/urandom)
limit 60 "$bin/sealift" keys rotate-dek --pki "$work/pki" --as operator "127.0.0.1:${port[p1]}" >"$work/said2" 2>&1 \
    || bad "a second data key" "$(cat "$work/said2")"
append_to p1 -q --raw 1000 <(head -c 100000 /dev/urandom)
prove p1 --other-key "${key[r1]}" --json >"$work/two.json" || bad "two envelopes are proved"
is "two envelopes, each opened and refused" "$(of "$work/two.json" "[[x['outcome'] for x in e['answers']] for e in p['envelopes']]")" \
    "[['opened', 'refused'], ['opened', 'refused']]"
is "with segments under each" "$(of "$work/two.json" "[e['segments'] > 0 for e in p['envelopes']]")" "[True, True]"

# ---- later, without any key ----
kill9 r1
kill9 p1
kill9 kms-us-east-1
(
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    check "$work/p1.json" >"$work/checked"
) || bad "it is checked without key, service and member" "$(cat "$work/checked")"
is "the report is the one of its making" "$(cat "$work/checked")" "$(cat "$work/said")"
for words in "signed    by p1, the primary in us-east-1" "positive: the data key that came out" "negative evidence only: InvalidCiphertextException" \
    "the key there: Enabled" "A refusal shows that the key did not open the envelope when it was asked, not that none could"; do
    grep -q "$words" "$work/checked" && ok "it says: $words" || bad "it says: $words" "$(cat "$work/checked")"
done
is "as one object" "$(check "$work/p1.json" --json | python3 -c "import json, sys
r = json.load(sys.stdin)
print(r['genuine'], [(c['outcome'], c['evidence'], c['refused']) for c in r['claims']])")" \
    "True [('opened', 'positive', None), ('refused', 'negative only', 'envelope')]"

# forge EXPRESSION: the file (f) and its proof (p) after it, in $work/forged.
forge()
{
    python3 -c "import json, sys
f = json.load(open(sys.argv[1])); p = f['proof']; a, b = p['envelopes'][0]['answers']; r = json.load(open(sys.argv[2]))
$1
json.dump(f, open(sys.argv[3], 'w'), indent=2)" "$work/p1.json" "$work/r1.json" "$work/forged"
}
forge ""
check "$work/forged" >/dev/null && ok "other blanks are no other proof" || bad "other blanks are no other proof"
while IFS='|' read -r what code change; do
    forge "$change"
    refused "$what" "$code" check "$work/forged"
done <<'END'
another answer|E_FORGED|b['said'] = 'NotFoundException: no'
another key|E_FORGED|b['KmsKeyId'] = b['KmsKeyId'][:-1] + 'z'
another audit entry|E_FORGED|a['audit']['number'] += 1
another chain|E_FORGED|p['chain']['sha256'] = '0' * 64
another envelope|E_FORGED|p['envelopes'][0]['envelope_sha256'] = '0' * 64
another time, within the certificate's|E_FORGED|p['made_at'] += 1
a time after the certificate's|E_EXPIRED|p['made_at'] += 10**9
another lineage|E_LINEAGE|p['lineage'] = '1' * 32
another member|E_IDENTITY|p['member'] = 'p2'
the other region's signer|E_IDENTITY|f['certificates'] = r['certificates']
the other proof's signature|E_FORGED|f['signature'] = r['signature']
a field that nobody knows|E_MALFORMED|p['more'] = 1
the other key taken out|E_FORGED|del p['envelopes'][0]['answers'][1]
the other key as if it had opened|E_MALFORMED|b['outcome'] = 'opened'; b['status'] = 'OK'
another version|E_VERSION|p['version'] = 2
END
"$bin/sealift" pki init --dir "$work/pki2" --deployment test >/dev/null
refused "another CA of the same name" E_CERTIFICATE verify --proof "$work/p1.json" --ca "$work/pki2/ca.crt"
sealift pki revoke --dir "$work/pki" --name p1 >/dev/null
refused "a revoked signer" E_REVOKED check "$work/p1.json" --crl "$work/pki/ca.crl"

start_keyd us-east-1
# A CA may give Ed25519 keys as well.
openssl genpkey -algorithm ed25519 -out "$work/ed.key" 2>/dev/null
openssl req -new -key "$work/ed.key" -subj /CN=p1 -out "$work/ed.csr" 2>/dev/null
openssl x509 -req -in "$work/ed.csr" -CA "$work/pki/ca.crt" -CAkey "$work/pki/ca.key" -days 2 -CAcreateserial -out "$work/ed.crt" \
    -extfile <(printf '%s\n' "subjectAltName=URI:sealift://test/$lineage/us-east-1/primary/p1" extendedKeyUsage=serverAuth,clientAuth \
    basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature subjectKeyIdentifier=hash authorityKeyIdentifier=keyid) 2>/dev/null
verify --keys "$work/data-p1" --ca "$work/pki/ca.crt" --cert "$work/ed.crt" --key "$work/ed.key" $(key_services) --json >"$work/ed.json" \
    && check "$work/ed.json" >/dev/null && ok "signed with Ed25519" || bad "signed with Ed25519"

# ---- what makes no proof ----
refused "over another file" E_EXISTS prove p1 --out "$work/p1.json"
refused "signed by a client" E_IDENTITY verify --keys "$work/data-p1" $(tls_of client) $(key_services) --json
refused "signed by another region's member" E_IDENTITY verify --keys "$work/data-p1" $(tls_of r1) $(key_services) --json
refused "an alias as another key" "give the ARN of a key" prove p1 --json --other-key alias/aws/rds
refused "another key of a region without service" E_KEY_NO_SERVICE prove p1 --json --other-key arn:aws:kms:eu-north-1:1:key/x
kill9 kms-eu-west-1
refused "the other key's service is silent" E_KEY_UNREACHABLE prove p1 --json --other-key "${key[r1]}"
start_keyd eu-west-1
refused "the copy's own key among the others" "is this copy's own key" prove p1 --json --other-key "${key[p1]}"
prove p1 --json >"$work/alone.json" || bad "without another key"
check "$work/alone.json" | grep -q "No other key was asked: nothing is claimed of any" \
    && ok "without another key it claims nothing of any" || bad "without another key"
prove p1 --json --other-key arn:aws:kms:eu-west-1:000000000000:key/none >"$work/none.json" || bad "a key that is not there"
is "of a key that is not there it says so" "$(of "$work/none.json" "(b['key_state'], b['key_state_why'].split(':')[0])")" \
    "(None, 'NotFoundException')"
cp -a "$work/data-p1" "$work/data-harmed"
python3 - "$work/data-harmed" <<'END'
import glob, sys
name = sorted(glob.glob(sys.argv[1] + '/wal/*.seg'))[0]
with open(name, 'r+b') as f: f.seek(5000); f.write(b'xxxx')
END
mv "$work/data-harmed" "$work/data-p1x"
refused "of a damaged copy" E_CHECKSUM verify --keys "$work/data-p1x" $(tls_of p1) $(key_services) --json
conclude
