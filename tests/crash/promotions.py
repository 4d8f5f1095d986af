"""Rounds in which another member becomes the primary, and is killed on the way.

The old primary is killed, or stopped (to come back when it is deposed), or at work. The candidate
dies at one place after the other, begins again, or another one does; at last one is the primary. The
old one is fenced, rejoins as a replica, and everybody is held to all that was acknowledged."""
import os
import signal
import subprocess
import time

from cluster import PATIENCE, Broken, wait_until

WAYS = ("killed", "paused", "living")
# What whoever is promoted passes, in its election and in its first start as the primary.
ON_THE_WAY = ([f"claim.{step}" for step in (
                  "before_write", "before_sync", "after_sync", "after_rename", "after_folder_sync")]
              + [f"control.{step}" for step in (
                  "before_write", "before_sync", "after_sync", "after_rename", "after_folder_sync")]
              + [f"store.create.{step}" for step in (
                  "before_write", "before_sync", "after_sync", "after_rename", "after_wal_sync",
                  "after_spare_sync")]
              + [f"store.append.{step}" for step in (
                  "before_write", "after_write", "before_sync", "after_sync")])
PASSES = {"claim": 2, "control": 4}  # how often each is passed on the way; else once
CHAIN = 5  # deaths in a row, at most
QUIET_SECONDS = 0.3
START_PRIMARY = "start sealift-primary on its folder"
DEPOSED = "start sealift-replica on this folder"


