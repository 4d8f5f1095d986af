#!/usr/bin/env python3
"""A second reader of Sealift data folders, written from FORMAT.md alone, to be read beside it.

    second_reader.py read FOLDER DEKS    prints LSN PRODUCER SEQUENCE BYTES SHA-256 of each record
    second_reader.py check GOOD BAD      reads the good folders; each bad one must get its status

DEKS is a file of lines "dek_id key" in hex, or "-": no keys, only what can be checked without.
"""
import hashlib
import hmac
import struct
import sys
from collections import namedtuple
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

BLOCK = 4096
DATA, EPOCH_START, CHECKPOINT, FINAL = 1, 2, 3, 4


class Refused(Exception):
    """Its only argument is the status."""


def demand(holds, status="E_MALFORMED"):
    if not holds:
        raise Refused(status)


# ---- Section 3: primitives

CRC_TABLE = list(range(256))
for _ in range(8):
    CRC_TABLE = [value >> 1 ^ 0x82F63B78 * (value & 1) for value in CRC_TABLE]


@lru_cache(maxsize=16384)
def crc_block(state, block):
    for byte in block:
        state = state >> 8 ^ CRC_TABLE[(state ^ byte) & 255]
    return state


def crc32c(data):
    state = 0xFFFFFFFF
    for at in range(0, len(data), BLOCK):
        state = crc_block(state, data[at:at + BLOCK])
    return state ^ 0xFFFFFFFF


def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf(salt, key, info, length):
    return HKDF(SHA512(), length, salt, info).derive(key)


def u32(data, at):
    return int.from_bytes(data[at:at + 4], "little")


# ---- Section 4: the small files

class Frame:
    """Checks the frame, then hands out the fields of the body one behind the other."""

    def __init__(self, data, magic, most):
        demand(len(data) <= most, "E_TOO_LARGE")
        demand(len(data) >= 8, "E_TRUNCATED")
        demand(data[:8] == magic)
        demand(len(data) >= max(20, u32(data, 12)), "E_TRUNCATED")
        demand(len(data) == u32(data, 12))
        demand(crc32c(data[:-4]) == u32(data, len(data) - 4), "E_CHECKSUM")
        demand(data[8:10] == b"\1\0", "E_VERSION")
        demand(data[10:12] == b"\0\0")
        self.rest = data[16:-4]

    def raw(self, length):
        demand(len(self.rest) >= length, "E_TRUNCATED")
        field, self.rest = self.rest[:length], self.rest[length:]
        return field

    def number(self, size, most=2**64 - 1, status="E_TOO_LARGE"):
        value = int.from_bytes(self.raw(size), "little")
        demand(value <= most, status)
        return value

    def text(self, most):
        field = self.raw(self.number(2, most))
        demand(0 not in field)
        return field

    def identity(self):
        field = self.raw(16)
        demand(any(field))
        return field

    def suite(self):
        suite = self.number(2, 1, "E_VERSION")
        self.number(2, 0, "E_MALFORMED")                                # zero
        return suite


class Descriptor:                                                       # 4.1
    def __init__(self, data):
        frame = Frame(data, b"SEALDESC", 16384)
        suite = frame.suite()
        self.lineage = frame.identity()
        frame.raw(8)                                                    # created_ns
        engine = frame.text(31)
        demand(engine and all(0x21 <= byte <= 0x7E for byte in engine))
        self.owners = []                # (last segment; lineage, descriptor digest, suite)
        for _ in range(frame.number(4, 64)):
            owner = frame.identity(), frame.raw(32), frame.suite()
            self.owners.append((frame.number(8), owner))
            frame.raw(40)                                               # the rest of the cut
        demand(not frame.rest)
        self.owners.append((2**64, (self.lineage, sha256(data), suite)))


class Keyring:                                                          # 4.2
    def __init__(self, data):
        frame = Frame(data, b"SEALKEYS", 427008)
        self.lineage = frame.identity()
        _cluster, _region, key_arn = frame.text(63), frame.text(31), frame.text(255)
        count, self.checks = frame.number(4, 64), {}
        demand(count == 0 or key_arn)
        for _ in range(count):
            dek_id = frame.identity()
            demand(dek_id not in self.checks)
            self.checks[dek_id] = frame.identity() + dek_id, frame.raw(32)
            _region, _key_arn = frame.text(31), frame.text(255)
            demand(frame.raw(frame.number(4, 6144)))                    # blob
        demand(not frame.rest)

    def check(self, deks):
        for dek_id in self.checks.keys() & deks.keys():
            ids, value = self.checks[dek_id]
            key = hkdf(bytes(64), deks[dek_id], b"sealift/dek-check/v1" + ids, 32)
            demand(key == value, "E_KEY_MISMATCH")


