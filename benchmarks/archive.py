# SPDX-License-Identifier: Apache-2.0
"""save and load of an image of some 9,500 files and 220 MB, for ./bench; alone: archive.py BUILD.

The floor of a save is `cat` of the image's blobs into a file; that of a load is to read the archive,
hash it, write it and sync it (floor_archive.c). Each load is of an image that is not there. That of
removing it is `rm` of one file of that size.
"""
import io
import os
import random
import subprocess
import sys
import tarfile

FILES = 9500
ROWS = [
    ("save", "save of 220 MB, 9,500 files", "ms"),
    ("load", "load of the same", "ms"),
    ("load_again", "load of it when it is there", "ms"),
    ("rmi", "rmi of it", "ms"),
]
NAME = "bench-archive"


def make_tree_tar(path):
    """Files as a distribution has them: most are small, a third of the bytes do not compress."""
    chance = random.Random(4)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz_(){};= \n", k=chance.randint(3, 12)))
             for _ in range(4000)]
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(FILES):
            size = min(int(chance.lognormvariate(9.0, 1.45)), 4 << 20)
            data = bytearray(chance.randbytes(size // 12))
            while len(data) < size:
                data += b"".join(chance.choices(words, k=200))
            info = tarfile.TarInfo(f"usr/d{number % 97}/e{number % 13}/file{number}")
            info.size, info.mtime = size, 1600000000
            tar.addfile(info, io.BytesIO(bytes(data[:size])))


class Files:
    """The archive that all contestants load."""

    def __init__(self, place):
        self.place = place
        self.tree = os.path.join(place.path, "archive-tree.tar")
        self.saved = os.path.join(place.path, "archive-saved.tar")
        self.out = os.path.join(place.path, "archive-out")
        self.floor = os.path.join(place.path, "floor_archive")

    def make(self):
        make_tree_tar(self.tree)
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor_archive.c")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", self.floor, source, "-lcrypto"], check=True)

    def timed(self, contestant, *args):
        values = contestant.time(*args, count=1)
        if os.path.exists(self.out):
            os.unlink(self.out)
        os.sync()
        return values

    def removed(self, contestant):
        subprocess.run(["cp", self.tree, self.out], check=True)
        os.sync()
        return contestant.time("rm", self.out, count=1)


def measure(results, place, crew, rounds):
    """Hooked into ./bench: results.measure() as for all rows."""
    files = Files(place)
    files.make()
    engines = [c for c in crew if hasattr(c, "command")]
    for engine in engines:
        results.measure("save", engine, lambda e=engine: e.run(
            *e.command("import", files.tree, NAME)) and None)
    first = next(e for e in engines if e.name == "vessel")
    first.run(*first.command("save", "-o", files.saved, NAME))
    for _ in range(rounds):
        for contestant in crew:
            if contestant.name == "floor":
                results.measure("save", contestant, lambda c=contestant: files.timed(
                    c, "sh", "-c", f"cat {files.tree} >{files.out}"))
                results.measure("load", contestant, lambda c=contestant: files.timed(
                    c, files.floor, files.saved, files.out))
                results.measure("rmi", contestant, lambda c=contestant: files.removed(c))
            elif contestant in engines:
                one_engine(results, files, contestant)
    for engine in engines:
        results.measure("save", engine, lambda e=engine: e.run(*e.command("rmi", NAME)) and None)


def one_engine(results, files, engine):
    results.measure("save", engine, lambda: files.timed(
        engine, *engine.command("save", "-o", files.out, NAME)))
    results.measure("rmi", engine, lambda: files.timed(engine, *engine.command("rmi", NAME)))
    results.measure("load", engine, lambda: files.timed(
        engine, *engine.command("load", "-q", "-i", files.saved)))
    results.measure("load_again", engine, lambda: files.timed(
        engine, *engine.command("load", "-q", "-i", files.saved)))


def alone(build):
    """vessel and the floor, without ./bench: medians in ms."""
    import statistics  # pylint: disable=import-outside-toplevel
    import tempfile  # pylint: disable=import-outside-toplevel
    import time  # pylint: disable=import-outside-toplevel

    class Timed:
        def __init__(self, name, program=None):
            self.name = name
            if program:
                self.command = lambda *args: [program, *args]

        def run(self, *args):
            return subprocess.run(args, check=True, stdout=subprocess.PIPE).stdout or b"done"

        def time(self, *args, count=1):
            begin = time.monotonic()
            self.run(*args)
            return [(time.monotonic() - begin) * 1000] * count

    class Table:
        samples = {}

        def measure(self, row, contestant, action):
            for value in action() or []:
                self.samples.setdefault((row, contestant.name), []).append(value)

    class Place:
        path = tempfile.mkdtemp(prefix="vessel-bench-", dir="/var/tmp")

    os.environ["VESSEL_ROOT"], os.environ["VESSEL_RUN"] = Place.path + "/root", Place.path + "/run"
    table = Table()
    try:
        measure(table, Place, [Timed("floor"), Timed("vessel", os.path.join(build, "vessel"))], 5)
        for row, title, _ in ROWS:
            found = {name: statistics.median(values) for (key, name), values in table.samples.items() if key == row}
            ratio = f"{found['vessel'] / found['floor']:.2f}" if "floor" in found else ""
            print(f"{title:32}", *(f"{name} {value:,.0f} ms " for name, value in found.items()), ratio)
    finally:
        subprocess.run(["rm", "-rf", Place.path], check=True)


if __name__ == "__main__":
    alone(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build"))
