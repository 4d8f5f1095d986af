#!/usr/bin/env bash
# The life of certificates, with real daemons: revoked, expired, renewed; and links that grow old.
#
# Whoever is not let in any more is cut, though its link was up before, and both sides say why; what
# was acknowledged is everywhere afterwards.
source "$(dirname "$0")/lib.sh"
need_tools python3 od openssl

# How often a member has said something so far.
said() { grep -cE -- "$2" "$work/log/$1" || true; }
# wait_said NAME REGEX [AT_LEAST]: within 30 s.
wait_said()
{
    local i
    for i in $(seq 300); do
        [ "$(said "$1" "$2")" -ge "${3:-1}" ] && return 0
        sleep 0.1
    done
    die "$1 says $2" "$(tail -n 5 "$work/log/$1")"
}
hup() { kill -HUP "$(pid_of "$1")"; }
pki() { "$bin/sealift" pki "$@" --dir "$work/pki" >>"$work/log/pki"; }

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
issue r2 eu-west-1 replica
start_keyd us-east-1
start_keyd eu-west-1
plan p1 r1 r2 r3
crl=$work/pki/ca.crl

# ---- what is wrong at the start ----

primary() { timeout 60 "$bin/sealift-primary" $(member_words p1) --coordinator "file:$work/coordinator" --create --storage-encrypted "$@"; }
refused "a list that is not there" "ca.crl: a file that must be there is missing (E_MISSING)" primary --crl "$crl"
"$bin/sealift" pki init --dir "$work/pki2" --deployment test >/dev/null
"$bin/sealift" pki crl --dir "$work/pki2" >/dev/null
refused "a list of another CA" "not a list of the CA that --ca names (E_CRL)" primary --crl "$work/pki2/ca.crl"
refused "a file that is no list" "(E_MALFORMED)" primary --crl "$work/pki/p1.crt"
pki crl --seconds 1
cp -r "$work/pki" "$work/pki3"
issue brief us-east-1 primary "$lineage" --seconds 1
sleep 2
refused "a list that has ended" "ca.crl: expired at 20" primary --crl "$crl"
refused "a certificate that has ended" "brief.crt: expired at 20" "$bin/sealift-primary" \
    --data "$work/data-p1" --listen 127.0.0.1:0 $(tls_of brief) --coordinator "file:$work/coordinator" --create
"$bin/sealift" pki revoke --dir "$work/pki3" --name p1 >/dev/null
refused "our own certificate in the list" "(E_REVOKED)" primary --crl "$work/pki3/ca.crl"
refused "an age of nothing" "--link-age 0: must be 1 to 86400 seconds" primary --link-age 0
[ -z "$(ls -A "$work/data-p1")" ] && ok "none of these has touched the data folder" \
    || bad "none of these has touched the data folder"

# ---- revoked under load ----

pki crl
start_primary p1 --create --storage-encrypted --crl "$crl" # ca.crl is good again
start_replica r1 p1 --crl "$crl"
start_replica r2 p1 --kms-key-id alias/aws/rds --crl "$crl"
wait_in_step p1 r1 r2

(for i in $(seq 40); do seq "$((i * 100))" "$((i * 100 + 99))"; sleep 0.1; done \
    | tee "$work/lines" | append_to p1 -q --durability region:1) &
appending=$!
sleep 1
pki revoke --name r1
hup p1
wait_said p1 'link.down link=[1-9][0-9]* why=E_REVOKED'
ok "the link of a revoked replica is cut at SIGHUP"
wait_said p1 'link.down link=0 why=E_REVOKED .*it calls itself replica r1 of us-east-1'
ok "it cannot return, and the trace says who and why"
wait_said r1 'link.down .* why=E_TLS .*certificate revoked'
ok "it is told why"
held=$(status r1 durable_lsn)
wait $appending && ok "everybody else goes on: 4,000 lines are acknowledged in another region" \
    || bad "everybody else goes on: 4,000 lines are acknowledged in another region"
wait_in_step p1 r2
is "the revoked one gets no record more" "$(status r1 durable_lsn)" "$held"
[ "$held" -lt "$(status p1 durable_lsn)" ] || bad "the revoked one gets no record more" "it has all"
is "the status says so" "$(status r1 state)" disconnected

# ---- lists that do not count at SIGHUP ----

