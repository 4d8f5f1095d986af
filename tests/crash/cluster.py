"""Processes of a cluster that can be killed at named places, started again, paused and cut off."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "support"))
from free_port import free_port

PATIENCE = 90.0 * float(os.environ.get("SEALIFT_SLOWER", "1"))  # seconds, on a machine that is busy
QUICK = 0.01
# A segment is left where a whole batch (1 MiB) might not fit any more: about every three seconds.
SEGMENT_BYTES = "2M"


class Broken(Exception):
    """A promise was broken; the text says which."""


def wait_until(what, true, seconds=PATIENCE):
    end = time.monotonic() + seconds
    pause = QUICK
    while not true():
        if time.monotonic() > end:
            raise Broken(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
        pause = min(0.1, pause * 1.3)


class Process:
    """One daemon: the same command again and again; `armed` is the place where it is to die."""

    def __init__(self, home, name, words, env=None):
        self.home, self.name, self.words = home, name, words
        self.env = {**os.environ, **(env or {})}
        self.env.pop("SEALIFT_FAILPOINT", None)
        self.process = None
        self.armed = None
        self.paused = False
        self.log_at = 0

    def start(self, armed=None, count=1, since=None, more=()):
        """`since`: a file; the place counts from when it is there. `more`: words for this time."""
        env = dict(self.env)
        if armed:
            env["SEALIFT_FAILPOINT"] = f"{armed}:{count}"
        if since:
            env["SEALIFT_FAILPOINT_FROM"] = since
        self.armed = armed
        self.paused = False
        with open(f"{self.home.work}/log/{self.name}", "ab") as log:
            self.log_at = log.tell()
            self.process = subprocess.Popen(
                [*self.command(), *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)

    def command(self):
        return self.words

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def died_as_armed(self):
        """Whether it has killed itself at its place; where it ended otherwise, that is a defect."""
        code = self.process.poll()
        if code is None:
            return False
        if code != -signal.SIGKILL:
            raise Broken(f"{self.name} ended by itself with {code}: {self.last_words()}")
        return True

    def check_up(self):
        if not self.is_up() and not (self.armed and self.process.returncode == -signal.SIGKILL):
            raise Broken(f"{self.name} ended by itself with {self.process.returncode}: "
                         f"{self.last_words()}")

    def kill(self):
        if self.is_up():
            self.process.kill()
        self.process.wait()

    def stop(self):
        if self.is_up():
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} does not stop: {self.last_words()}") from None

    def pause(self):
        if self.is_up():
            self.process.send_signal(signal.SIGSTOP)
            self.paused = True

    def go_on(self):
        if self.paused and self.is_up():
            self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def says(self, text):
        """Whether it has said so since it was started."""
        with open(f"{self.home.work}/log/{self.name}", errors="replace") as log:
            log.seek(self.log_at)
            return text in log.read()

    def ended_saying(self, text):
        """Waits until it ends by itself, not well, and because of what is named here."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} goes on; it should say '{text}'") from None
        if code != 1 or not self.says(text):
            raise Broken(f"{self.name} ended with {code}, not '{text}': {self.last_words()}")

    def last_words(self):
        with open(f"{self.home.work}/log/{self.name}", errors="replace") as log:
            return " / ".join(log.read().splitlines()[-3:])


class Home:
    """A folder with certificates, key services, a relay between two regions, and members."""

    def __init__(self, bin_folder, work):
        self.bin, self.work = bin_folder, work
        self.everybody = []
        self.lock = threading.Lock()
        self.at_end = []  # what else has to be undone
        os.makedirs(f"{work}/log")
        self.sealift("pki", "init", "--dir", f"{work}/pki", "--deployment", "crash")
        self.issue("client", "us-east-1", "client", "any")
        self.issue("operator", "us-east-1", "operator", "any")

    def sealift(self, *words, check=True, text=None, seconds=PATIENCE):
        done = subprocess.run([f"{self.bin}/sealift", *words], input=text, text=True,
                              capture_output=True, timeout=seconds, check=False)
        if check and done.returncode != 0:
            raise Broken(f"sealift {' '.join(words)}: {done.returncode}: {done.stderr[-800:]}")
        return done

    def issue(self, name, region, role, lineage, *more):
        self.sealift("pki", "issue", "--dir", f"{self.work}/pki", "--name", name, "--region",
                     region, "--role", role, "--lineage", lineage, *more)

    def tls(self, name):
        pki = f"{self.work}/pki"
        return ["--ca", f"{pki}/ca.crt", "--cert", f"{pki}/{name}.crt", "--key", f"{pki}/{name}.key"]

    def process(self, name, words, env=None, kind=Process):
        process = kind(self, name, words, env)
        with self.lock:
            self.everybody.append(process)
        return process

    def key_service(self, name, region, credentials="credentials"):
        port = free_port()
        self.issue(name, region, "keyd", "any", "--host", "127.0.0.1")
        process = self.process(name, [
            f"{self.bin}/sealift-keyd", "--create", "--data", f"{self.work}/{name}", "--region",
            region, "--credentials", f"{self.work}/{credentials}", "--listen", f"127.0.0.1:{port}",
            "--cert", f"{self.work}/pki/{name}.crt", "--key", f"{self.work}/pki/{name}.key"])
        process.region, process.port = region, port
        return process

    def credentials(self, file="credentials"):
        with open(f"{self.work}/{file}") as lines:
            pairs = dict(part.split("=", 1) for part in lines if "=" in part)
        pairs = {key.strip(): value.strip() for key, value in pairs.items()}
        return {"AWS_ACCESS_KEY_ID": pairs["access_key_id"],
                "AWS_SECRET_ACCESS_KEY": pairs["secret_access_key"]}

    def member_words(self, name, data, port, services):
        words = ["--data", data, "--listen", f"127.0.0.1:{port}", *self.tls(name),
                 "--key-service-ca", f"{self.work}/pki/ca.crt", "--segment-bytes", SEGMENT_BYTES,
                 "--window-bytes", "24M"]
        for service in services:
            words += ["--key-service", f"{service.region}=https://127.0.0.1:{service.port}"]
        return words

    def member(self, name, region, role, lineage, services, more, env):
        self.issue(name, region, role, lineage)
        port, data = free_port(), f"{self.work}/data-{name}"
        process = self.process(name, [f"{self.bin}/sealift-{role}", *self.member_words(
            name, data, port, services), *more], env)
        process.region, process.port, process.data = region, port, data
        return process

    def status(self, member):
        """What a member says of itself; empty until it has opened its folder and answers."""
        done = self.sealift("status", "--pki", f"{self.work}/pki", "--json",
                            f"127.0.0.1:{member.port}", check=False)
        try:
            answer = json.loads(done.stdout)["members"][0]
        except (ValueError, KeyError, IndexError):
            return {}
        opened = answer.get("state") not in (None, "starting", "opening")
        return answer if opened else {}

    def client_words(self, verb, members, *rest):
        pki = f"{self.work}/pki"
        addresses = ",".join(f"127.0.0.1:{member.port}" for member in members)
        return [f"{self.bin}/crash_client", verb, addresses, f"{pki}/ca.crt", f"{pki}/client.crt",
                f"{pki}/client.key", *rest]

    def wan(self, control, *words):
        self.sealift("wan", "--control", f"unix:{control}", *words)

    def end(self, keep):
        for process in self.everybody:
            if process.process is not None:
                process.go_on()
                process.kill()
        for undo in self.at_end:
            undo()
        if not keep:
            shutil.rmtree(self.work, ignore_errors=True)
