"""The cluster under test: who is the primary now, who may become it, and what all are held to.

p1 and r1 are in one region, r2 and r3 in another; r3 follows r2. All but r3 may be promoted, and
know each other for that; links between regions go through the relay. Roles move: `leader` is whoever
writes now, and is set by those who promote (promotions.py)."""
import os
import random
import threading
import time

from cluster import Broken, Home, Process, free_port, wait_until
from ledger import Ledger

CLIENTS = {"loc": "local", "quo": "quorum:1", "reg": "region:1", "big": "quorum:1"}
LEVEL = "quorum:1"  # the cluster's own
RATES = {"loc": "30", "quo": "30", "reg": "20", "big": "4"}  # records a second
BYTES = {"loc": "400", "quo": "1500", "reg": "700", "big": "60000"}
US, EU = "us-east-1", "eu-west-1"
PLACES = {"p1": US, "r1": US, "r2": EU, "r3": EU}
SPACE_BYTES_MIN = 4 << 30  # ten minutes take about that much
SECONDS_TO_DIE = 20
COUNTS = ("rounds", "random", "paused", "cut", "births", "missed")


class Member(Process):
    """Starts as what it is: the primary, or a replica of the others."""
    leads = False
    base, as_primary, as_replica = [], [], []

    def command(self):
        role, words = ("primary", self.as_primary) if self.leads else ("replica", self.as_replica)
        return [f"{self.home.bin}/sealift-{role}", *self.base, *words]


