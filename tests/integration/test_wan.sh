#!/usr/bin/env bash
# sealift wan as a person uses it: ready lines, distance, live control, refusals, the end by SIGTERM.
. "$(dirname "$0")/lib.sh"

need_tools python3
map=$work/map
control=unix:$work/wan.control
target=$(free_port)

cat >"$map" <<'TEXT'
region here
region there
rtt here there 40
reset-after 1
TEXT

wan() { limit 20 "$bin/sealift" wan --control "$control" "$@"; }

# ask PORT MS: one line there and back; prints "echo after at least MS", "silence" or "reset".
cat >"$work/ask.py" <<'TEXT'
import socket, sys, time
port, least = int(sys.argv[1]), float(sys.argv[2])
begin = time.monotonic() # the relay accepts before we return from connecting
s = socket.create_connection(("127.0.0.1", port))
s.settimeout(1.5)
try:
    s.sendall(b"line")
    got = s.recv(4)
    took = (time.monotonic() - begin) * 1000
    print("ended" if not got else "echo" if took >= least else "echo too early: %.1f ms" % took)
except TimeoutError:
    print("silence")
except OSError:
    print("reset")
TEXT
ask() { limit 20 python3 "$work/ask.py" "$@"; }

cat >"$work/echo.py" <<'TEXT'
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
TEXT

start echo python3 "$work/echo.py" "$target"
start wan "$bin/sealift" wan --map "$map" --control "$control" \
    --route "here,there,127.0.0.1:0,127.0.0.1:$target"
for _ in $(seq 100); do
    grep -q ^ready "$work/log/wan" && (exec 3<>"/dev/tcp/127.0.0.1/$target") 2>/dev/null && break
    sleep 0.1
done
port=$(sed -n 's/^ready from=here to=there .* port=\([0-9]*\) .*/\1/p' "$work/log/wan")
[ -n "$port" ] || die "a ready line names the real port" "$(cat "$work/log/wan")"

is "a first answer takes two round trips" "$(ask "$port" 80)" echo
wan slow here there rtt 200 jitter 1 mbit 100 >/dev/null
is "a link is slowed while it runs" "$(ask "$port" 400)" echo
wan --rtt 2 --jitter 0 slow here there --one-way >/dev/null
is "options may stand anywhere, and one way is one" "$(ask "$port" 202)" echo
wan slow here there rtt 2 >/dev/null
wan cut here '*' >/dev/null
is "a cut is silence" "$(ask "$port" 0)" silence
is "show tells of the cut" "$(wan show | python3 -c 'import json, sys
print(json.load(sys.stdin)["routes"][0]["cut"])')" True
wan heal '*' '*' >/dev/null
is "a heal lets go on" "$(ask "$port" 4)" echo

refused "a region that is none" "two regions of the map" wan cut here nowhere
refused "a word that is none" "say cut, heal" wan sink here there
refused "nobody at the control socket" "No such file" \
    "$bin/sealift" wan --control "unix:$work/nobody" show
refused "a map with a line that is none" "$work/bad:1: " \
    bash -c "echo 'ocean wide' >'$work/bad'; '$bin/sealift' wan --map '$work/bad'"
is "ready lines are objects where asked" "$(timeout 1 "$bin/sealift" wan --json --map "$map" \
    --route "here,there,127.0.0.1:0,127.0.0.1:1" | python3 -c 'import json, sys
print(json.loads(sys.stdin.readline())["one_way_ms"])')" 20.0
refused "no route" "no route" "$bin/sealift" wan --map "$map"
refused "a port in use" "cannot listen on 127.0.0.1:$target" \
    "$bin/sealift" wan --map "$map" --route "here,there,127.0.0.1:$target,127.0.0.1:1"

kill -TERM "$(pid_of wan)"
code=0
wait "$(pid_of wan)" || code=$?
is "SIGTERM ends it well" "$code" 0
is "its control socket is gone" "$([ -e "$work/wan.control" ] && echo there || echo gone)" gone
rm "$work/pid/wan"
conclude
