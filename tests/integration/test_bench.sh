#!/usr/bin/env bash
# Each subcommand of the benchmark measures something that can be true. No timings: figures of a busy
# machine prove nothing.
source "$(dirname "$0")/lib.sh"
need_tools python3

measure()
{
    limit 120 "$bin/sealift-bench" "$@" --json --rounds 1 --folder "$work" >"$work/out" \
        2>"$work/log/bench" || { bad "$*" "exit code $?: $(tail -n 3 "$work/log/bench")"; return 1; }
}

# judge WHAT PYTHON: `lines` are the figures, `summary` is the last line.
judge()
{
    local said
    if said=$(python3 - "$work/out" 2>&1 <<TEXT
import json, sys
*lines, summary = [json.loads(line) for line in open(sys.argv[1])]
assert summary["bench"] == "summary" and summary["complete"] is True, summary
assert summary["results"] == lines and lines, "the summary has other lines"
$2
TEXT
    ); then ok "$1"; else bad "$1" "$said"; fi
}

measure seal --seconds 0.1 && judge "seal: four sizes, each beside two ciphers alone" '
assert [line["record_bytes"] for line in lines] == [1024, 16384, 131072, 1048576]
for line in lines:
    assert line["aes"] in ("OpenSSL", "libipsec-mb"), line
    assert line["mb_per_s"] > 0 and line["aes_256_gcm_mb_per_s"] > 0, line
    assert line["aes_in_use_mb_per_s"] > 0, line'

measure seal --seconds 0.1 --aes openssl && judge "seal: told so, it uses that of OpenSSL" '
assert all(line["aes"] == "OpenSSL" for line in lines)'

measure tls --seconds 0.1 && judge "tls: one stream, both ends pay" '
assert lines[0]["mb_per_s"] > 1 and len(lines) == 1
assert lines[0]["cpu_s_per_gb"]["sender"] > 0 and lines[0]["cpu_s_per_gb"]["receiver"] > 0'

measure ship --seconds 0.3 && judge "ship: four sizes beside the raw stream, in bounded memory" '
assert [line["record_bytes"] for line in lines] == [100, 1024, 16384, 1048576]
for line in lines:
    assert line["encrypted"] is True
    assert abs(line["records_per_s"] * line["record_bytes"] / 1e6 / line["mb_per_s"] - 1) < 0.01
    assert 0 < line["ratio_min"] <= line["ratio_raw_tls"] <= line["ratio_max"], line
    assert line["others_cpu"] >= 0 and line["cpu_s_per_gb"]["raw_tls"] > 0, line
    assert 0 < line["peak_mib"]["primary"] < 256 and 0 < line["peak_mib"]["replica"] < 256, line'

measure ship --seconds 0.2 --record-bytes 500 --no-storage-encrypted && judge "ship: another size, in clear at rest" '
assert len(lines) == 1 and lines[0]["record_bytes"] == 500 and lines[0]["encrypted"] is False'

measure commit --seconds 0.3 && judge "commit: each level for one client and for many, in order" '
assert [(line["clients"], line["level"]) for line in lines] == [
    (1, "local"), (1, "quorum:1"), (64, "local"), (64, "quorum:1")]
for line in lines:
    assert 0 < line["p50_us"] <= line["p99_us"] <= line["p999_us"], line
    assert line["records_per_s"] > 0 and line["paced_per_s"] > 0, line'

measure commit --seconds 0.3 --pause-keys && judge "commit: with the key service stopped, none waits for it" '
assert [(line["clients"], line["level"]) for line in lines] == [
    (1, "local"), (1, "quorum:1"), (64, "local"), (64, "quorum:1")]
for line in lines:
    assert line["bench"] == "commit-keys-paused" and line["paused_commits"] >= line["clients"], line
    assert 0 < line["p50_us"] <= line["p99_us"], line
    assert 0 < line["paused_p50_us"] <= line["paused_p99_us"] <= line["paused_max_us"], line
    assert abs(line["paused_p50_us"] / line["p50_us"] / line["ratio_p50"] - 1) < 0.01, line
    assert line["paused_max_us"] < 5e6, line       # a key call gives up after ten seconds'
refused "a key service to stop where there is none" "contradict each other" \
    "$bin/sealift-bench" commit --pause-keys --no-storage-encrypted

measure keys --seconds 0.3 --clients 5 && judge "keys: uses of a key of ours, and of the default key" '
assert [(line["key"], line["clients"]) for line in lines] == [("customer", 5), ("alias/aws/rds", 5)]
for line in lines:
    assert line["call"] == "Decrypt" and line["calls"] >= 5, line
    assert 0 < line["p50_ms"] <= line["p99_ms"] <= line["p999_ms"], line
    assert line["calls_per_s"] > 0 and line["keyd_cpu_s_per_1000"] >= 0 and line["others_cpu"] >= 0, line'
refused "no clients at all" "not from 1 to 256" "$bin/sealift-bench" keys --clients 0

refused "no such subcommand" "no subcommand 'sail'" "$bin/sealift-bench" sail
refused "a time that is none" "not from" "$bin/sealift-bench" tls --seconds soon
refused "a folder that is not there" "No such file" "$bin/sealift-bench" ship --folder "$work/none"
is "nothing is left behind" "$(find "$work" -maxdepth 1 -name 'sealift-bench.*' | wc -l)" 0
conclude
