#!/usr/bin/env python3
"""Kills real members at every place where something becomes durable, and at random; loses nothing.

    crash.py [--minutes N] [--seed S] [--json] [--keep DIR] [--bin DIR] [--at PLACE]

A primary, two replicas in its region and another, a replica of a replica, a key service in each
region and the relay between them (world.py), under the load of clients at local, quorum:1 and
region:1 that write down outside the cluster what was acknowledged (ledger.py). A round kills, cuts
or pauses (kills.py), or a disk is full or fails (disks.py), or another member becomes the primary
(promotions.py); then the replicas alone
must hold what was promised, and when all are back everybody must show it. In between, new folders
are killed while they come to life (births.py). It begins with every place once, and ends with
everything read from everybody, and verified.

The same seed makes the same plan; what the machine makes of it in time is its own. `--at` goes to
one place only, again and again; or to `promotion` or `disk`."""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from births import BIRTHS, EACH_ONCE, Nursery
from cluster import Broken
from disks import Disks, FileSystems
from kills import Kills
from promotions import Promotions
from world import CLIENTS, World

AT_MEMBERS = ("store.", "spare.", "control.", "leftover.", "aside.", "repair.")


class Crash:
    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        systems = FileSystems(work)
        self.world = World(arguments, work, systems.places)
        self.dice, self.home = self.world.dice, self.world.home
        self.kills = Kills(self.world)
        self.promotions = Promotions(self.world)
        self.disks = Disks(self.world, systems)
        self.world.home.at_end.append(systems.unmount)
        self.more = [self.promotions, self.disks]
        self.ending = False
        self.birth_broke = None
        self.nursery = Nursery(self.home)

    def birth(self, kind, place, count=1):
        self.world.say(f"birth of a {kind}, killed at {place}")
        if self.nursery.birth(kind, place, count):
            self.world.note(place)
            self.world.counts["births"] += 1
        else:
            self.world.note(None)
            self.world.counts["missed"] += 1

    def births(self, which):
        try:
            for kind, place in which:
                if self.ending:
                    return
                self.birth(kind, place)
        except Exception as broken:  # the main thread tells
            self.birth_broke = broken

    def every_place_once(self):
        kills = self.world.kills
        nursing = threading.Thread(target=self.births, args=(EACH_ONCE,), daemon=True)
        nursing.start()
        born = {place for _, place in EACH_ONCE}
        rest = [place for place in kills if place not in born or place.startswith("store.create")]
        self.dice.shuffle(rest)
        for place in rest:
            if not kills[place] and self.birth_broke is None:
                self.kills.round(place)
        nursing.join()
        if self.birth_broke:
            raise self.birth_broke
        for place in kills:
            for _ in range(5):
                if kills[place] == 0 and place not in born:
                    self.kills.round(place)

    def at_random(self, until):
        places = [p for p in self.world.kills
                  if p.startswith(AT_MEMBERS) and not p.startswith("store.delete")
                  or p in ("catalog.before_commit", "catalog.after_commit")
                  or p.startswith("claim.")]
        while time.monotonic() < until:
            if self.dice.random() < 0.06:
                self.birth(*self.dice.choice(BIRTHS))
            if self.dice.random() < 0.1:
                self.dice.choice(self.more).at_random()
            self.kills.round(self.dice.choice(places))

    def run(self):
        until = time.monotonic() + 60 * self.arguments.minutes
        self.world.start_all()
        at = self.arguments.at
        named = {type(rounds).__name__.lower().rstrip("s"): rounds for rounds in self.more}
        if at in named:
            named[at].each_once()
            while time.monotonic() < until:
                named[at].at_random()
        elif at:
            while time.monotonic() < until:
                self.kills.round(at)
        else:
            self.every_place_once()
            for rounds in self.more:
                rounds.each_once()
            self.at_random(until)
        self.conclude()

    def conclude(self):
        world = self.world
        world.say("the end: clients finish, everything is read from everybody, and verified")
        for client in world.clients:
            if client.stop() != 0:
                raise Broken(f"client {client.name}: {client.last_words()}")
        world.clients = []
        world.checked = {member.name: 1 for member in world.members}
        world.check_all()
        world.ledger.check_once()
        for member in [*world.replicas[::-1], world.leader]:
            if member.stop() != 0:
                raise Broken(f"{member.name} does not stop well: {member.last_words()}")
        for member in world.members:
            words = ["verify", member.data, "--no-key"]
            if member is not world.leader:
                words += ["--replica", "--against", world.leader.data]
            self.home.sealift(*words)
        self.verify_with_keys()

    def verify_with_keys(self):
        os.environ.update(self.home.credentials())
        for member in self.world.members:
            words = ["verify", member.data, "--key-service-ca", f"{self.work}/pki/ca.crt"]
            for service in self.world.services:
                words += ["--key-service", f"{service.region}=https://127.0.0.1:{service.port}"]
            if member is not self.world.leader:
                words.append("--replica")
            self.home.sealift(*words)

    def report(self, seconds, failure):
        world, ledger = self.world, self.world.ledger
        unvisited = [place for place, kills in world.kills.items() if kills == 0]
        answer = {"seed": self.arguments.seed, "seconds": round(seconds, 1), **world.counts,
                  "kills": sum(world.kills.values()) + world.counts["random"],
                  "kills_by_place": world.kills}
        for rounds in self.more:
            answer.update(rounds.report())
            unvisited += rounds.unvisited()
        return {**answer, "unvisited": [] if self.arguments.at else unvisited,
                "acknowledged": len(ledger.acked) + len(ledger.placeless),
                "let_go": len(ledger.let_go),
                "by_level": {level: sum(1 for row in ledger.acked.values()
                                        if ledger.levels[row[0]] == level)
                             for level in sorted(set(CLIENTS.values()))},
                "failure": failure}


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", help="keep the folders here")
    parser.add_argument("--bin", default=os.path.join(os.path.dirname(__file__), "../../build/bin"))
    parser.add_argument("--at", help="one place only (sealift failpoints lists them), or promotion, or disk")
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
    if failure is None and report["unvisited"]:
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
