"""What was acknowledged, kept outside the cluster, and what members are held to."""
import os
import subprocess

from cluster import PATIENCE, Broken


class Ledger:
    """Promises differ when another member becomes the primary: what was acknowledged at less than
    the cluster's level may go with the old one. From `begin_doubt` to `end_doubt` such records are
    in doubt: they are held by all, or by nobody; never where a stronger acknowledgement was given
    at that LSN or above it."""

    def __init__(self, home, clients, weak):
        self.home = home
        self.levels = {}
        self.weak = weak      # a level that is less than the cluster's
        self.at, self.rest = {}, {}
        self.acked = {}       # LSN -> (name, number, digest)
        self.highest = {}
        self.placeless = {}   # acknowledged without a place: (name, number) -> digest
        self.seen = {}        # LSN -> what somebody showed once
        self.firm = 0         # everybody has shown everything up to here
        self.doubting = False
        self.doubts = []      # (LSN, row): since the last check
        self.old_doubts = []  # nobody has shown anything at their LSN yet
        self.floor = 0        # below it nothing of `doubts` is in doubt
        self.let_go = set()   # (name, number): in doubt, and not there afterwards
        for name, level in clients.items():
            self.add(name, level)

    def add(self, name, level):
        self.levels[name] = level
        self.at[name], self.rest[name], self.highest[name] = 0, b"", 0

    def path(self, name):
        return f"{self.home.work}/ledger-{name}"

    def gather(self):
        """Takes in what clients have written down since."""
        for name in self.levels:
            path = self.path(name)
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
        row = (name, number, digest)
        if self.doubting and self.levels[name] == self.weak:
            self.doubts.append((lsn, row))
            return
        if lsn == 0:
            self.placeless[(name, number)] = digest
            return
        if lsn in self.acked:
            raise Broken(f"LSN {lsn} was given to {self.acked[lsn][:2]} and to {(name, number)}")
        self.acked[lsn] = row
        self.highest[name] = max(self.highest[name], lsn)

    def last(self):
        return max(self.highest.values())

    # ---- another becomes the primary ----

    def begin_doubt(self):
        """The primary is about to go."""
        self.gather()
        self.doubting = True
        rows = [(lsn, row) for lsn, row in self.acked.items()
                if lsn > self.firm and self.levels[row[0]] == self.weak]
        for lsn, row in rows:
            del self.acked[lsn]
            self.doubts.append((lsn, row))
            self.highest[row[0]] = min(self.highest[row[0]], self.firm)

    def note_floor(self):
        """The primary is gone; nobody has been promoted yet. Logs are prefixes of each other."""
        self.gather()
        self.floor = self.last()

    def end_doubt(self):
        """Nothing of the old primary's comes any more."""
        self.gather()
        self.doubting = False

    def settle_doubts(self):
        """After everybody has shown everything: each doubt is now a record, or gone."""
        open_still = []
        for lsn, row in self.doubts:
            if lsn == 0:
                self.placeless[row[:2]] = row[2]
                self.let_go.add(row[:2])  # if it is not there
            elif lsn <= self.floor and self.seen.get(lsn) != row:
                raise Broken(f"LSN {lsn}, {row[:2]}, is not there; LSN {self.floor} was "
                             "acknowledged at the cluster's level")
            else:
                open_still.append((lsn, row))
        self.old_doubts = [doubt for doubt in self.old_doubts + open_still
                           if not self.is_settled(*doubt)]
        self.doubts = []

    def is_settled(self, lsn, row):
        if self.seen.get(lsn) == row:
            self.acked[lsn] = row
            self.highest[row[0]] = max(self.highest[row[0]], lsn)
        elif lsn in self.seen:
            self.let_go.add(row[:2])
        return lsn in self.seen

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
        done = subprocess.run(self.home.client_words("read", [member], str(first)), text=True,
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
        for _, row in self.old_doubts:
            self.let_go.add(row[:2])
        for key, digest in self.placeless.items():
            if key in self.let_go and key not in places:
                continue
            if key not in places or self.seen[places[key]][2] != digest:
                raise Broken(f"{key} was acknowledged and is nowhere")
