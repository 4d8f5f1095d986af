#!/usr/bin/env python3
"""Do both readers say the same of folders that nobody has thought of?

    two_readers.py SEALIFT GOOD SCRATCH SEED COUNT

Alters good folders at random, mostly where fields are, mostly under checksums made right again, and
asks `sealift verify --no-key` and second_reader.py (without keys: what they open is suite 0) for
their statuses. A folder on which they differ stays in SCRATCH.
"""
import random
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True                  # the sources stay as they are

import second_reader
from second_reader import BLOCK, crc32c

HEADER_FIELDS = [0, 8, 10, 12, 16, 32, 64, 80, 88, 96, 104, 112, 128, 136, 168, 200, 208, 216, 220,
                 228, 260, 2780, 2812, 2844, 2848]
BATCH_FIELDS = [0, 4, 5, 6, 8, 16, 24, 28, 32, 40, 48, 64, BLOCK - 24, BLOCK - 8, BLOCK - 4]
COPY = 32768


def put_u32(data, at, value):
    data[at:at + 4] = value.to_bytes(4, "little")


def fix_checksums(dice, name, data):
    if name == "control":
        for end in range(COPY, len(data) + 1, COPY):
            put_u32(data, end - 4, crc32c(bytes(data[end - COPY:end - 4])))
    elif not name.startswith("wal/"):
        if len(data) >= 20:
            if dice.random() < 0.5:
                put_u32(data, 12, len(data))
            put_u32(data, len(data) - 4, crc32c(bytes(data[:-4])))
    elif len(data) >= BLOCK:
        put_u32(data, 2844, crc32c(bytes(data[:2844])))
        for at in range(BLOCK, len(data) - 63, BLOCK):
            end = at + int.from_bytes(data[at:at + 4], "little")
            if at + 88 < end <= len(data) and dice.random() < 0.9:
                put_u32(data, end - 8, crc32c(bytes(data[2780:2784] + data[at:end - 8])))


def place_in(dice, name, data):
    if name.startswith("wal/") and dice.random() < 0.8:
        block = dice.randrange(max(1, len(data) // BLOCK))
        fields = BATCH_FIELDS if block else HEADER_FIELDS
        return block * BLOCK + dice.choice(fields) + dice.choice([0, 0, 1, 7])
    if name == "control":
        return dice.randrange(4) * COPY + dice.randrange(150)
    return dice.randrange(max(1, len(data)))


def alter(dice, files):
    name = dice.choice(list(files))
    data, kind = files[name], dice.random()
    at, block = place_in(dice, name, data), slice(0, 0)
    if len(data) >= 2 * BLOCK and name.startswith("wal/"):
        first = BLOCK * dice.randrange(1, len(data) // BLOCK)
        block = slice(first, first + BLOCK)
    if kind < 0.7 and at < len(data):
        data[at] = dice.choice([0, 1, 2, 255, data[at] ^ 1, (data[at] + 1) % 256])
        if name == "control" and dice.random() < 0.5:
            data[:] = 4 * data[at // COPY * COPY:at // COPY * COPY + COPY]
    elif kind < 0.8:
        del data[dice.choice([at, at // BLOCK * BLOCK]):]
    elif kind < 0.85:
        data[block] = data[BLOCK:2 * BLOCK][:block.stop - block.start]
    elif kind < 0.9:
        data[block] = bytes(block.stop - block.start)
    elif kind < 0.95:
        data += bytes(dice.choice([1, 64, BLOCK]))
    else:
        del files[name]


def draw(dice, good):
    base = dice.choice(["encrypted", "plain", "torn", "restored", "retained"])
    files = {name: bytearray(data) for name, data in second_reader.load(good / base).items()}
    if dice.random() < 0.4:
        del files["control"]
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        alter(dice, files)
    if dice.random() < 0.8:
        for name, data in files.items():
            fix_checksums(dice, name, data)
    return {name: bytes(data) for name, data in files.items()}


def ask_sealift(program, files, folder):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wal").mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    ran = subprocess.run([program, "verify", folder, "--no-key"], capture_output=True, text=True,
                         timeout=60, check=False)
    if ran.returncode == 0:
        return "OK"
    return next((word[:-1] for word in ran.stderr.split() if word.startswith("E_")), ran.stderr)


def main(program, good, scratch, seed, count):
    dice, statuses, wrong = random.Random(int(seed)), {}, 0
    for number in range(int(count)):
        folder = Path(scratch) / str(number)
        files = draw(dice, Path(good))
        first, (second, _) = ask_sealift(program, files, folder), second_reader.read(files, None)
        statuses[second] = statuses.get(second, 0) + 1
        if first == second:
            shutil.rmtree(folder)
        else:
            wrong += 1
            print(f"{folder}: sealift says {first}, the second reader {second}")
    print(f"{count} folders, {wrong} differences, {statuses}")
    return 1 if wrong or len(statuses) < 10 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