cp "$crl" "$work/good.crl"
for file in "$work/pki2/ca.crl" "$work/pki/p1.crt" "$work/pki3/lost.crl"; do
    rm -f "$crl"
    cp "$file" "$crl" 2>/dev/null || true
    before=$(said p1 'reload.failed text="the old ones stay: .*ca.crl')
    hup p1
    wait_said p1 'reload.failed text="the old ones stay: .*ca.crl' $((before + 1))
done
ok "a list that does not count is named, and the old one stays"
before=$(said p1 'link=0 why=E_REVOKED')
wait_said p1 'link=0 why=E_REVOKED' $((before + 1))
ok "and is still heeded"
cp "$work/good.crl" "$crl"

refused "a client with the list talks to no revoked member" "E_REVOKED" \
    limit 30 "$bin/sealift" tail --pki "$work/pki" --crl "$crl" --from "127.0.0.1:${port[r1]}"

# ---- a new certificate for the same member ----

pki rotate --name r1
hup r1
wait_in_step p1 r1
ok "with a new certificate it streams again"
pki rotate --name r2 --revoke-old
hup r2
wait_said r2 'reload.done'
hup p1
wait_said p1 'link.down link=[1-9][0-9]* why=E_REVOKED' 2
wait_in_step p1 r2
ok "rotate --revoke-old: the old certificate is cut, the new one streams"

# ---- a certificate ends while the link is up ----

issue r3 us-east-1 replica "$lineage" --seconds 14 # time for a slow machine to start
start_replica r3 p1
append_to p1 -q <<<"before its end"
wait_in_step p1 r3
wait_said r3 'certificate.ends .*at most 1 day left'
ok "a replica whose certificate ends soon says so, and streams"
wait_said p1 'link.down link=[1-9][0-9]* why=E_LAPSED'
ok "its link is cut when the certificate ends"
wait_said p1 'link.down link=0 why=E_EXPIRED .*it calls itself replica r3'
wait_said r3 'certificate.ended'
wait_said r3 'link.down .* why=E_TLS .*certificate expired'
ok "it cannot return, and both sides say why"
append_to p1 -q <<<"after its end"
pki rotate --name r3
hup r3
wait_in_step p1 r3
ok "with a new certificate it streams again"

# ---- links that grow old ----

stop r2 || bad "r2 stops"
start_replica r2 p1 --kms-key-id alias/aws/rds --crl "$crl" --link-age 1
wait_in_step p1 r2
clients=$(said p1 'link.up .*role=client')
cuts=$(($(said r2 why=E_CUT) + $(said p1 why=E_CUT)))
(for i in $(seq 60); do seq "$((10000 + i * 100))" "$((10000 + i * 100 + 99))"; sleep 0.1; done \
    | tee "$work/more" | append_to p1 -q --durability region:1) \
    && ok "6,000 lines are acknowledged over links that are made anew each second" \
    || bad "6,000 lines are acknowledged over links that are made anew each second"
is "by one client over one link" "$(said p1 'link.up .*role=client')" "$((clients + 1))"
aged=$(said r2 'link.down .* why=E_AGED')
[ "$aged" -ge 4 ] && ok "r2 has renewed its link $aged times" || bad "r2 renews its link" "$aged times"
is "each time with a goodbye" "$(($(said r2 why=E_CUT) + $(said p1 why=E_CUT)))" "$cuts"
printf 'before its end\nafter its end\n' | cat "$work/lines" - "$work/more" >"$work/all"
wait_in_step p1 r1 r2 r3
for name in p1 r1 r2 r3; do
    wait_status "$name" visible_lsn "$(status p1 committed_lsn)"
    tail_from "$name" >"$work/read-$name" || bad "tail from $name"
    cmp -s "$work/all" "$work/read-$name" && ok "$name has every line, once, in order" \
        || bad "$name has every line, once, in order" "$(wc -l <"$work/read-$name") of $(wc -l <"$work/all")"
done
# ---- a key service that is revoked ----

stop r2 || bad "r2 stops"
pki revoke --name kms-eu-west-1
start r2 "$bin/sealift-replica" $(member_words r2) --upstream "127.0.0.1:${port[p1]}" \
    --key-service-crl "$crl"
wait_said r2 'E_KEY_UNREACHABLE.*certificate revoked'
ok "a member asks no revoked key service, and says why"
kill9 r2
for name in p1 r1 r3; do
    stop $name && ok "$name stops on SIGTERM" || bad "$name stops on SIGTERM" "exit code $?"
done
conclude