class Promotions:
    def __init__(self, world):
        self.world, self.home, self.dice = world, world.home, world.dice
        self.begun = f"{world.work}/promotion-has-begun"
        self.done = {way: 0 for way in WAYS}
        self.kills = {place: 0 for place in ON_THE_WAY}
        self.fenced = 0
        self.with_deaths = world.arguments.minutes > 1  # on the way

    # ---- one promotion ----

    def promote(self, member):
        return subprocess.Popen(
            [f"{self.home.bin}/sealift", "promote", "--pki", f"{self.world.work}/pki", "--json",
             f"127.0.0.1:{member.port}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def promote_at_last(self, member):
        """Asks until it is the primary: members that were killed come back, and are asked again."""
        said = ""

        def succeeds():
            nonlocal said
            self.revive()
            member.check_up()
            order = self.promote(member)
            answer, complaint = order.communicate(timeout=PATIENCE * 3)
            said = answer + complaint
            self.obey(member, said)
            return order.returncode == 0
        try:
            wait_until(f"{member.name} is promoted", succeeds)
        except Broken as broken:
            raise Broken(f"{broken}: {said}") from None

    def die_on_the_way(self, member, place):
        """False where it became the primary and did not die."""
        order = self.promote(member)
        end = time.monotonic() + (self.dice.uniform(0, 1) if place is None else PATIENCE)
        try:
            while time.monotonic() < end:
                if member.died_as_armed():
                    self.world.kill(member)  # counts it
                    self.kills[place] += 1
                    return True
                if order.poll() is not None and order.returncode == 0:
                    self.world.counts["missed"] += 1
                    return False
                if order.poll() is not None:  # refused: somebody was not back yet
                    self.revive()
                    self.obey(member, " ".join(order.communicate()))
                    order = self.promote(member)
                time.sleep(0.01)
        finally:
            order.kill()
            order.communicate()
        self.world.kill(member)
        return True

    def arm(self, member, place):
        self.revive(but=member)
        if not member.is_up() and member.process.returncode == 1:
            member.ended_saying(DEPOSED)  # by a candidate that died itself
        else:
            self.world.kill(member)
        if place is None:
            member.start()
        else:
            unvisited = self.kills[place] == 0
            passes = PASSES.get(place.split(".")[0], 1)
            count = 1 if unvisited else self.dice.randint(1, passes)
            member.start(place, count, since=self.begun)
        self.world.wait_for_answer(member)

    def obey(self, member, said):
        """It had become the primary, and only has to be started as that."""
        if START_PRIMARY in said and member.is_up():
            place, member.leads = member.armed, True
            self.world.kill(member)
            member.start(place, since=self.begun)
            member.leads = False

    # ---- the old primary ----

    def wait_until_quiet(self):
        """What a dead primary has acknowledged is on its way to the clients for a moment."""
        ledger, before = self.world.ledger, None
        while before != (before := dict(ledger.at)):
            time.sleep(QUIET_SECONDS)
            ledger.gather()

    def bring_back(self, member, way):
        """Fenced, then a replica."""
        member.go_on()
        if way == "living" and member.armed:
            wait_until(f"{member.name} ends", lambda: not member.is_up())
        if way == "killed" or (member.armed and member.process.poll() == -signal.SIGKILL):
            self.world.kill(member)
            member.leads = True
            member.start()
            member.ended_saying("E_COPIED_FOLDER")
            member.leads = False
        else:
            member.ended_saying(DEPOSED)
        self.fenced += 1
        member.start()

    def all_follow(self):
        """Whoever claimed on the way and was outrun: it ends when it finds out, and comes back."""
        for member in self.world.replicas:
            def follows(member=member):
                if member.is_up():
                    return self.home.status(member).get("role") == "replica"
                self.revive()
                return False
            wait_until(f"{member.name} follows", follows)

    # ---- rounds ----

    def round(self, way, places, after=None):
        """`after`: how the old primary comes back, where not as usual."""
        world, ledger, old = self.world, self.world.ledger, self.world.leader
        world.counts["rounds"] += 1
        member = self.dice.choice([m for m in world.candidates if m is not old])
        world.say(f"round {world.counts['rounds']}: {old.name} is {way}, {member.name} promoted"
                  f"{', dies at ' if places else ''}{', '.join(map(str, places))}")
        if places:
            self.arm(member, places[0])
        keeps_all = way == "living" and not places
        if not keeps_all:
            ledger.begin_doubt()
        if way == "killed":
            world.kill(old)
        elif way == "paused":
            old.pause()
        if way != "living":
            self.wait_until_quiet()
        ledger.note_floor()
        member = self.chain(member, places)
        self.promote_at_last(member)
        world.lead(member)
        self.done[way] += 1
        after(old) if after else self.bring_back(old, way)
        self.all_follow()
        if not keeps_all:
            self.wait_until_gone()
        world.settle()
        world.check_progress()

    def chain(self, member, places):
        """Whoever is to be promoted at last."""
        for i, place in enumerate(places):
            open(self.begun, "w").close()
            died = self.die_on_the_way(member, place)
            os.unlink(self.begun)
            if not died:
                return member
            following = places[i + 1] if i + 1 < len(places) else None
            if self.dice.random() < 0.4:
                member = self.leave_to_another(member)
            self.arm(member, following)
        return member

    def leave_to_another(self, dead):
        """The one that died is started again: as the primary where the coordinator names it so."""
        dead.leads = self.is_writer(dead)
        dead.start()
        self.world.wait_for_answer(dead)
        dead.leads = False
        return self.dice.choice([m for m in self.world.candidates
                                 if m not in (dead, self.world.leader)])

    def revive(self, but=None):
        """Whoever was the primary in between has ended, fenced, if only by one that died itself."""
        for member in self.world.replicas:
            if not member.is_up() and member is not but:
                if member.process.returncode == 1:
                    member.ended_saying(DEPOSED)
                else:
                    self.world.kill(member)  # counts it, where it was armed still
                member.leads = self.is_writer(member)
                member.start()
                member.leads = False

    def is_writer(self, member):
        with open(f"{self.world.work}/coordinator") as record:
            return f"writer {member.name}\n" in record.read()

    def wait_until_gone(self):
        time.sleep(QUIET_SECONDS)
        self.world.ledger.end_doubt()

    def each_once(self):
        """Every way; and every place, where there is time for that."""
        rest = list(ON_THE_WAY) if self.with_deaths else []
        self.dice.shuffle(rest)
        for way in WAYS:
            self.round(way, [])
        while rest:
            self.round("killed", rest[:CHAIN])
            rest = [place for place in rest[CHAIN:] if self.kills[place] == 0]

    def at_random(self):
        way = self.dice.choice(WAYS)
        deaths = 0 if not self.with_deaths else self.dice.randint(0, 1 if way == "paused" else 3)  # each waits for whoever is silent
        self.round(way, [self.dice.choice([*ON_THE_WAY, None]) for _ in range(deaths)])

    def unvisited(self):
        return [f"promotion:{way}" for way, count in self.done.items() if count == 0] + [
            f"promotion:{place}" for place, count in self.kills.items()
            if count == 0 and self.with_deaths]

    def report(self):
        return {"promotions": self.done, "fenced": self.fenced, "kills_on_the_way": self.kills}