class ControlCopy:                                                      # 4.3
    def __init__(self, data):
        frame = Frame(data, b"SEALCTRL", 32768)
        demand(len(data) == 32768)
        (self.generation, self.lineage, self.durable_epoch, self.durable_batch, suspect, count
         ) = struct.unpack("<Q16s24xQQ8xII", frame.raw(80))
        demand(suspect <= 3)
        demand(count <= 1024, "E_TOO_LARGE")
        rows = list(struct.iter_unpack("<3Q", frame.raw(24 * count)))
        for (epoch, batch, lsn), after in zip([(0, 1, 0)] + rows, rows):
            demand(after[0] > epoch and after[1] >= batch and after[2] >= lsn)
        frame.raw(16)                                                   # claim_asked, loss_pending
        losses, before = frame.number(4, 16), 0
        for epoch, first, last in struct.iter_unpack("<3Q", frame.raw(24 * losses)):
            demand(epoch > before and 0 < first <= last)
            before = epoch
        self.first_segment, self.before_epoch = frame.number(8), frame.number(8)
        demand((self.first_segment == 0) == (self.before_epoch == 0))
        for _ in range(frame.number(4, 64)):
            member = frame.raw(80)[:64]
            name = member.rstrip(b"\0")
            demand(name and 0 not in name and len(name) < 64)
        standing = frame.number(4)
        demand(standing <= 2)
        lost = frame.raw(16)                                            # key_lost_at, key_lost_ms
        demand(standing or not any(lost))
        demand(not any(frame.rest))
        self.starts = {epoch: start for epoch, *start in rows}          # epoch: [batch, lsn]

    def durable(self):
        """The batch that the durable mark counts as."""
        ends = [start[0] - 1 for epoch, start in self.starts.items() if epoch > self.durable_epoch]
        return min([self.durable_batch] + ends) if self.durable_epoch in self.starts else 0


def control_of(data):
    copies, statuses = [], []
    for at in range(0, 4 * 32768, 32768):
        try:
            copies.append(ControlCopy(data[at:at + 32768]))
        except Refused as refusal:
            statuses.append(refusal.args[0])
    demand(copies, "E_VERSION" if "E_VERSION" in statuses else "E_CHECKSUM")
    return max(copies, key=lambda copy: copy.generation)


# ---- Sections 5 and 6: a segment

HEADER = struct.Struct("<8sHHI16s32s16sQQQQ16sQ32s32sQQI")
Header = namedtuple("Header", "magic version suite header_bytes lineage descriptor_digest dek_id"
                    " epoch segment_no first_batch first_lsn incarnation created_ns salt prev_chain"
                    " prev_last_batch prev_end_lsn digest_count")
BATCH = struct.Struct("<IBBHQQIIQQ16s")
Batch = namedtuple("Batch", "at size type flags reserved number first_lsn records plain_bytes"
                   " durable_batch commit_lsn prev_tag")


