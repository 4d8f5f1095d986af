#!/usr/bin/env python3
"""A second reader of Sealift's format, written from docs/FORMAT.md alone.

    second_reader.py read FOLDER DEKS     prints "LSN PRODUCER SEQUENCE BYTES SHA-256" a record
    second_reader.py check GOOD BAD       opens the good folders, refuses the bad ones

DEKS: "DEK_ID DEK" in hex a line; "-" reads without keys. Section numbers are those of FORMAT.md.
"""
import functools
import hashlib
import hmac
import os
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Refused(Exception):
    pass


def need(condition, status):
    if not condition:
        raise Refused(status)


# ---- 3. primitives ----

CRC_TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    CRC_TABLE.append(i)


@functools.lru_cache(maxsize=None)
def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ CRC_TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def sha(data):
    return hashlib.sha256(data).digest()


def hkdf(salt, key, info, size):
    return HKDF(hashes.SHA512(), size, salt, info).derive(key)


class Fields:
    """Takes a body apart from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, size):
        need(self.at + size <= len(self.data), "E_TRUNCATED")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.raw(size), "little")

    def text(self, most):
        size = self.number(2)
        raw = self.raw(size)
        need(size <= most, "E_TOO_LARGE")
        need(0 not in raw, "E_MALFORMED")
        return raw

    def left(self):
        return self.data[self.at:]


# ---- 4. the small files ----

def frame(data, magic):
    need(len(data) >= 8, "E_TRUNCATED")
    need(data[:8] == magic, "E_MALFORMED")
    need(len(data) >= 20, "E_TRUNCATED")
    version, zero, size = struct.unpack_from("<HHI", data, 8)
    need(len(data) >= size, "E_TRUNCATED")
    need(len(data) <= size, "E_MALFORMED")
    need(crc(data[:-4]) == struct.unpack("<I", data[-4:])[0], "E_CHECKSUM")
    need(version == 1, "E_VERSION")
    need(zero == 0, "E_MALFORMED")
    return Fields(data[16:-4])


def suite_of(fields):
    suite = fields.number(2)
    need(fields.number(2) == 0, "E_MALFORMED")
    need(suite <= 1, "E_VERSION")
    return suite


def read_descriptor(data):
    need(len(data) <= 16384, "E_TOO_LARGE")
    fields = frame(data, b"SEALDESC")
    own = {"suite": suite_of(fields), "lineage": fields.raw(16), "digest": sha(data)}
    need(any(own["lineage"]), "E_MALFORMED")
    fields.number(8)
    engine = fields.text(31)
    need(engine and all(0x21 <= c <= 0x7E for c in engine), "E_MALFORMED")
    count = fields.number(4)
    need(count <= 64, "E_TOO_LARGE")
    own["ancestors"] = []
    for _ in range(count):
        ancestor = {"lineage": fields.raw(16), "digest": fields.raw(32)}
        need(any(ancestor["lineage"]), "E_MALFORMED")
        ancestor["suite"] = suite_of(fields)
        ancestor["cut_segment"] = fields.number(8)
        fields.raw(40)
        own["ancestors"].append(ancestor)
    need(not fields.left(), "E_MALFORMED")
    return own


def read_keyring(data):
    fields = frame(data, b"SEALKEYS")
    ring = {"lineage": fields.raw(16), "envelopes": []}
    fields.text(63), fields.text(31)
    arn = fields.text(255)
    count = fields.number(4)
    need(any(ring["lineage"]), "E_MALFORMED")
    need(count <= 64, "E_TOO_LARGE")
    need(count == 0 or arn, "E_MALFORMED")
    for _ in range(count):
        dek, lineage, check = fields.raw(16), fields.raw(16), fields.raw(32)
        fields.text(31), fields.text(255)
        size = fields.number(4)
        need(size <= 6144, "E_TOO_LARGE")
        need(size > 0 and any(dek) and any(lineage), "E_MALFORMED")
        need(dek not in [e[0] for e in ring["envelopes"]], "E_MALFORMED")
        fields.raw(size)
        ring["envelopes"].append((dek, lineage, check))
    need(not fields.left(), "E_MALFORMED")
    return ring


def read_control_copy(data):
    fields = frame(data, b"SEALCTRL")
    control = {"generation": fields.number(8), "lineage": fields.raw(16)}
    fields.raw(16), fields.number(8)
    control["durable"] = (fields.number(8), fields.number(8))
    fields.number(8)
    need(fields.number(4) <= 1, "E_MALFORMED")
    count = fields.number(4)
    need(count <= 1024, "E_TOO_LARGE")
    epochs = [tuple(fields.number(8) for _ in range(3)) for _ in range(count)]
    for before, entry in zip([(0, 0, 0)] + epochs, epochs):
        need(entry[0] > before[0] and entry[1] > 0, "E_MALFORMED")
        need(entry[1] >= before[1] and entry[2] >= before[2], "E_MALFORMED")
    need(not any(fields.left()), "E_MALFORMED")
    control["epochs"] = epochs
    return control


def read_control(data):
    good, why = [], "E_CHECKSUM"
    for at in range(0, 4 * 32768, 32768):
        try:
            good.append(read_control_copy(data[at:at + 32768]))
        except Refused as refused:
            why = "E_VERSION" if str(refused) == "E_VERSION" else why
    need(good, why)
    return max(good, key=lambda control: control["generation"])


def durable_mark(control):
    epoch, batch = control["durable"]
    numbers = [entry[0] for entry in control["epochs"]]
    if epoch not in numbers:
        return 0
    after = control["epochs"][numbers.index(epoch) + 1:]
    return min(batch, after[0][1] - 1) if after else batch


# ---- 5. segment headers ----

def read_header(raw):
    need(len(raw) >= 4096, "E_TRUNCATED")
    raw = raw[:4096]
    need(crc(raw[:2844]) == struct.unpack_from("<I", raw, 2844)[0], "E_CHECKSUM")
    need(raw[:8] == b"SEALIFT\0", "E_MALFORMED")
    version, suite, size = struct.unpack_from("<HHI", raw, 8)
    need(version == 1 and suite <= 1, "E_VERSION")
    header = {"raw": raw, "suite": suite, "lineage": raw[16:32], "descriptor": raw[32:64],
              "dek": raw[64:80], "incarnation": raw[112:128], "prev_chain": raw[168:200],
              "commitment": raw[2780:2812], "key": None}
    names = ("epoch", "segment", "first_batch", "first_lsn")
    header.update(zip(names, struct.unpack_from("<4Q", raw, 80)))
    last, lsn, count = struct.unpack_from("<QQI", raw, 200)
    need(size == 4096 and count <= 64, "E_MALFORMED")
    need(not any(raw[220 + 40 * count:2780]) and not any(raw[2848:]), "E_MALFORMED")
    need(header["first_batch"] == last + 1 and header["first_lsn"] == lsn + 1, "E_MALFORMED")
    need(header["epoch"] > 0 and (suite == 0) == (not any(header["dek"])), "E_MALFORMED")
    header.update(prev_last_batch=last, prev_end_lsn=lsn)
    header["digests"] = [struct.unpack_from("<Q32s", raw, 220 + 40 * i) for i in range(count)]
    return header


def open_header(header, deks):
    need(header["suite"] == 0 or header["dek"] in deks, "E_WRONG_KEY")
    dek = deks[header["dek"]] if header["suite"] else bytes(32)
    raw = header["raw"]
    blank = raw[:136] + bytes(32) + raw[168:2780] + bytes(68) + raw[2848:]
    okm = hkdf(raw[136:168], dek, b"sealift/segment/v1" + sha(blank), 108)
    need(okm[44:76] == header["commitment"], "E_WRONG_KEY")
    need(hmac.digest(okm[76:], raw[:2812], "sha256") == raw[2812:2844], "E_FORGED")
    header["key"], header["base_nonce"] = okm[:32], okm[32:44]


# ---- 6. batches ----

def read_batch(header, data):
    need(len(data) >= 64, "E_TRUNCATED")
    size, kind, flags, reserved, number, lsn, count, plain, durable, commit = \
        struct.unpack_from("<IBBHQQIIQQ", data)
    need(flags == 0 and reserved == 0 and 1 <= kind <= 4, "E_MALFORMED")
    need(size <= 16777216 and plain <= 16777128, "E_TOO_LARGE")
    need(size == (64 + plain + 24 + 4095) // 4096 * 4096 and number > 0 and lsn > 0, "E_MALFORMED")
    need(count >= 1 and plain >= 20 + 5 * count if kind == 1 else count == 0, "E_MALFORMED")
    need(len(data) >= size, "E_TRUNCATED")
    raw = bytes(data[:size])
    summed, again = struct.unpack("<II", raw[-8:])
    need(again == size, "E_MALFORMED")
    need(summed == crc(header["commitment"][:4] + raw[:-8]), "E_CHECKSUM")
    return {"raw": raw, "kind": kind, "number": number, "first_lsn": lsn, "count": count,
            "plain_bytes": plain, "end_lsn": lsn + count - 1, "prev_tag": raw[48:64],
            "tag": raw[-24:-8]}


def open_batch(header, batch):
    raw = batch["raw"]
    place = (b"\1" if batch["kind"] == 4 else b"\0") + bytes(3) + batch["number"].to_bytes(8, "big")
    nonce = bytes(a ^ b for a, b in zip(header["base_nonce"], place))
    aad = b"SLB1" + sha(header["raw"]) + raw[:64]
    cipher = AESGCM(header["key"])
    try:
        if header["suite"] == 1:
            body = cipher.decrypt(nonce, raw[64:-8], aad)
        else:
            body = raw[64:-24]
            cipher.decrypt(nonce, batch["tag"], aad + body)
    except InvalidTag:
        raise Refused("E_FORGED") from None
    need(not any(body[batch["plain_bytes"]:]), "E_FORGED")
    return body[:batch["plain_bytes"]]


def read_data(batch, plain):
    fields, runs = Fields(plain), []
    while len(runs) < batch["count"]:
        producer, first, count = fields.number(8), fields.number(8), fields.number(4)
        need(0 < count <= batch["count"] - len(runs), "E_MALFORMED")
        need(first + count - 1 < 1 << 64, "E_MALFORMED")
        runs += [(producer, first + i) for i in range(count)]
    lengths = [fields.number(4) for _ in runs]
    need(all(0 < length <= 8388608 for length in lengths), "E_MALFORMED")
    need(sum(lengths) == len(fields.left()), "E_MALFORMED")
    return [(batch["first_lsn"] + i, *run, fields.raw(lengths[i])) for i, run in enumerate(runs)]


def read_content(header, batch, plain, place):
    """Records of a data batch; nothing else is returned."""
    fields = Fields(plain)
    if batch["kind"] == 1:
        try:
            return read_data(batch, plain)
        except Refused:
            raise Refused("E_MALFORMED") from None
    if batch["kind"] == 2:
        need(len(plain) == 72, "E_MALFORMED")
        values = struct.unpack("<5Q16sQQ", plain)
        expected = (header["epoch"], header["first_batch"], header["first_lsn"])
        need(values[:3] == expected and values[4] == header["prev_last_batch"], "E_MALFORMED")
        need(values[3] < values[0], "E_MALFORMED")
        need(values[6] <= values[7] and (values[6] == 0) == (values[7] == 0), "E_MALFORMED")
    if batch["kind"] == 3:
        need(len(plain) >= 8, "E_MALFORMED")
        count, zero = fields.number(4), fields.number(4)
        need(zero == 0 and len(fields.left()) == 24 * count, "E_MALFORMED")
    if batch["kind"] == 4:
        need(len(plain) == 16, "E_MALFORMED")
        expected = (place["count"] + 1, place["end_lsn"])
        need(struct.unpack("<QQ", plain) == expected, "E_MALFORMED")
    return []


def next_batch(header, data, place, starts_epoch):
    batch = read_batch(header, memoryview(data)[place["offset"]:])
    follows = batch["number"] == place["batch"] + 1 and batch["first_lsn"] == place["end_lsn"] + 1
    need(follows, "E_GAP")
    need(batch["prev_tag"] == place["tag"], "E_CHAIN")
    before, kind = place["count"], batch["kind"]
    checkpoint = 1 if starts_epoch else 0
    need(kind in ((2,) if before < checkpoint else (3,) if before == checkpoint else (1, 4)), "E_ORDER")
    plain = open_batch(header, batch) if header["key"] else None
    return batch, read_content(header, batch, plain, place) if header["key"] else []


# ---- 7. reading a WAL ----

def check_headers(headers, descriptor, control, deks):
    for i, header in enumerate(headers):
        header.update(read_header(header["file"]))
        known = [a for a in descriptor["ancestors"] if header["segment"] <= a["cut_segment"]]
        known = known[0] if known else descriptor
        need(header["lineage"] == known["lineage"], "E_LINEAGE")
        same = header["suite"] == known["suite"] and header["descriptor"] == known["digest"]
        need(same, "E_DESCRIPTOR")
        if deks is not None or descriptor["suite"] == 0:
            open_header(header, deks or {})
        need(header["segment"] == i, "E_GAP")
        before = headers[i - 1] if i else None
        if before is None:
            need(header["first_batch"] == 1 and header["first_lsn"] == 1, "E_GAP")
            need(header["prev_chain"] == header["descriptor"], "E_CHAIN")
        else:
            need(header["epoch"] >= before["epoch"], "E_STALE_EPOCH")
            need(header["first_batch"] >= before["first_batch"], "E_GAP")
            need(header["first_lsn"] >= before["first_lsn"], "E_GAP")
            same = header["incarnation"] == before["incarnation"]
            need(header["epoch"] != before["epoch"] or same, "E_CHAIN")
        header["starts_epoch"] = before is None or header["epoch"] != before["epoch"]
        for entry in control["epochs"] if control and header["starts_epoch"] else []:
            expected = (header["epoch"], header["first_batch"], header["first_lsn"])
            need(entry[0] != header["epoch"] or entry == expected, "E_GAP")


def has_later_batch(header, place):
    rest = memoryview(header["file"])  # slices of it are not copies
    for at in range(place["offset"], len(header["file"]), 4096):
        try:
            batch = read_batch(header, rest[at:])
            if batch["number"] > place["batch"] + 1 and batch["first_lsn"] > place["end_lsn"]:
                if header["key"]:
                    open_batch(header, batch)
                return True
        except Refused:
            continue
    return False


def read_segment(header, following, control, digests):
    for number, digest in header["digests"]:
        need(number < header["segment"], "E_MALFORMED")
        need(digests[number] == digest, "E_CHECKSUM")
    place = {"offset": 4096, "batch": header["first_batch"] - 1, "count": 0, "closed": False,
             "end_lsn": header["first_lsn"] - 1, "tag": header["commitment"][:16]}
    last, why, records = following["prev_last_batch"] if following else None, "E_TRUNCATED", []
    while place["batch"] != last and not place["closed"]:
        if place["offset"] == len(header["file"]):
            break
        try:
            batch, found = next_batch(header, header["file"], place, header["starts_epoch"])
        except Refused as refused:
            why = str(refused)
            break
        records += found
        place.update(offset=place["offset"] + len(batch["raw"]), batch=batch["number"],
                     end_lsn=batch["end_lsn"], tag=batch["tag"], count=place["count"] + 1,
                     closed=batch["kind"] == 4)
    digests.append(sha(header["file"][:place["offset"]]))
    if following:
        need(place["batch"] >= last, why)
        need(place["end_lsn"] == following["prev_end_lsn"], "E_GAP")
        chain = sha(header["raw"] + place["tag"])
        closed = place["closed"] or following["epoch"] != header["epoch"]
        need(chain == following["prev_chain"] and closed, "E_CHAIN")
    else:
        need(not has_later_batch(header, place), why)
        if control:
            gone = control["durable"][0] > header["epoch"]
            need(durable_mark(control) <= place["batch"], "E_MISSING" if gone else why)
    return records


def read_wal(files, deks):
    """files: name -> bytes. Returns the records."""
    descriptor = read_descriptor(files["descriptor"])
    ring = read_keyring(files["keyring"]) if "keyring" in files else None
    need(ring is None or ring["lineage"] == descriptor["lineage"], "E_LINEAGE")
    control = read_control(files["control"]) if "control" in files else None
    need(control is None or control["lineage"] == descriptor["lineage"], "E_LINEAGE")
    names = sorted(name for name in files if name.startswith("wal/"))
    headers = []
    for i, name in enumerate(names):
        if name != "wal/%020d.seg" % i:
            check_headers(headers, descriptor, control, deks)
            raise Refused("E_MISSING")
        headers.append({"file": files[name]})
    check_headers(headers, descriptor, control, deks)
    digests, records = [], []
    for header, following in zip(headers, headers[1:] + [None]):
        records += read_segment(header, following, control, digests)
    need(headers or not control or control["durable"][1] == 0, "E_MISSING")
    for dek, lineage, check in ring["envelopes"] if ring and deks is not None else []:
        made = hkdf(bytes(64), deks[dek], b"sealift/dek-check/v1" + lineage + dek, 32)
        need(made == check, "E_KEY_MISMATCH")
    return records


# ---- files and the command ----

def load(folder):
    files = {}
    for name in ("descriptor", "keyring", "control"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            files[name] = open(path, "rb").read()
    wal = os.path.join(folder, "wal")
    for name in sorted(os.listdir(wal)) if os.path.isdir(wal) else []:
        files["wal/" + name] = open(os.path.join(wal, name), "rb").read()
    return files


def load_deks(path):
    lines = [line.split() for line in open(path)]
    return {bytes.fromhex(name): bytes.fromhex(dek) for name, dek in lines}


def listing(records):
    return "".join("%d %d %d %d %s\n" % (lsn, producer, sequence, len(body), sha(body).hex())
                   for lsn, producer, sequence, body in records)


def status_of(files, deks):
    try:
        read_wal(files, deks)
        return "OK"
    except Refused as refused:
        return str(refused)


def check(good, bad):
    deks, wrong = load_deks(os.path.join(good, "deks.txt")), 0
    for name in ("encrypted", "plain"):
        folder = os.path.join(good, name)
        expected = open(os.path.join(folder, "records.txt")).read()
        if listing(read_wal(load(folder), deks)) != expected:
            wrong += 1
            print("%s: other records than in records.txt" % name)
    cases = sorted(os.listdir(bad))
    for name in cases:
        folder = os.path.join(bad, name)
        lines = open(os.path.join(folder, "case")).read().split("\n")
        base, keyed, keyless = lines[0].split()
        files = {**load(os.path.join(good, base)), **load(folder)}
        for lost in filter(None, lines[1:]):
            del files[lost]
        deks = load_deks(os.path.join(folder, "deks.txt"))
        for expected, given in ((keyed, deks), (keyless, None)):
            status = status_of(files, given)
            if status != expected:
                wrong += 1
                print("%s: %s, not %s (keys: %s)" % (name, status, expected, given is not None))
    print("%d bad folders, %d wrong answers" % (len(cases), wrong))
    return wrong == 0 and len(cases) > 0


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "check":
        return 0 if check(arguments[1], arguments[2]) else 1
    if len(arguments) == 3 and arguments[0] == "read":
        try:
            deks = None if arguments[2] == "-" else load_deks(arguments[2])
            sys.stdout.write(listing(read_wal(load(arguments[1]), deks)))
        except Refused as refused:
            print("refused: %s" % refused, file=sys.stderr)
            return 1
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
