"""What is in a process's memory, and how is that memory kept? Run as root.

    memory_of.py PID find HEX...     for each: "PLACES SWAPPED DUMPED": how often it is there, and
                                     how often in memory that may be swapped, or be in a core dump
    memory_of.py PID unlocked        KiB of writable private memory that are not locked
"""
import re
import sys


def mappings(pid):
    """(begin, end, what it may, its name, its VmFlags), of each mapping."""
    found = []
    for line in open(f"/proc/{pid}/smaps"):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
        if head:
            begin, end, may, name = head.groups()
            found.append([int(begin, 16), int(end, 16), may, name, set()])
        elif line.startswith("VmFlags:"):
            found[-1][4] = set(line.split()[1:])
    return found


def readable(pid):
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for begin, end, may, name, flags in mappings(pid):
            if may[0] == "r" and not name.startswith("[v"):
                memory.seek(begin)
                yield begin, name, flags, memory.read(end - begin)


def find(pid, wanted):
    places = {text: [] for text in wanted}
    for begin, name, flags, data in readable(pid):
        for text in wanted:
            at = data.find(bytes.fromhex(text))
            while at >= 0:
                places[text].append((hex(begin + at), name, flags))
                at = data.find(bytes.fromhex(text), at + 1)
    for text in wanted:
        print(len(places[text]), *(sum(flag not in flags for _, _, flags in places[text])
                                   for flag in ("lo", "dd")))
        for at, name, flags in places[text]:
            print(sys.argv[1], at, name, *sorted(flags), file=sys.stderr)


def unlocked(pid):
    print(sum((end - begin) // 1024 for begin, end, may, _, flags in mappings(pid)
              if may.startswith("rw") and may[3] == "p" and "lo" not in flags))


if __name__ == "__main__":
    {"find": lambda: find(sys.argv[1], sys.argv[3:]),
     "unlocked": lambda: unlocked(sys.argv[1])}[sys.argv[2]]()
