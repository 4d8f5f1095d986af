"""Rounds in which a disk is full, or a sync of it fails.

Two members have file systems of their own, ext4 and xfs, as images on loop devices, which needs
root: they are filled to the last byte under load, the member may be killed on its full disk, and
when there is space again all goes on. A sync that fails ends its member, which says so; a replica is
started again as it is, a writer by an operator's word for that disk."""
import os
import shutil
import subprocess
import sys
import time

from cluster import Broken, wait_until

KINDS = {"p1": "ext4", "r2": "xfs"}
IMAGE_BYTES = 3 << 30  # sparse; a run of ten minutes stays below half of it
CHUNK = 64 << 10
FAULTS = ("fdatasync /wal/ EIO", "fdatasync /wal/ EIO-ONCE")


def make_file_system(kind, folder):
    image = f"{folder}.image"
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    force = {"ext4": ["-F", "-m", "0"], "xfs": ["-f"]}[kind]
    os.mkdir(folder)
    for words in ([f"mkfs.{kind}", "-q", *force, image], ["mount", "-o", "loop", image, folder]):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"{' '.join(words)}: {done.stderr.strip()}"
    return None


class FileSystems:
    """`places`: where members have their data folders; none where this machine cannot have any."""

    def __init__(self, work):
        self.mounted, self.places, self.why_not = [], {}, None
        if os.geteuid() != 0 or not all(shutil.which(f"mkfs.{kind}") for kind in KINDS.values()):
            self.why_not = "full disks need root, mkfs.ext4 and mkfs.xfs"
            return
        os.makedirs(work, exist_ok=True)
        for name, kind in KINDS.items():
            folder = f"{work}/disk-{name}"
            self.why_not = make_file_system(kind, folder)
            if self.why_not:
                self.unmount()
                self.places = {}
                return
            self.mounted.append(folder)
            self.places[name] = f"{folder}/data"

    def unmount(self):
        for folder in self.mounted:
            subprocess.run(["umount", folder], check=False)
        self.mounted = []


class Disks:
    def __init__(self, world, systems):
        self.world, self.dice, self.systems = world, world.dice, systems
        self.full = {KINDS[name]: 0 for name in systems.places}
        self.killed_on_full = 0
        self.failed = {"primary": 0, "replica": 0}
        if systems.why_not:
            print(f"SKIPPED: no round with a full disk: {systems.why_not}", file=sys.stderr)
        for member in world.members:
            member.env.update(self.preload(member))

    # ---- a sync that fails ----

    def order(self, member):
        return f"{self.world.work}/fault-{member.name}"

    def preload(self, member):
        return {"LD_PRELOAD": f"{self.world.home.bin}/../lib/fail_sync.so",
                "FAIL_SYNC_ORDER": self.order(member), "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def fail_sync(self, member):
        world, leads = self.world, member is self.world.leader
        fault = self.dice.choice(FAULTS)
        self.begin(f"a sync of {member.name} fails ({fault})")
        with open(self.order(member) + ".new", "w") as file:
            file.write(fault + "\n")
        os.rename(self.order(member) + ".new", self.order(member))
        member.ended_saying("(E_IO)")
        if os.path.exists(self.order(member)):
            os.unlink(self.order(member))
        self.failed["primary" if leads else "replica"] += 1
        if leads:
            world.check_replicas()
            member.start()
            member.ended_saying("start with --accept-suspect")
            member.start(more=["--accept-suspect"])
        world.settle()
        world.check_progress()

    # ---- a full disk ----

    def fill(self, folder):
        """All that is free, and again what is given back meanwhile."""
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        with open(f"{folder}/ballast", "ab", buffering=0) as file:
            if free > CHUNK:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free - CHUNK)
            file.seek(0, os.SEEK_END)
            for size in (CHUNK, 4096, 512):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def fill_disk(self, member):
        world, folder = self.world, os.path.dirname(member.data)
        self.begin(f"the disk of {member.name} ({KINDS[member.name]}) is full")
        until = time.monotonic() + self.dice.uniform(2, 5)
        while time.monotonic() < until:
            self.fill(folder)
            time.sleep(0.1)
        member.check_up()
        if self.dice.random() < 0.5:
            world.kill(member)
            self.killed_on_full += 1
            member.start()
            time.sleep(1)
        os.unlink(f"{folder}/ballast")
        self.full[KINDS[member.name]] += 1
        world.settle()
        world.check_progress()

    # ---- rounds ----

    def begin(self, what):
        self.world.counts["rounds"] += 1
        self.world.say(f"round {self.world.counts['rounds']}: {what}")

    def with_own_disk(self):
        return [m for m in self.world.members if m.name in self.systems.places]

    def each_once(self):
        self.fail_sync(self.world.leader)
        self.fail_sync(self.dice.choice(self.world.replicas))
        for member in self.with_own_disk():
            self.fill_disk(member)

    def at_random(self):
        if self.systems.places and self.dice.random() < 0.5:
            self.fill_disk(self.dice.choice(self.with_own_disk()))
        else:
            self.fail_sync(self.dice.choice(self.world.members))

    def unvisited(self):
        return [f"disk:{what}" for what, count in [*self.full.items(), *self.failed.items()]
                if count == 0]

    def report(self):
        return {"full_disks": self.full or self.systems.why_not,
                "killed_on_a_full_disk": self.killed_on_full, "failed_syncs": self.failed}
