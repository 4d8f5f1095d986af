#!/usr/bin/env python3
"""Is the simulator worth anything? Each planted bug of this folder must be caught by it.

A NAME.mutant says in words what it breaks, within how many seeds it must be caught and by which
invariants, and one or more edits: lines that begin with "-" are replaced by the lines that begin
with "+" (the first two characters of each are not part of it), in the file named before them. What
is replaced must occur exactly once, so that an edit that no longer fits is an error, not a survivor.
A seed that fails without the bug, too, has caught nothing. Two lines are for some only: "world: heal"
runs the simulator's other kind of world, and "test: NAME ARGUMENTS" runs that test program instead of
the simulator (what lies below it), which must fail; its seeds and invariant are 1 and "test".

    mutants.py                 builds each in turn, runs the seeds, shows a table
    mutants.py --only NAME     only that one (repeatable)
    mutants.py --check         only whether every edit still applies

The working tree is never touched: each job has a copy of it under build/mutants, in which one bug
after the other is planted, built and taken out again.
"""
import argparse
import concurrent.futures
import os
import queue
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, "build", "mutants")
LONGEST_S = 1800
FOLDERS = ("base", "node", "proto", "seal", "wal", "cluster", "member", "primary", "replica",
           "keys", "transport", "host", "client", "cli", "bench", "sim", "cmake", "share")


class Mutant:
    def __init__(self, path):
        self.name = os.path.basename(path)[:-len(".mutant")]
        self.seeds = 0
        self.caught_by = []
        self.world = []
        self.test = []
        self.words = []
        self.edits = []  # (file, old, new)
        with open(path, encoding="utf-8") as lines:
            self.read(lines.read().splitlines())
        if not (self.seeds and self.caught_by and self.words and self.edits):
            raise ValueError(f"{path}: says not all that it must")

    def read(self, lines):
        file, old, new = None, [], []

        def close():
            if old:
                self.edits.append((file, "\n".join(old), "\n".join(new)))
                old.clear()
                new.clear()

        for line in lines:
            if line.startswith("seeds: "):
                self.seeds = int(line[7:])
            elif line.startswith("caught-by: "):
                self.caught_by = line[11:].split()
            elif line.startswith("world: "):
                self.world = ["--" + line[7:]]
            elif line.startswith("test: "):
                self.test = line[6:].split()
            elif line.startswith("file: "):
                close()
                file = line[6:]
            elif line[:1] == "-":
                if new:
                    close()
                old.append(line[2:])
            elif line[:1] == "+":
                new.append(line[2:])
            elif line and file is None:
                self.words.append(line)
        close()

    def apply(self, folder, write):
        for file, old, new in self.edits:
            path = os.path.join(folder, file)
            with open(path, encoding="utf-8") as source:
                text = source.read()
            lines = "\n" + text
            count = lines.count("\n" + old + "\n")
            if count != 1:
                return f"{file}: occurs {count} times: {old.strip()[:60]}"
            if write:
                change = "\n" + new + "\n" if new else "\n"
                with open(path, "w", encoding="utf-8") as source:
                    source.write(lines.replace("\n" + old + "\n", change)[1:])
        return None


def mutants(only):
    paths = sorted(name for name in os.listdir(HERE) if name.endswith(".mutant"))
    found = [Mutant(os.path.join(HERE, name)) for name in paths]
    missing = set(only) - {mutant.name for mutant in found}
    if missing:
        sys.exit(f"mutants: there is no {', '.join(sorted(missing))}")
    found = [mutant for mutant in found if not only or mutant.name in only]
    return sorted(found, key=lambda mutant: mutant.seeds)  # the quick ones first


def copy_tree(folder, with_tests):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in FOLDERS:
        if os.path.isdir(os.path.join(ROOT, name)):
            shutil.copytree(os.path.join(ROOT, name), os.path.join(folder, name))
    shutil.copy(os.path.join(ROOT, "CMakePresets.json"), folder)
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as source:
        rules = source.read()
    with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as target:
        target.write(rules.replace("-Werror", ""))  # a bug may leave something unused
    if with_tests:
        shutil.copytree(os.path.join(ROOT, "tests"), os.path.join(folder, "tests"))
        return
    os.makedirs(os.path.join(folder, "tests"))
    with open(os.path.join(folder, "tests", "CMakeLists.txt"), "w", encoding="utf-8"):
        pass  # no tests: only the simulator is asked


