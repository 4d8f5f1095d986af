"""Rounds in which one process dies at a named place, and others at random, or are cut off."""
import json
import os
import subprocess
import time

from cluster import wait_until
from world import EU, US

# What must have happened before a place can be reached at all: a kill there, then the start.
BEFORE = {"leftover.": ["control.before_sync", "control.after_sync"],
          "aside.part.": ["store.append.torn"],
          "store.sync.": ["store.append.after_write", "store.append.before_sync"]}


class Kills:
    def __init__(self, world):
        self.world, self.home, self.dice = world, world.home, world.dice
        self.damaged = None

    def before(self, place):
        for prefix, places in BEFORE.items():
            if place.startswith(prefix):
                return self.dice.choice(places)
        return None

    def kill_member_at(self, member, place):
        """Stops nobody gently: whoever is to be armed is killed first, and armed when it starts."""
        world, first = self.world, self.before(place)
        count = self.dice.choice([1, 1, 1, 2, 3]) if place.startswith("store.append") else 1
        world.kill(member)
        if first:
            member.start(first)
            world.await_death(member)
        damaged = self.damage(member) if place.startswith("repair.") else None
        self.damaged = (member, damaged) if damaged else None
        member.start(place, count)
        if place.startswith("aside.segment"):
            return world.await_death(member, self.make_surplus)
        if place.startswith("repair."):
            return world.await_death(member, lambda: self.read_at(member, damaged))
        return world.await_death(member)

    def damage(self, member):
        """Rot in every block of a closed segment that others have, too; the LSN where it begins."""
        folder = f"{member.data}/wal"
        for name in reversed(sorted(os.listdir(folder))[:-2]):
            about = json.loads(self.home.sealift("inspect", "--json", f"{folder}/{name}").stdout)
            if about["end_offset"] > 5 * 4096 and about["first_lsn"] <= self.world.ledger.last():
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
            done = subprocess.run(self.home.client_words("read", [member], str(lsn)),
                                  capture_output=True, timeout=5, check=False)
            return done.returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def await_repair(self, member):
        if self.damaged and self.damaged[0] is member:
            lsn = self.damaged[1]
            wait_until(f"{member.name} is repaired at LSN {lsn}", lambda: self.read_at(member, lsn))
            self.world.checked[member.name] = min(self.world.checked[member.name], lsn)
            self.damaged = None

    def make_surplus(self):
        """The primary dies when it has sent a segment that it has not made itself."""
        world, leader = self.world, self.world.leader
        if not leader.is_up() or not leader.armed:
            if leader.is_up():
                world.kill(leader)
            leader.start("store.create.before_write", 2)
        wait_until("primary dies", leader.died_as_armed, 30)
        world.note(leader.armed)
        leader.start()
        time.sleep(0.5)

    def kill_service_at(self, service, place):
        world = self.world
        world.kill(service)
        service.start(place)
        victim = self.dice.choice([m for m in world.members if m.region == service.region])
        world.kill(victim)
        victim.start()
        return world.await_death(service)

    # ---- rounds ----

    def victims(self, place):
        world = self.world
        if place.startswith("catalog."):
            return world.services
        if place.startswith("aside.segment"):
            return [m for m in world.candidates if m is not world.leader]
        if place.startswith("claim."):
            return [world.leader]
        if place.startswith("leftover.") or place.startswith("control."):
            return world.candidates
        return world.members

    def round(self, place):
        world = self.world
        world.counts["rounds"] += 1
        victim = self.dice.choice(self.victims(place))
        world.say(f"round {world.counts['rounds']}: {victim.name} at {place}")
        if victim in world.services:
            self.kill_service_at(victim, place)
        else:
            self.kill_member_at(victim, place)
        self.trouble_others(victim)
        world.settle(self.await_repair)

    def trouble_others(self, victim):
        world = self.world
        others = [m for m in world.members if m is not victim]
        roll = self.dice.random()
        if roll < 0.5:
            for other in self.dice.sample(others, self.dice.choice([1, 1, 2])):
                world.kill(other)
        elif roll < 0.6:
            world.kill(self.dice.choice(world.services))
        elif roll < 0.7:
            self.home.wan(world.control, "cut", US, EU)
            world.counts["cut"] += 1
        elif roll < 0.8:
            self.pause(self.dice.choice(others))

    def pause(self, member):
        member.pause()
        self.world.counts["paused"] += 1
        time.sleep(self.dice.uniform(0.1, 1.0))
        member.go_on()
