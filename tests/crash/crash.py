#!/usr/bin/env python3
"""Kills real members at every place where something becomes durable, and at random; loses nothing.

    crash.py [--minutes N] [--seed S] [--json] [--keep DIR] [--bin DIR] [--at PLACE]

A primary, two replicas in its region and another, a replica of a replica, a key service in each
region and the relay between them, under the load of clients at local, quorum:1 and region:1 that
write down outside the cluster what was acknowledged. A round kills, cuts or pauses; then the
replicas alone must hold what was promised, and when all are back everybody must show it. In between,
new folders are killed while they come to life (births.py). It begins with every place once, and ends
with everything read from everybody, and verified.

The same seed makes the same plan; what the machine makes of it in time is its own. `--at` goes to
one place only, again and again."""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

from births import BIRTHS, EACH_ONCE, Nursery
from cluster import Broken, Home, wait_until
from ledger import Ledger

CLIENTS = {"loc": "local", "quo": "quorum:1", "reg": "region:1", "big": "quorum:1"}
RATES = {"loc": "30", "quo": "30", "reg": "20", "big": "4"}  # records a second
BYTES = {"loc": "400", "quo": "1500", "reg": "700", "big": "60000"}
US, EU = "us-east-1", "eu-west-1"

# What must have happened before a place can be reached at all: a kill there, then the start.
BEFORE = {"leftover.": ["control.before_sync", "control.after_sync"],
          "aside.part.": ["store.append.torn"],
          "store.sync.": ["store.append.after_write", "store.append.before_sync"]}
AT_MEMBERS = ("store.", "spare.", "control.", "leftover.", "aside.", "repair.")
SECONDS_TO_DIE = 20
SPACE_BYTES_MIN = 4 << 30  # ten minutes take about that much