def build(folder, target="sealift-sim"):
    environment = dict(os.environ, CCACHE_BASEDIR=folder, CCACHE_NOHASHDIR="1")
    commands = [["ninja", "-C", "build", "-j2", target]]
    if not os.path.exists(os.path.join(folder, "build", "build.ninja")):
        commands.insert(0, ["cmake", "--preset", "release"])
    for command in commands:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            return (done.stdout + done.stderr)[-1500:]
    return None


def simulator(folder):
    return os.path.join(folder, "build", "bin", "sealift-sim")


def fails_unspoilt(seed, mutant, folder):
    done = subprocess.run([os.path.join(folder, "unspoilt"), "--seed", str(seed)] + mutant.world,
                          capture_output=True, timeout=LONGEST_S, check=False)
    return done.returncode != 0


def run_test(mutant, folder):
    """That it passes without the bug is what `./run test` is for."""
    program = os.path.join(folder, "build", "bin", mutant.test[0])
    done = subprocess.run([program] + mutant.test[1:], cwd=os.path.join(folder, "tests"),
                          capture_output=True, timeout=LONGEST_S, check=False)
    return (None, "survives") if done.returncode == 0 else (1, "test")


def hunt(mutant, folder):
    """What the simulator says of it: (seed, how), or (None, why not)."""
    first = 1
    if mutant.test:
        return run_test(mutant, folder)
    while True:
        seed, how = hunt_from(first, mutant, folder)
        if seed is None or not fails_unspoilt(seed, mutant, folder):
            return seed, how
        first = seed + 1


def hunt_from(first, mutant, folder):
    if first > mutant.seeds:
        return None, "survives"
    try:
        done = subprocess.run([simulator(folder), "--seeds", f"{first}..{mutant.seeds}",
                               "--first-failure"] + mutant.world, capture_output=True, text=True,
                              timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return None, "never ends"
    failed = re.search(r"seed (\d+) FAILED invariant (\d+): (.*)", done.stdout)
    if failed:
        return int(failed[1]), failed[2]
    checked = re.search(r"replay: sealift-sim --seed (\d+)", done.stderr)
    if checked:
        return int(checked[1]), "CHECK"
    return (None, "survives") if done.returncode == 0 else (None, f"status {done.returncode}")


def prepare(jobs, with_tests):
    """A folder for each job, with everything built that no mutant changes."""
    folders = queue.Queue()
    for job in range(jobs):
        folder = os.path.join(WORK, f"job-{job}")
        copy_tree(folder, with_tests)
        wrong = build(folder)
        if wrong:
            sys.exit(f"mutants: what is not spoilt does not build: {wrong}")
        shutil.copy(simulator(folder), os.path.join(folder, "unspoilt"))
        folders.put(folder)
    return folders


def try_one(mutant, folders):
    folder = folders.get()
    whole = {}
    for file in {file for file, _, _ in mutant.edits}:
        with open(os.path.join(folder, file), encoding="utf-8") as source:
            whole[file] = source.read()
    target = mutant.test[0] if mutant.test else "sealift-sim"
    wrong = mutant.apply(folder, True) or build(folder, target)
    seed, how = (None, wrong) if wrong else hunt(mutant, folder)
    for file, text in whole.items():
        with open(os.path.join(folder, file), "w", encoding="utf-8") as target:
            target.write(text)
    folders.put(folder)
    return mutant, seed, how


def report(mutant, seed, how):
    caught = seed is not None and how in mutant.caught_by
    verdict = "caught" if caught else "SURVIVES" if seed is None else "caught otherwise"
    print(f"{mutant.name:38} {mutant.seeds:6} {seed if seed is not None else '-':>6} "
          f"{how.strip().splitlines()[-1][:40] if how else '':>8}  {verdict}", flush=True)
    return caught


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wanted = mutants(options.only)
    if options.check:
        wrong = [f"{mutant.name}: {why}" for mutant in wanted
                 if (why := mutant.apply(ROOT, False)) is not None]
        print("\n".join(wrong) or f"{len(wanted)} mutants apply")
        return 1 if wrong else 0
    begun = time.monotonic()
    print(f"{'mutant':38} {'within':>6} {'seed':>6} {'by':>8}")
    folders = prepare(options.jobs, any(mutant.test for mutant in wanted))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        tried = [pool.submit(try_one, mutant, folders) for mutant in wanted]
        caught = [report(*each.result()) for each in concurrent.futures.as_completed(tried)]
    shutil.rmtree(WORK, ignore_errors=True)
    print(f"{sum(caught)} of {len(caught)} caught in {time.monotonic() - begun:.0f} s")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main())
