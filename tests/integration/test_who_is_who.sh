#!/usr/bin/env bash
# Two processes under one certificate, a replica whose certificate is of another cluster, a replica
# that is led to another cluster: who stays, what is said, how often, and how it ends.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/trouble.sh"
need_tools python3 od

pki_init
issue p1 us-east-1 primary
issue r1 us-east-1 replica
plan p1 r1 twin
start_primary p1 --create --no-storage-encrypted
start_replica r1 p1
append_to p1 -q <<<"one"
wait_in_step p1 r1
times() { grep -c -- "$2" "$work/log/$1" || true; }

# ---- one certificate, two processes ----
start_twin()
{
    start twin "$bin/sealift-replica" --data "$work/data-twin" --listen "127.0.0.1:${port[twin]}" \
        $(tls_of r1) --upstream "127.0.0.1:${port[p1]}"
    wait_for_port twin "${port[twin]}"
}
start_twin
wait_status twin state refused
notice=$(status twin notice)
[[ $notice == *"(E_TWIN): r1 is linked to p1 already: another process uses its certificate."* ]] \
    && ok "the second one says what is wrong in its status" || bad "the second one says what is wrong" "$notice"
sleep 6
is "and once in its trace" "$(times twin 'why=E_TWIN')" 1
is "the first one stays" "$(status r1 state) $(times r1 upstream_down) $(times r1 upstream_bye)" "streaming 0 0"
append_to p1 -q --durability quorum:1 <<<"two" && ok "and its acks count"
is "the second one has nothing" "$(find "$work/data-twin" -name '*.seg' ! -path '*/spare/*')" ""

# The first one comes back after a kill before anybody else can have its place: it is called at once.
kill -STOP "$(pid_of twin)"
kill9 r1
start_replica r1 p1
wait_in_step p1 r1
is "a member that was killed is in again at once" "$(status r1 state)" streaming
kill -CONT "$(pid_of twin)"

# It hangs, and the other one gets its place; then there is still one of them only.
kill -STOP "$(pid_of r1)"
wait_status twin state streaming 60
kill -CONT "$(pid_of r1)"
wait_status r1 state refused
sleep 4
is "whoever is linked stays" "$(status twin state)" streaming
append_to p1 -q <<<"three"
wait_in_step p1 twin
stop twin || bad "the twin stops"
wait_status r1 state streaming 60
wait_in_step p1 r1
is "without the other one it is as before" "$(tail_from r1 | xargs) $(status r1 notice)" "one two three "

# A copy of the folder looks like the same process that calls again: once, not for ever.
stop r1 || bad "r1 stops"
rm -rf "$work/data-twin"
cp -r "$work/data-r1" "$work/data-twin"
rm -f "$work/data-twin/lock"
start_replica r1 p1
wait_in_step p1 r1
start_twin
sleep 8
calls=$(times p1 'r1 has called again')
[ "$calls" -le 2 ] && ok "two on copies of one folder do not take turns ($calls)" \
    || bad "two on copies of one folder do not take turns" "$calls times in 8 s"
states=$(printf '%s\n' "$(status r1 state)" "$(status twin state)" | sort | xargs)
is "one is fed, one is refused" "$states" "refused streaming"
stop twin || bad "the twin stops"
wait_status r1 state streaming 60

# ---- another cluster's ----
own=$lineage
lineage=00112233445566778899aabbccddeeff
issue other us-east-1 replica
issue p2 us-east-1 primary
plan other p2
start other "$bin/sealift-replica" --data "$work/data-other" --listen "127.0.0.1:${port[other]}" $(tls_of other) \
    --upstream "127.0.0.1:${port[p1]}"
ended other 20
is "a new replica with a certificate of another cluster ends" "$code" 1
says "and says which is which" other "p1 is of lineage $own, this replica's certificate of $lineage" 1
says "and where" other "at 127.0.0.1:${port[p1]}" 1
says "and what to do" other "Give --upstream an address of that cluster, or this replica a certificate of the other" 1
says "under a name" other "(E_LINEAGE)" 1
[ ! -e "$work/data-other/descriptor" ] && ok "it has stored nothing" || bad "it has stored nothing"

start p2 "$bin/sealift-primary" --create --no-storage-encrypted --data "$work/data-p2" \
    --listen "127.0.0.1:${port[p2]}" $(tls_of p2) --coordinator "file:$work/coordinator-p2"
wait_for_port p2 "${port[p2]}"
wait_status p2 state serving
stop r1 || bad "r1 stops"
: >"$work/log/r1"
start_replica r1 p2 # an address that leads elsewhere now
wait_status r1 state refused
[[ $(status r1 notice) == "upstream 127.0.0.1:${port[p2]} (E_LINEAGE): p2 is of lineage $lineage, "* ]] \
    && ok "a replica that is led to another cluster says so in its status" || bad "its status" "$(status r1 notice)"
sleep 4
is "and once in its trace" "$(times r1 E_LINEAGE)" 1
is "what it has, it serves" "$(tail_from r1 | xargs)" "one two three"
stop r1 || bad "r1 stops"
start_replica r1 p1
wait_in_step p1 r1
is "led back, it follows" "$(status r1 state)" streaming

# ---- another deployment's ----
"$bin/sealift" pki init --dir "$work/pki3" --deployment elsewhere >/dev/null
"$bin/sealift" pki issue --dir "$work/pki3" --name r9 --region us-east-1 --role replica --lineage "$own" >/dev/null
start r9 "$bin/sealift-replica" --data "$work/data-r9" --listen 127.0.0.1:0 --ca "$work/pki3/ca.crt" \
    --cert "$work/pki3/r9.crt" --key "$work/pki3/r9.key" --upstream "127.0.0.1:${port[p1]}"
says "a new replica of another CA waits, since certificates can be renewed" r9 "upstream_down why=E_CERTIFICATE state=refused"
sleep 4
is "and says so once" "$(times r9 upstream_down)" 1
is "its calls become rare" "$(($(times r9 link.down) <= 5))" 1
stop r9 || bad "r9 stops"
conclude
