#!/usr/bin/env bash
# Nothing is ever sent in clear, whether the cluster is encrypted at rest or not (R9).
#
# Captures loopback while marked records pass, and looks for the marker and for the data folder's.
source "$(dirname "$0")/lib.sh"
need_tools tcpdump python3 od
[ "$(id -u)" = 0 ] || { echo "skipped: capturing needs root"; exit 77; }

capture()
{
    local kind=$1 marker plain
    shift
    marker=marker-$(od -An -tx1 -N12 /dev/urandom | tr -d ' \n')
    plan "p-$kind" "r-$kind"
    lineage=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
    issue "p-$kind" us-east-1 primary
    issue "r-$kind" us-east-1 replica
    start tcpdump tcpdump -i lo -U -s 0 -w "$work/$kind.pcap" \
        "port ${port[p-$kind]} or port ${port[r-$kind]}"
    sleep 1
    start_primary "p-$kind" --create "$@" --coordinator "file:$work/coordinator-$kind"
    start_replica "r-$kind" "p-$kind"
    seq 1 500 | sed "s/^/$marker /" | append_to "p-$kind" -q
    append_to "p-$kind" -q --durability quorum:1 <<<"$marker last"
    wait_in_step "p-$kind" "r-$kind"
    is "$kind: the replica has all of it" "$(tail_from "r-$kind" | grep -c "$marker")" 501
    sleep 1
    stop tcpdump || true
    [ "$(stat -c %s "$work/$kind.pcap")" -gt 20000 ] && ok "$kind: traffic was captured" \
        || bad "$kind: traffic was captured" "$(stat -c %s "$work/$kind.pcap") bytes"
    if grep -qF "$marker" "$work/$kind.pcap"; then
        bad "$kind: no marker on the wire"
    else
        ok "$kind: no marker on the wire"
    fi
    plain=$({ grep -rlF "$marker" "$work/data-p-$kind" "$work/data-r-$kind" || true; } | wc -l)
    if [ "$kind" = encrypted ]; then
        is "$kind: the marker is on no disk" "$plain" 0
    else # shows that the probe can find what it looks for
        [ "$plain" -gt 0 ] && ok "$kind: the marker is on disk, as it was asked for" || bad "$kind: the probe works"
    fi
}

pki_init
start_keyd us-east-1
capture encrypted --storage-encrypted
capture unencrypted --no-storage-encrypted
conclude
