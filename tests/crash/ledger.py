"""What was acknowledged, kept outside the cluster, and what members are held to."""
import os
import subprocess

from cluster import PATIENCE, Broken


class Ledger:
    def __init__(self, home, clients):
        self.home = home
        self.paths = {name: f"{home.work}/ledger-{name}" for name in clients}
        self.levels = clients
        self.at = {name: 0 for name in clients}
        self.rest = {name: b"" for name in clients}
        self.acked = {}       # LSN -> (name, number, digest)
        self.by_number = {}   # (name, number) -> LSN
        self.highest = {name: 0 for name in clients}
        self.placeless = {}   # acknowledged without a place: (name, number) -> digest
        self.seen = {}        # LSN -> what the primary showed once

    def gather(self):
        """Takes in what clients have written down since."""
        for name, path in self.paths.items():
            if not os.path.exists(path):
                continue
            with open(path, "rb") as file:
                file.seek(self.at[name])
                new = file.read()
            self.at[name] += len(new)
            *lines, self.rest[name] = (self.rest[name] + new).split(b"\n")
            for line in lines:
                self.take(*line.decode().split(" "))

    def take(self, name, number, lsn, digest):
        number, lsn = int(number), int(lsn)
        if lsn == 0:
            self.placeless[(name, number)] = digest
            return
        if lsn in self.acked:
            raise Broken(f"LSN {lsn} was given to {self.acked[lsn][:2]} and to {(name, number)}")
        self.acked[lsn] = (name, number, digest)
        self.by_number[(name, number)] = lsn
        self.highest[name] = max(self.highest[name], lsn)

    def last(self):
        return max(self.highest.values())

    def check_held(self, members, region):
        """Before the primary is back: do the replicas alone hold what their levels promise?

        `members` are all replicas. Called where each of them has answered."""
        said = {m.name: (m.region, self.home.status(m).get("durable_lsn", 0)) for m in members}
        for name, level in self.levels.items():
            kind, _, count = level.partition(":")
            lsn = self.highest[name]
            if kind == "quorum":
                held = sum(durable >= lsn for _, durable in said.values())
            elif kind == "region":
                held = len({r for r, durable in said.values() if durable >= lsn and r != region})
            else:
                continue
            if held < int(count):
                raise Broken(f"LSN {lsn} was acknowledged at {level}; replicas hold {said}")

    def read(self, member, first):
        """All records from `first` to the end that `member` shows."""
        done = subprocess.run(self.home.client_words("read", member, str(first)), text=True,
                              capture_output=True, timeout=PATIENCE * 2, check=False)
        if done.returncode != 0:
            raise Broken(f"reading {member.name} from {first}: {done.stderr[-500:]}")
        rows = {}
        for line in done.stdout.splitlines():
            name, number, lsn, digest = line.split(" ")
            rows[int(lsn)] = (name, int(number), digest)
        return rows

    def check_read(self, member, first):
        """Everything acknowledged from `first` on is there; nothing twice, no gap, no stranger."""
        last = self.last()
        rows = self.read(member, first)
        top = max(rows, default=first - 1)
        if top < last:
            raise Broken(f"{member.name} shows {first}..{top}; acknowledged up to {last}")
        for lsn in range(first, top + 1):
            row = rows.get(lsn)
            if row is None:
                raise Broken(f"{member.name} shows no LSN {lsn}, but {top}")
            if row[0] not in self.levels:
                raise Broken(f"{member.name}: LSN {lsn} is nobody's")
            acked = self.acked.get(lsn)
            if acked is not None and acked != row:
                raise Broken(f"{member.name}: LSN {lsn} is {row}, acknowledged as {acked}")
            if self.seen.setdefault(lsn, row) != row:
                raise Broken(f"{member.name}: LSN {lsn} is {row}; it was {self.seen[lsn]} once")
        return top

    def check_once(self):
        """No record has landed twice, and none that was acknowledged without a place is missing."""
        places = {}
        for lsn, row in self.seen.items():
            if places.setdefault(row[:2], lsn) != lsn:
                raise Broken(f"{row[:2]} is at LSN {lsn} and at {places[row[:2]]}")
        for key, digest in self.placeless.items():
            if key not in places or self.seen[places[key]][2] != digest:
                raise Broken(f"{key} was acknowledged and is nowhere")