class World:
    def __init__(self, arguments, work, places):
        self.arguments, self.work = arguments, work
        self.dice = random.Random(arguments.seed)
        self.home = Home(arguments.bin, work)
        listed = self.home.sealift("failpoints").stdout.split()
        self.kills = {place: 0 for place in listed}
        self.counts = {name: 0 for name in COUNTS}
        self.mutex = threading.Lock()
        self.ledger = Ledger(self.home, CLIENTS, "local")
        self.clients = []
        self.checked = {}
        self.build(places)

    # ---- the cluster ----

    def build(self, places):
        """`places`: by name, where a member's data folder is, if not in the common one."""
        home = self.home
        self.lineage = os.urandom(16).hex()
        self.services = [home.key_service("kms-us", US), home.key_service("kms-eu", EU)]
        self.services[0].start()
        wait_until("key service", lambda: os.path.exists(f"{self.work}/credentials"))
        self.services[1].start()
        self.members = [self.make(name, places.get(name)) for name in PLACES]
        self.p1, self.r1, self.r2, self.r3 = self.members
        self.candidates = self.members[:3]
        self.start_relay()
        for member in self.members:
            self.introduce(member)
        self.p1.as_primary += ["--create", "--storage-encrypted", "--durability", LEVEL]
        self.leader = None
        self.lead(self.p1)
        for member in self.members:
            self.checked[member.name] = 1

    def make(self, name, data):
        member = self.home.process(name, None, self.home.credentials(), Member)
        member.region, member.port = PLACES[name], free_port()
        member.data = data or f"{self.work}/data-{name}"
        self.home.issue(name, member.region, "replica" if name == "r3" else "primary", self.lineage)
        return member

    def start_relay(self):
        with open(f"{self.work}/map", "w") as file:
            file.write(f"region {US}\nregion {EU}\nrtt {US} {EU} 6\nreset-after 1\n")
        self.control = f"{self.work}/wan.control"
        words = [f"{self.home.bin}/sealift", "wan", "--map", f"{self.work}/map", "--control",
                 f"unix:{self.control}"]
        for member in self.members:
            there = EU if member.region == US else US
            words += ["--route", f"{there},{member.region},127.0.0.1:0,127.0.0.1:{member.port}"]
        self.relay = self.home.process("wan", words)
        self.relay.start()
        log = f"{self.work}/log/wan"
        wait_until("relay", lambda: open(log).read().count("ready") == len(self.members))
        for member, said in zip(self.members, open(log).read().split("port=")[1:]):
            member.far_port = int(said.split()[0])

    def introduce(self, member):
        """The others in the order in which they are tried: near ones first, but for r3."""
        member.base = self.home.member_words(member.name, member.data, member.port, self.services)
        member.as_primary = ["--coordinator", f"file:{self.work}/coordinator"]
        upstreams = [self.r2] if member is self.r3 else [m for m in self.members if m is not member]
        if member is not self.r3:
            member.as_replica = [*member.as_primary]
        for other in upstreams:
            port = other.port if other.region == member.region else other.far_port
            member.as_replica += ["--upstream", f"127.0.0.1:{port}"]
        if member is self.r2:  # another region needs a key of its own
            member.base += ["--kms-key-id", "alias/aws/rds"]

    def lead(self, member):
        for other in self.members:
            other.leads = other is member
        self.leader = member

    @property
    def replicas(self):
        return [m for m in self.members if m is not self.leader]

    def start_client(self, name, level, rate, size):
        client = self.home.process(name, self.home.client_words(
            "append", self.candidates, name, level, self.ledger.path(name), rate, size))
        client.start()
        self.clients.append(client)
        return client

    def start_all(self):
        self.p1.start()
        self.wait_for_answer(self.p1)
        for member, feeder in ((self.r1, self.p1), (self.r2, self.p1), (self.r3, self.r2)):
            self.join(member, feeder)
        wait_until("r1 and r2 may vote, so that every level can be met", self.all_may_vote)
        for name, level in CLIENTS.items():
            self.start_client(name, level, RATES[name], BYTES[name])

    def all_may_vote(self):
        """A client whose level cannot be met yet is refused, and ends."""
        with open(f"{self.work}/coordinator", encoding="utf-8") as record:
            words = record.read().split()
        return "r1" in words and "r2" in words

    def join(self, member, feeder):
        """Each in its turn: who joins a replica instead takes it for the cluster's region."""
        member.start()

        def joined():
            member.check_up()
            return member.name in [feed["member"] for feed in
                                   self.home.status(feeder).get("feeds", [])]
        wait_until(f"{member.name} joins {feeder.name}", joined)

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

    # ---- what all are held to ----

    def settle(self, before_reading=None):
        """All but the primary come back and are held to their word; then all."""
        self.ledger.gather()
        for process in [*self.services, *self.replicas]:
            if not process.is_up():
                process.check_up() if process.armed else None
                process.start()
        if not self.leader.is_up():
            self.check_replicas()
            self.leader.start()
        self.home.wan(self.control, "heal", "*", "*")
        self.check_all(before_reading)
        self.check_space()

    def check_space(self):
        about = os.statvfs(self.work)
        if about.f_bavail * about.f_frsize < SPACE_BYTES_MIN:
            raise OSError(f"{self.work}: less than {SPACE_BYTES_MIN >> 30} GiB are left")

    def check_replicas(self):
        self.ledger.gather()
        for member in self.replicas:
            self.wait_for_answer(member)
        self.ledger.check_held(self.replicas, self.leader.region)

    def wait_for_answer(self, member):
        def answers():
            member.check_up()
            return bool(self.home.status(member))
        wait_until(f"{member.name} answers", answers)

    def check_all(self, before_reading=None):
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
            if before_reading:
                before_reading(member)
            # What arrives while reading is read the next time, once more.
            self.checked[member.name] = 1 + min(
                self.ledger.check_read(member, self.checked[member.name]), last)
        self.ledger.firm = max(self.ledger.firm, last)
        self.ledger.settle_doubts()
        self.check_up()

    def check_progress(self):
        """With everybody back, each level is reached again."""
        for client in self.clients:
            path, level = self.ledger.path(client.name), self.ledger.levels[client.name]
            before = os.path.getsize(path)
            wait_until(f"client {client.name} hears again at {level}",
                       lambda path=path, before=before: os.path.getsize(path) > before)

    def check_up(self):
        for process in [*self.members, *self.services, *self.clients, self.relay]:
            process.check_up()

    def say(self, text):
        if not self.arguments.json:
            print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
