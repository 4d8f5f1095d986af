"""A peer that misbehaves, for test_peer_trouble.sh: bad_peer.py KIND HOST PORT CA CERT KEY [COUNT]

Prints one word about how it ended (closed: the other end closed the link; open: it did not within
the time) and how many bytes it was sent.

  nonsense     random bytes instead of TLS
  idle         COUNT connections that say nothing, held for 3 s
  handshake    half of a ClientHello, then nothing
  quiet        completes TLS, then says nothing
  stall        completes TLS, the first half of a message's head, then nothing
  giant        completes TLS, a message of 4 GiB
  noise        completes TLS, random bytes
  flood        completes TLS, messages as fast as they go
  deaf         completes TLS, says hello, asks for ever and reads no answer
"""
import os
import socket
import ssl
import struct
import sys
import time
from itertools import chain

kind, host, port, ca, cert, key = sys.argv[1:7]
count = int(sys.argv[7]) if len(sys.argv) > 7 else 1
patience = float(os.environ.get("PATIENCE", "3"))


def dial():
    return socket.create_connection((host, int(port)), timeout=10)


def secure(plain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["sealift/1"])
    return context.wrap_socket(plain)


def wait_for_end(link):
    """Reads until the other end closes, or until patience ends."""
    got = 0
    link.settimeout(0.2)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            data = link.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except OSError:
            return "closed", got
        if not data:
            return "closed", got
        got += len(data)
    return "open", got


def send_all(link, pieces):
    try:
        for piece in pieces:
            link.sendall(piece)
    except OSError:
        pass


def client_hello():
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def flood(end):
    while time.monotonic() < end:
        yield MESSAGE * 4096


def frame(kind, head=b"", tail_bytes=0):
    return struct.pack("<HHII", kind, 0, len(head), tail_bytes) + head


APPEND, HELLO, STATUS = 34, 32, 41
MESSAGE = frame(STATUS)
BEHAVIOUR = {
    "quiet": lambda link: None,
    "stall": lambda link: send_all(link, [frame(HELLO)[:7]]),
    "giant": lambda link: send_all(link, [frame(APPEND, tail_bytes=2**32 - 1)]),
    "noise": lambda link: send_all(link, [os.urandom(1 << 20)]),
    "deaf": lambda link: send_all(
        link, chain([frame(HELLO, b"\x08\x01")], flood(time.monotonic() + patience))),
    "flood": lambda link: send_all(link, flood(time.monotonic() + 2)),
}

if kind == "idle":
    links = [dial() for _ in range(count)]
    time.sleep(patience)
    print("held", len(links))
elif kind in ("nonsense", "handshake"):
    links = [dial() for _ in range(count)]
    data = os.urandom(100000) if kind == "nonsense" else client_hello()[:100]
    for link in links:
        send_all(link, [data])
    print(*wait_for_end(links[0]))
else:
    links = [secure(dial()) for _ in range(count)]
    for link in links:
        BEHAVIOUR[kind](link)
    print(*wait_for_end(links[0]))
