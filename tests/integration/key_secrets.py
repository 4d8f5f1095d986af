#!/usr/bin/env python3
"""What must not be in a process's memory, and whether it is.

    key_secrets.py envelope FOLDER        the newest envelope, as words of `aws kms decrypt`
    key_secrets.py secrets FOLDER DEK     DEK (in base64) and the keys of each segment, a line of hex each
    key_secrets.py find PID SECRETS       how many of those lines are in the memory of that process

Formats are those of docs/FORMAT.md, read by the second reader of tests/vectors."""
import base64
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "vectors"))
from second_reader import Frame, Segment, hkdf, sha256  # noqa: E402


def envelope(folder):
    frame = Frame((folder / "keyring").read_bytes(), b"SEALKEYS", 427008)
    lineage = frame.identity()
    cluster, region, _key = (frame.text(size).decode() for size in (63, 31, 255))
    for _ in range(frame.number(4, 64)):
        dek, _of, _check = frame.identity(), frame.identity(), frame.raw(32)
        _region, key = frame.text(31), frame.text(255).decode()
        blob = frame.raw(frame.number(4, 6144))
    (folder.parent / "blob").write_bytes(blob)
    print("--key-id", key, "--ciphertext-blob", f"fileb://{folder.parent}/blob", "--encryption-context",
          f"aws:rds:dbc-id={cluster},sealift:lineage={lineage.hex()},sealift:dek={dek.hex()},"
          f"sealift:region={region}")


def secrets(folder, dek):
    dek = base64.b64decode(dek)
    print(dek.hex())
    for path in sorted(folder.glob("wal/*.seg")):
        segment = Segment(path.read_bytes())
        segment.derive({segment.header.dek_id: dek})  # refuses another DEK
        raw = segment.raw
        blanked = raw[:136] + bytes(32) + raw[168:2780] + bytes(68) + raw[2848:]
        okm = hkdf(segment.header.salt, dek, b"sealift/segment/v1" + sha256(blanked), 108)
        print(okm[:32].hex(), okm[76:].hex(), sep="\n")


def find(pid, lines):
    wanted = [bytes.fromhex(line) for line in lines.read_text().split()]
    found = set()
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in open(f"/proc/{pid}/maps"):
            begin, end, may = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if may[0] != "r" or "[v" in line:
                continue
            at, end, before = int(begin, 16), int(end, 16), b""
            while at < end:
                memory.seek(at)
                part = memory.read(min(end - at, 1 << 24))
                found.update(secret for secret in wanted if secret in before + part)
                at, before = at + len(part), part[-64:]
                if not part:
                    break
    print(len(found))


if __name__ == "__main__":
    what, where, *more = sys.argv[1:]
    if what == "envelope":
        envelope(Path(where))
    elif what == "secrets":
        secrets(Path(where), *more)
    else:
        find(where, Path(more[0]))