class Crash:
    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        self.dice = random.Random(arguments.seed)
        self.home = Home(arguments.bin, work)
        listed = self.home.sealift("failpoints").stdout.split()
        self.kills = {place: 0 for place in listed}
        self.counts = {"rounds": 0, "random": 0, "paused": 0, "cut": 0, "births": 0, "missed": 0}
        self.mutex = threading.Lock()
        self.ledger = Ledger(self.home, CLIENTS)
        self.clients = []
        self.checked = {}
        self.ending = False
        self.damaged = None
        self.birth_broke = None
        self.build()
        self.nursery = Nursery(self.home)

    # ---- the cluster ----

    def build(self):
        home, lineage = self.home, os.urandom(16).hex()
        self.services = [home.key_service("kms-us", US), home.key_service("kms-eu", EU)]
        self.services[0].start()
        wait_until("key service", lambda: os.path.exists(f"{self.work}/credentials"))
        self.services[1].start()
        env = home.credentials()
        make = lambda name, region, role, more, port=None: home.member(
            name, region, role, lineage, self.services, more, env, port)
        self.primary = make("p1", US, "primary", [
            "--create", "--storage-encrypted", "--coordinator", f"file:{self.work}/coordinator"])
        self.start_relay()
        self.r1 = make("r1", US, "replica", ["--upstream", f"127.0.0.1:{self.primary.port}"])
        there = ["--kms-key-id", "alias/aws/rds"]  # another region needs a key of its own
        self.r2 = make("r2", EU, "replica", ["--upstream", f"127.0.0.1:{self.relay_port}", *there])
        self.r3 = make("r3", EU, "replica", ["--upstream", f"127.0.0.1:{self.r2.port}"])
        self.replicas = [self.r1, self.r2, self.r3]
        self.members = [self.primary, *self.replicas]
        for member in self.members:
            self.checked[member.name] = 1
            member.start()

    def start_relay(self):
        with open(f"{self.work}/map", "w") as file:
            file.write(f"region {US}\nregion {EU}\nrtt {US} {EU} 6\nreset-after 1\n")
        self.control = f"{self.work}/wan.control"
        self.relay = self.home.process("wan", [
            f"{self.home.bin}/sealift", "wan", "--map", f"{self.work}/map", "--control",
            f"unix:{self.control}", "--route", f"{EU},{US},127.0.0.1:0,127.0.0.1:"
            f"{self.primary.port}"])
        self.relay.start()
        log = f"{self.work}/log/wan"
        wait_until("relay", lambda: "ready" in open(log).read())
        self.relay_port = open(log).read().split("port=")[1].split()[0]

    def start_clients(self):
        for name, level in CLIENTS.items():
            client = self.home.process(name, self.home.client_words(
                "append", self.primary, name, level, f"{self.work}/ledger-{name}", RATES[name],
                BYTES[name]))
            client.start()
            self.clients.append(client)

    def everybody_is_up(self):
        for process in [*self.members, *self.services, *self.clients, self.relay]:
            process.check_up()

    # ---- killing ----

    def note(self, place):
        with self.mutex:
            if place is None:
                self.counts["random"] += 1
            else:
                self.kills[place] += 1

    def kill(self, process):
        if process.is_up():
            process.kill()
            self.note(None)
        elif process.died_as_armed():
            self.note(process.armed)
        process.armed = None

    def await_death(self, process, stir=None):
        """True where it killed itself at its place; else it is killed here."""
        end = time.monotonic() + SECONDS_TO_DIE
        while time.monotonic() < end:
            if process.died_as_armed():
                self.note(process.armed)
                process.armed = None
                return True
            if stir:
                stir()
            time.sleep(0.01)
        self.counts["missed"] += 1
        process.kill()
        self.note(None)
        return False

    def before(self, place):
        for prefix, places in BEFORE.items():
            if place.startswith(prefix):
                return self.dice.choice(places)
        return None

    def kill_member_at(self, member, place):
        """Stops nobody gently: whoever is to be armed is killed first, and armed when it starts."""
        first = self.before(place)
        count = self.dice.choice([1, 1, 1, 2, 3]) if place.startswith("store.append") else 1
        self.kill(member)
        if first:
            member.start(first)
            self.await_death(member)
        damaged = self.damage(member) if place.startswith("repair.") else None
        self.damaged = (member, damaged) if damaged else None
        member.start(place, count)
        if place.startswith("aside.segment"):
            return self.await_death(member, self.make_surplus)
        if place.startswith("repair."):
            return self.await_death(member, lambda: self.read_at(member, damaged))
        return self.await_death(member)

    def damage(self, member):
        """Rot in every block of a closed segment that others have, too; the LSN where it begins."""
        folder = f"{member.data}/wal"
        for name in reversed(sorted(os.listdir(folder))[:-2]):
            about = json.loads(self.home.sealift("inspect", "--json", f"{folder}/{name}").stdout)
            if about["end_offset"] > 5 * 4096 and about["first_lsn"] <= self.ledger.last():
                with open(f"{folder}/{name}", "r+b") as file:
                    for at in range(3 * 4096 + 200, about["end_offset"], 4096):
                        file.seek(at)
                        byte = file.read(1)
                        file.seek(at)
                        file.write(bytes([byte[0] ^ 0x10]))
                return about["first_lsn"]
        return 1

    def read_at(self, member, lsn):
        """Whoever reads the damage makes it known; whether the read comes to its end."""
        try:
            done = subprocess.run(self.home.client_words("read", member, str(lsn)),
                                  capture_output=True, timeout=5, check=False)
            return done.returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def make_surplus(self):
        """The primary dies when it has sent a segment that it has not made itself."""
        if not self.primary.is_up() or not self.primary.armed:
            if self.primary.is_up():
                self.kill(self.primary)
            self.primary.start("store.create.before_write", 2)
        wait_until("primary dies", self.primary.died_as_armed, 30)
        self.note(self.primary.armed)
        self.primary.start()
        time.sleep(0.5)

    def kill_service_at(self, service, place):
        self.kill(service)
        service.start(place)
        victim = self.dice.choice([m for m in self.members if m.region == service.region])
        self.kill(victim)
        victim.start()
        return self.await_death(service)

    # ---- rounds ----

    def candidates(self, place):
        if place.startswith("catalog."):
            return self.services
        if place.startswith("aside.segment"):
            return [self.r1, self.r2]
        if place.startswith("claim."):
            return [self.primary]
        if place.startswith("leftover.") or place.startswith("control."):
            return [self.primary, self.r1, self.r2]
        return self.members

    def round(self, place, victim=None):
        self.counts["rounds"] += 1
        victim = victim or self.dice.choice(self.candidates(place))
        self.say(f"round {self.counts['rounds']}: {victim.name} at {place}")
        if victim in self.services:
            self.kill_service_at(victim, place)
        else:
            self.kill_member_at(victim, place)
        self.trouble_others(victim)
        self.settle()

    def trouble_others(self, victim):
        others = [m for m in self.members if m is not victim]
        roll = self.dice.random()
        if roll < 0.5:
            for other in self.dice.sample(others, self.dice.choice([1, 1, 2])):
                self.kill(other)
        elif roll < 0.6:
            self.kill(self.dice.choice(self.services))
        elif roll < 0.7:
            self.home.wan(self.control, "cut", US, EU)
            self.counts["cut"] += 1
        elif roll < 0.8:
            self.pause(self.dice.choice(others))

    def pause(self, member):
        member.pause()
        self.counts["paused"] += 1
        time.sleep(self.dice.uniform(0.1, 1.0))
        member.go_on()

    def settle(self):
        """All but the primary come back and are held to their word; then all."""
        self.ledger.gather()
        for process in [*self.services, *self.replicas]:
            if not process.is_up():
                process.check_up() if process.armed else None
                process.start()
        if not self.primary.is_up():
            self.check_replicas()
            self.primary.start()
        self.home.wan(self.control, "heal", "*", "*")
        self.check_all()
        self.check_space()

    def check_space(self):
        about = os.statvfs(self.work)
        if about.f_bavail * about.f_frsize < SPACE_BYTES_MIN:
            raise OSError(f"{self.work}: less than {SPACE_BYTES_MIN >> 30} GiB are left")

    def check_replicas(self):
        self.ledger.gather()
        for member in self.replicas:
            self.wait_for_answer(member)
        self.ledger.check_held(self.replicas, US)

    def wait_for_answer(self, member):
        def answers():
            member.check_up()
            return bool(self.home.status(member))
        wait_until(f"{member.name} answers", answers)

    def check_all(self):
        self.ledger.gather()
        last = self.ledger.last()
        for member in self.members:
            def shows(member=member):
                member.check_up()
                if member.armed and not member.is_up():
                    self.kill(member)
                    member.start()
                return self.home.status(member).get("visible_lsn", 0) >= last
            wait_until(f"{member.name} shows LSN {last}", shows)
            if self.damaged and self.damaged[0] is member:
                lsn = self.damaged[1]
                wait_until(f"{member.name} is repaired at LSN {lsn}",
                           lambda m=member, lsn=lsn: self.read_at(m, lsn))
                self.checked[member.name] = min(self.checked[member.name], lsn)
                self.damaged = None
            # What arrives while reading is read the next time, once more.
            self.checked[member.name] = 1 + min(
                self.ledger.check_read(member, self.checked[member.name]), last)
        self.everybody_is_up()

    # ---- the whole ----

    def birth(self, kind, place, count=1):
        self.say(f"birth of a {kind}, killed at {place}")
        if self.nursery.birth(kind, place, count):
            self.note(place)
            self.counts["births"] += 1
        else:
            self.note(None)
            self.counts["missed"] += 1

    def births(self, which):
        try:
            for kind, place in which:
                if self.ending:
                    return
                self.birth(kind, place)
        except Exception as broken:  # the main thread tells
            self.birth_broke = broken

    def every_place_once(self):
        nursing = threading.Thread(target=self.births, args=(EACH_ONCE,), daemon=True)
        nursing.start()
        born = {place for _, place in EACH_ONCE}
        rest = [place for place in self.kills if place not in born or place.startswith("store.create")]
        self.dice.shuffle(rest)
        for place in rest:
            if not self.kills[place] and self.birth_broke is None:
                self.round(place)
        nursing.join()
        if self.birth_broke:
            raise self.birth_broke
        for place, kills in list(self.kills.items()):
            for _ in range(5):
                if self.kills[place] == 0 and place not in born:
                    self.round(place)

    def at_random(self, until):
        places = [p for p in self.kills
                  if p.startswith(AT_MEMBERS) and not p.startswith("store.delete")
                  or p in ("catalog.before_commit", "catalog.after_commit")
                  or p.startswith("claim.")]
        while time.monotonic() < until:
            if self.dice.random() < 0.06:
                self.birth(*self.dice.choice(BIRTHS))
            self.round(self.dice.choice(places))

    def run(self):
        began = time.monotonic()
        until = began + 60 * self.arguments.minutes
        self.wait_for_answer(self.primary)
        for member in self.members:
            self.wait_for_answer(member)
        for feeder, count in ((self.primary, 2), (self.r2, 1)):
            wait_until(f"replicas of {feeder.name} join", lambda f=feeder, n=count: len(
                self.home.status(f).get("feeds", [])) >= n)
        self.start_clients()
        if self.arguments.at:
            while time.monotonic() < until:
                self.round(self.arguments.at)
        else:
            self.every_place_once()
            self.at_random(until)
        self.conclude()
        return time.monotonic() - began

    def conclude(self):
        self.say("the end: clients finish, everything is read from everybody, and verified")
        for client in self.clients:
            if client.stop() != 0:
                raise Broken(f"client {client.name}: {client.last_words()}")
        self.ledger.gather()
        self.checked = {member.name: 1 for member in self.members}
        self.check_all_quiet()
        self.ledger.check_once()
        for member in [*self.replicas[::-1], self.primary]:
            if member.stop() != 0:
                raise Broken(f"{member.name} does not stop well: {member.last_words()}")
        for member in self.members:
            words = ["verify", member.data, "--no-key"]
            if member is not self.primary:
                words += ["--replica", "--against", self.primary.data]
            self.home.sealift(*words)
        self.verify_with_keys()

    def check_all_quiet(self):
        self.clients = []
        self.check_all()

    def verify_with_keys(self):
        for service in self.services:
            os.environ.update(self.home.credentials())
        for member in self.members:
            words = ["verify", member.data, "--key-service-ca", f"{self.work}/pki/ca.crt"]
            for service in self.services:
                words += ["--key-service", f"{service.region}=https://127.0.0.1:{service.port}"]
            if member is not self.primary:
                words.append("--replica")
            self.home.sealift(*words)

    def say(self, text):
        if not self.arguments.json:
            print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def report(self, seconds, failure):
        unvisited = [place for place, kills in self.kills.items() if kills == 0]
        return {"seed": self.arguments.seed, "seconds": round(seconds, 1), **self.counts,
                "kills": sum(self.kills.values()) + self.counts["random"],
                "kills_by_place": self.kills, "unvisited": unvisited,
                "acknowledged": len(self.ledger.acked) + len(self.ledger.placeless),
                "by_level": {level: sum(1 for row in self.ledger.acked.values()
                                        if CLIENTS[row[0]] == level)
                             for level in sorted(set(CLIENTS.values()))},
                "failure": failure}


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", help="keep the folders here")
    parser.add_argument("--bin", default=os.path.join(os.path.dirname(__file__), "../../build/bin"))
    parser.add_argument("--at", help="one place only (sealift failpoints lists them)")
    return parser.parse_args()


def on_signal(number, _):
    raise SystemExit(f"ended by signal {number}")


def main():
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    arguments = options()
    arguments.bin = os.path.abspath(arguments.bin)
    work = arguments.keep or tempfile.mkdtemp(prefix="sealift-crash-", dir="/var/tmp")
    began = time.monotonic()
    crash, failure = Crash(arguments, work), None
    try:
        crash.run()
    except (Broken, subprocess.SubprocessError, OSError) as broken:
        failure = str(broken) or repr(broken)
    finally:
        crash.ending = True
        crash.home.end(keep=failure is not None or arguments.keep)
    report = crash.report(time.monotonic() - began, failure)
    if failure is None and report["unvisited"] and not arguments.at:
        report["failure"] = failure = f"places never reached: {' '.join(report['unvisited'])}"
    if arguments.json:
        print(json.dumps(report))
    else:
        for place, kills in report.pop("kills_by_place").items():
            print(f"{kills:6d}  {place}")
        print(json.dumps(report, indent=1))
    if failure:
        print(f"BROKEN (seed {arguments.seed}): {failure}\nfolders: {work}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