class Segment:
    """A segment file; at, last, end_lsn and tag say how far its batches have passed."""

    def __init__(self, data):                                           # 5. by itself
        self.data, self.raw, self.keys = data, data[:BLOCK], None
        demand(len(self.raw) == BLOCK, "E_TRUNCATED")
        demand(crc32c(self.raw[:2844]) == u32(self.raw, 2844), "E_CHECKSUM")
        self.header = h = Header(*HEADER.unpack_from(self.raw))
        demand(h.magic == b"SEALIFT\0")
        demand(h.version == 1 and h.suite <= 1, "E_VERSION")
        unused = 220 + 40 * h.digest_count
        demand(h.header_bytes == BLOCK and h.digest_count <= 64 and h.epoch)
        demand(not any(self.raw[unused:2780] + self.raw[2848:]) and any(h.dek_id) == h.suite)
        demand(h.first_batch == h.prev_last_batch + 1 and h.first_lsn == h.prev_end_lsn + 1)
        self.listed = list(struct.iter_unpack("<Q32s", self.raw[220:unused]))
        self.commitment = self.raw[2780:2812]
        self.at, self.types, self.entries = BLOCK, [], []
        self.last, self.end_lsn, self.tag = h.prev_last_batch, h.prev_end_lsn, self.commitment[:16]

    def derive(self, deks):                                             # 5. with a key
        h = self.header
        dek = bytes(32) if h.suite == 0 else deks.get(h.dek_id)
        demand(dek, "E_WRONG_KEY")
        blanked = self.raw[:136] + bytes(32) + self.raw[168:2780] + bytes(68) + self.raw[2848:]
        okm = hkdf(h.salt, dek, b"sealift/segment/v1" + sha256(blanked), 108)
        demand(okm[44:76] == self.commitment, "E_WRONG_KEY")
        demand(hmac.digest(okm[76:], self.raw[:2812], "sha256") == self.raw[2812:2844], "E_FORGED")
        self.keys = AESGCM(okm[:32]), okm[32:44]

    def form(self, at):                                                 # 6. check 1
        demand(len(self.data) >= at + 64, "E_TRUNCATED")
        b = Batch(at, *BATCH.unpack_from(self.data, at))
        demand(b.flags == b.reserved == 0 and DATA <= b.type <= FINAL)
        demand(b.size <= 16777216 and b.plain_bytes <= 16777128, "E_TOO_LARGE")
        demand(b.size == (b.plain_bytes + 88 + BLOCK - 1) // BLOCK * BLOCK)
        demand(b.number and b.first_lsn and (b.records > 0) == (b.type == DATA))
        demand(b.type != DATA or b.plain_bytes >= 20 + 5 * b.records)
        demand(b.first_lsn + b.records < 2**64)
        whole = self.data[at:at + b.size]
        demand(len(whole) == b.size, "E_TRUNCATED")
        demand(whole[-4:] == whole[:4])
        demand(crc32c(self.commitment[:4] + whole[:-8]) == u32(whole, b.size - 8), "E_CHECKSUM")
        return b

    def place(self, b):                                                 # 6. check 2
        demand(b.number == self.last + 1 and b.first_lsn == self.end_lsn + 1, "E_GAP")
        demand(b.prev_tag == self.tag, "E_CHAIN")
        beginning = [EPOCH_START, CHECKPOINT] if self.begins_epoch else [CHECKPOINT]
        index = len(self.types)
        demand(b.type == beginning[index] if index < len(beginning) else b.type in (DATA, FINAL),
               "E_ORDER")

    def unseal(self, b, number):                                        # 6. check 3
        aes, base = self.keys
        flip = struct.pack(">IQ", (b.type == FINAL) << 24, number)
        nonce = bytes(x ^ y for x, y in zip(base, flip))
        body, tag = self.data[b.at + 64:b.at + b.size - 24], self.tag_of(b)
        aad = b"SLB1" + sha256(self.raw) + self.data[b.at:b.at + 64]
        try:
            if self.header.suite == 1:
                body = aes.decrypt(nonce, body + tag, aad)
            else:
                aes.decrypt(nonce, tag, aad + body)
        except InvalidTag:
            raise Refused("E_FORGED") from None
        demand(not any(body[b.plain_bytes:]), "E_FORGED")
        return body[:b.plain_bytes]

    def tag_of(self, b):
        return self.data[b.at + b.size - 24:b.at + b.size - 8]

    def content(self, b, plain):                                        # 6. check 5, and 6.1
        h = self.header
        if b.type == DATA:
            self.entries += data_records(b, plain)
        elif b.type == EPOCH_START:
            demand(len(plain) == 72)
            epoch, batch, lsn, parent, last, tag, *loss = struct.unpack("<5Q16s2Q", plain)
            demand((epoch, batch, lsn) == (h.epoch, h.first_batch, h.first_lsn))
            demand((parent, last) == (self.before[0], h.prev_last_batch))
            demand(self.before[1] in (None, tag))                       # None: it is not kept
            demand(loss == [0, 0] or 0 < loss[0] <= loss[1])
        elif b.type == CHECKPOINT:
            demand(len(plain) >= 8 and plain[4:8] == bytes(4))
            demand(u32(plain, 0) <= 65536 and len(plain) == 8 + 24 * u32(plain, 0))
            rows = list(struct.iter_unpack("<3Q", plain[8:]))           # producer, sequence, LSN
            demand(len({producer for producer, _, _ in rows}) == len(rows))
            lsns = [0] + [lsn for _, _, lsn in rows] + [b.first_lsn]
            demand(all(lsn < after for lsn, after in zip(lsns, lsns[1:])))
        else:
            demand(plain == struct.pack("<2Q", len(self.types) + 1, self.end_lsn))

    def walk(self, before, until):
        """Passes batches up to number until; the status of the one that does not pass.

        before: epoch of the header before and the tag at that segment's end."""
        self.before, self.begins_epoch = before, self.header.epoch > before[0]
        while self.last != until and FINAL not in self.types:
            try:
                b = self.form(self.at)
                self.place(b)
                plain = self.unseal(b, self.last + 1) if self.keys else None
            except Refused as refusal:
                return refusal.args[0]
            if self.keys:
                self.content(b, plain)
            self.at, self.last, self.tag = b.at + b.size, b.number, self.tag_of(b)
            self.end_lsn += b.records
            self.types.append(b.type)
        return "E_TRUNCATED"

    def further_on_says_durable(self):
        """Does a batch further on say that the next number had been durable? (Section 7)"""
        for at in range(self.at, len(self.data), BLOCK):
            try:
                b = self.form(at)
                if self.keys:
                    self.unseal(b, b.number)
                if (b.number > self.last + 1 and b.first_lsn > self.end_lsn
                        and b.durable_batch > self.last):
                    return True
            except Refused:
                pass
        return False


def data_records(b, plain):                                             # 6.1
    owners, at = [], 0
    while len(owners) < b.records:
        demand(at + 20 <= len(plain))
        producer, first, count = struct.unpack_from("<QQI", plain, at)
        demand(0 < count <= b.records - len(owners) and first + count <= 2**64)
        owners += [(producer, sequence) for sequence in range(first, first + count)]
        at += 20
    body = at + 4 * b.records
    demand(body <= len(plain))
    lengths = struct.unpack_from(f"<{b.records}I", plain, at)
    demand(all(1 <= length <= 8388608 for length in lengths) and body + sum(lengths) == len(plain))
    for lsn, (owner, length) in enumerate(zip(owners, lengths), b.first_lsn):
        yield (lsn, *owner, plain[body:body + length])
        body += length


# ---- Section 7: reading a WAL

def read_wal(files, deks):
    """The records (LSN, producer, sequence, body) of a folder, given as {path: bytes}."""
    demand("descriptor" in files, "E_MISSING")                          # 7. step 1
    descriptor = Descriptor(files["descriptor"])
    keyring = Keyring(files["keyring"]) if "keyring" in files else None
    demand(keyring is None or keyring.lineage == descriptor.lineage, "E_LINEAGE")
    control = control_of(files["control"]) if "control" in files else None
    demand(control is None or control.lineage == descriptor.lineage, "E_LINEAGE")

    first = control.first_segment if control else 0                     # 7. step 2
    names = sorted(path for path in files if path.startswith("wal/") and path >= f"wal/{first:020}")
    demand(names == [f"wal/{first + no:020}.seg" for no in range(len(names))], "E_MISSING")
    demand(names or control is None or control.durable_batch == first == 0, "E_MISSING")
    segments = []
    for name in names:
        segments.append(Segment(files[name]))
        check_header(segments, first, descriptor, control, deks)

    digests = {}                                                        # 7. step 3
    before = (control.before_epoch, None) if first else (0, bytes(16))
    for no, segment in enumerate(segments, first):
        epoch = segment.header.epoch
        for listed, digest in segment.listed:
            demand(listed < no)
            demand(listed < first or digest == digests[listed], "E_CHECKSUM")
        if no + 1 < first + len(segments):
            after = segments[no + 1 - first].header
            status = segment.walk(before, after.prev_last_batch)
            demand(segment.last == after.prev_last_batch, status)
            demand(segment.end_lsn == after.prev_end_lsn, "E_GAP")
            demand(sha256(segment.raw + segment.tag) == after.prev_chain, "E_CHAIN")
            demand(FINAL in segment.types or epoch != after.epoch, "E_CHAIN")
        else:
            status = segment.walk(before, None)
            closed = FINAL in segment.types
            demand(closed or not segment.further_on_says_durable(), status)
            if control and control.durable() > segment.last:
                raise Refused("E_MISSING" if closed or control.durable_epoch > epoch else status)
        digests[no] = sha256(segment.data[:segment.at])
        before = epoch, segment.tag
    if keyring and deks:
        keyring.check(deks)
    return [record for segment in segments for record in segment.entries]


def check_header(segments, first, descriptor, control, deks):
    """Step 2 for the last of the segments read so far, of which that number is the first."""
    no, segment, h = first + len(segments) - 1, segments[-1], segments[-1].header
    lineage, digest, suite = next(owner for cut, owner in descriptor.owners if no <= cut)
    demand(h.lineage == lineage, "E_LINEAGE")
    demand(h.suite == suite and h.descriptor_digest == digest, "E_DESCRIPTOR")
    if h.suite == 0 or deks is not None:
        segment.derive(deks)
    demand(h.segment_no == no, "E_GAP")
    epoch_before = segments[-2].header.epoch if len(segments) > 1 else 0
    if no == first > 0:
        epoch_before = control.before_epoch
        demand(h.epoch >= epoch_before, "E_STALE_EPOCH")
    elif no == 0:
        demand(h.first_batch == h.first_lsn == 1, "E_GAP")
        demand(h.prev_chain == digest, "E_CHAIN")
    else:
        before = segments[-2].header
        demand(h.epoch >= before.epoch, "E_STALE_EPOCH")
        demand(h.first_batch >= before.first_batch and h.first_lsn >= before.first_lsn, "E_GAP")
        demand(h.epoch > before.epoch or h.incarnation == before.incarnation, "E_CHAIN")
    if control and h.epoch in control.starts and h.epoch > epoch_before:
        demand(control.starts[h.epoch] == [h.first_batch, h.first_lsn], "E_GAP")


# ---- The commands

def load(folder):
    paths = [folder / name for name in ("descriptor", "keyring", "control")]
    paths = [path for path in paths if path.exists()]
    paths += folder.glob("wal/" + 20 * "[0-9]" + ".seg")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def load_deks(path):
    try:
        return dict(map(bytes.fromhex, line.split()) for line in path.read_text().splitlines())
    except (OSError, ValueError) as error:
        sys.exit(f"no DEKs in {path}: {error}")


def read(files, deks):
    """Status and listing."""
    try:
        return "OK", "".join(f"{lsn} {producer} {sequence} {len(body)} {sha256(body).hex()}\n"
                             for lsn, producer, sequence, body in read_wal(files, deks))
    except Refused as refusal:
        return refusal.args[0], ""


def check(good, bad):
    wrong, cases = 0, sorted(bad.glob("*/case"))
    for case in sorted(good.glob("*/records.txt")) + cases:
        folder = case.parent
        text = case.read_text() if case in cases else f"{folder.name} OK OK"
        (base, *expected), *lost = map(str.split, text.splitlines())
        files = load(good / base) | load(folder)
        for [path] in lost:
            del files[path]
        deks = load_deks((folder if case in cases else good) / "deks.txt")
        for keys, right in zip((deks, None), expected):
            status, listing = read(files, keys)
            if status == "OK" and keys and listing != (good / base / "records.txt").read_text():
                status = "other records"
            if status != right:
                wrong += 1
                print(f"{folder.name} {'with' if keys else 'without'} keys: {status}, not {right}")
    print(f"{len(cases)} bad folders, {wrong} wrong answers")
    return 1 if wrong or not cases else 0


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in ("read", "check"):
        print("usage: second_reader.py read FOLDER DEKS|-   or   second_reader.py check GOOD BAD",
              file=sys.stderr)
        return 2
    first, second = map(Path, arguments[1:])
    if arguments[0] == "check":
        return check(first, second)
    status, listing = read(load(first), None if arguments[2] == "-" else load_deks(second))
    sys.stdout.write(listing)
    if status != "OK":
        print(f"refused: {status}", file=sys.stderr)
    return 0 if status == "OK" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
