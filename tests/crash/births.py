"""What is killed while it comes to life: a new folder of each kind, at each place on the way.

Each birth has folders of its own. The process is killed at the place, started again in the same
way, and must then serve as if nothing had happened."""
import os
import socket
import threading

from cluster import Broken, wait_until

REPLACED = [f"{kind}.{step}" for kind in ("descriptor", "keyring", "control")
            for step in ("before_write", "before_sync", "after_sync", "after_rename",
                         "after_folder_sync")]
FOLDER = ["folder.after_make", "folder.after_sync"]
CREATE = [f"store.create.{step}" for step in (
    "before_write", "before_sync", "after_sync", "after_rename", "after_wal_sync",
    "after_spare_sync")]
CLAIM = [f"claim.{step}" for step in (
    "before_write", "before_sync", "after_sync", "after_rename", "after_folder_sync")]
KEYD = ["catalog.before_schema", "catalog.after_schema", "secret.before_write",
        "secret.before_sync", "secret.after_sync", "secret.after_rename",
        "secret.after_folder_sync"]
DELETE = [f"store.delete.{step}" for step in (
    "before_unlink", "after_unlink", "after_folder_sync")]
BIRTHS = ([("primary", place) for place in FOLDER + REPLACED + CREATE + CLAIM]
          + [("replica", place) for place in FOLDER + REPLACED + CREATE]
          + [("forgetful primary", place) for place in DELETE]
          + [("keyd", place) for place in KEYD])
# The first birth of each place: a short run does these.
EACH_ONCE = list({place: (kind, place) for kind, place in reversed(BIRTHS)}.values())


class Nursery:
    def __init__(self, home):
        self.home = home
        self.number = 0
        self.service = home.key_service("kms-birth", "us-east-1", "credentials-birth")
        self.service.start()
        wait_until("key service starts", lambda: os.path.exists(f"{home.work}/credentials-birth"))
        self.env = home.credentials("credentials-birth")
        self.mother = None

    def primary(self, name, *more):
        lineage = os.urandom(16).hex()
        member = self.home.member(
            name, "us-east-1", "primary", lineage, [self.service],
            ["--create", "--storage-encrypted", "--coordinator",
             f"file:{self.home.work}/coordinator-{name}", *more], self.env)
        member.lineage = lineage
        return member

    def replica(self, name):
        return self.home.member(name, "us-east-1", "replica", self.mother.lineage, [self.service],
                                ["--upstream", f"127.0.0.1:{self.mother.port}"], self.env)

    def serves(self, member):
        member.check_up()
        return bool(self.home.status(member))

    def append(self, member, text):
        self.home.sealift("append", "--pki", f"{self.home.work}/pki", "--to",
                          f"127.0.0.1:{member.port}", "-q", text=text + "\n")

    def kill_and_revive(self, member, place, count):
        """False where it never comes to the place for the count-th time."""
        member.start(place, count)
        try:
            wait_until(f"{member.name} dies at {place}", member.died_as_armed, 20)
        except Broken as broken:
            if "ended by itself" in str(broken):
                raise
            member.kill()
            return False
        member.start()
        return True

    def birth(self, kind, place, count=1):
        self.number += 1
        name = f"born{self.number}"
        if self.mother is None:
            self.mother = self.primary("mother")
            self.mother.start()
            wait_until("mother serves", lambda: self.serves(self.mother))
            self.append(self.mother, "mother's")
        if kind == "keyd":
            return self.birth_of_keyd(name, place, count)
        if kind == "forgetful primary":
            return self.forget(name, place)
        member = self.primary(name) if kind == "primary" else self.replica(name)
        reached = self.kill_and_revive(member, place, count)
        if not reached:
            member.start()
        wait_until(f"{name} ({kind}) serves after {place}", lambda: self.serves(member))
        if kind == "primary":
            self.append(member, "born")
        else:
            wait_until(f"{name} catches up after {place}", lambda: self.home.status(member).get(
                "durable_lsn", 0) >= self.home.status(self.mother).get("durable_lsn", 1))
        if member.stop() != 0:
            raise Broken(f"{name} after {place}: {member.last_words()}")
        self.home.sealift("verify", member.data, "--no-key")
        return reached

    def forget(self, name, place):
        """Retention deletes old segments; what is left reads well."""
        member = self.primary(name, "--retain-bytes", "4M")
        member.start(place)
        wait_until(f"{name} serves", lambda: self.serves(member))
        filler = ("f" * 50000 + "\n") * 200
        appending = threading.Thread(target=self.append, args=(member, filler[:-1]), daemon=True)
        appending.start()
        try:
            wait_until(f"{name} dies at {place}", member.died_as_armed, 20)
            reached = True
        except Broken as broken:
            if "ended by itself" in str(broken):
                raise
            member.kill()
            reached = False
        member.start()
        wait_until(f"{name} serves after {place}", lambda: self.serves(member))
        appending.join()
        self.append(member, "the last")
        if member.stop() != 0:
            raise Broken(f"{name} after {place}: {member.last_words()}")
        self.home.sealift("verify", member.data, "--no-key")
        return reached

    def birth_of_keyd(self, name, place, count):
        service = self.home.key_service(name, "us-east-1", f"credentials-{name}")
        reached = self.kill_and_revive(service, place, count)
        if not reached:
            service.start()

        def listens():
            service.check_up()
            with open(f"{self.home.work}/log/{name}", errors="replace") as log:
                return "listening" in log.read() or self.port_is_open(service.port)

        wait_until(f"{name} serves after {place}", listens)
        service.stop()
        return reached

    @staticmethod
    def port_is_open(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
