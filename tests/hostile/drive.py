#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs vessel on hostile input, and judges what it did: the oracles of the tests in archives.bats and registry.bats.

Usage: drive.py archives ROW WAY...             all archives of a row, by all ways in: import pull add context load
       drive.py pulls WANTED AT CASE...         a pull of AT/CASE; CASE* is for all of the registry's cases that begin so
       drive.py loads WANTED FILE...            a load of each file
       drive.py one REPORT COMMAND...           one command; REPORT becomes "CODE MILLISECONDS KIBIBYTES"

WANTED is refuse, take or either. Each try must keep
  BOUND   time and memory of each process (SECONDS, KIBIBYTES); an error that was told in a few printable words, not a crash
  CLEAN   after an error no file is in the store that was not there before but blobs that are what their names say, which a
          next pull goes on from; and no image
  CANARY  the tree $CANARY as it was, byte for byte and inode for inode, and the word in its file "secret" unsaid
The environment: VESSEL, VESSEL_ROOT, TEST_DIR; CANARY, CANARY_WORD and ARCHIVES with archives; AT with pull.
"""
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = float(os.environ.get("BOUND_SECONDS", "20"))
KIBIBYTES = int(os.environ.get("BOUND_KIB", "65536"))
SAID_MAX = 8192
CRASH = re.compile(r"killed by|ended (with code|too early)|was stopped|Assertion|Sanitizer")
ENV = os.environ
# At most this deep: an archive's own tree is not looked at.
STORE_DEPTH = 3


class Done:
    def __init__(self, code, ms, kib, said="", told=""):
        self.code, self.ms, self.kib, self.said, self.told = code, ms, kib, said, told


def text_of(file):
    return file.read().decode("utf-8", "surrogateescape")


def run(command, stdin=None, quiet=True):
    """Nothing of ours is waited for but the command: its output goes to files."""
    with open(stdin or os.devnull, "rb") as source, open(ENV["TEST_DIR"] + "/said", "w+b") as said, \
            open(ENV["TEST_DIR"] + "/told", "w+b") as told:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdin=source, stdout=said if quiet else None, stderr=told if quiet else None,
                                 start_new_session=True)
        late = threading.Timer(SECONDS, os.killpg, (child.pid, signal.SIGKILL))
        late.start()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = 0
        late.cancel()
        ms = int((time.monotonic() - begun) * 1000)
        code = os.waitstatus_to_exitcode(status)
        code = code if code >= 0 else 128 - code
        if ms >= SECONDS * 1000:
            code = 124
        said.seek(0)
        told.seek(0)
        return Done(code, ms, usage.ru_maxrss, text_of(said), text_of(told))


# ---- what must not change ----


def canary_now():
    tree = []
    for folder, dirs, files in os.walk(ENV.get("CANARY", "/nonexistent")):
        for name in sorted(dirs + files) + ["."]:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            content = ""
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            tree.append((path, st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns, content))
    return sorted(tree)


def store_now():
    names, root = set(), ENV["VESSEL_ROOT"]
    for folder, dirs, files in os.walk(root):
        below = os.path.relpath(folder, root)
        depth = 0 if below == "." else below.count("/") + 1
        names.update(os.path.normpath(os.path.join(below, name)) for name in dirs + files if not name.startswith(("state.db", "reserve")))
        if depth + 1 >= STORE_DEPTH:
            dirs.clear()
    try:
        with open(root + "/index.json", encoding="utf-8") as file:
            names.update("image: " + word for word in re.findall(r"sha256:[0-9a-f]{64}|\"ref[^,}]*", file.read()))
    except OSError:
        pass
    return names


def is_blob(name):
    match = re.fullmatch(r"blobs/sha256/([0-9a-f]{64})", name)
    if not match:
        return name.split("/")[0] == "partial"
    with open(os.path.join(ENV["VESSEL_ROOT"], name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == match[1]


# ---- judging ----


def bound(done):
    word = ENV.get("CANARY_WORD")
    if done.code == 124:
        return f"it took more than {SECONDS} seconds"
    if done.kib > KIBIBYTES:
        return f"it took {done.kib} KiB of memory"
    if done.code >= 128 or CRASH.search(done.told):
        return f"it crashed, code {done.code}: {done.told[:300]}"
    if done.code != 0 and not done.told:
        return f"code {done.code} without a word"
    if word and word in done.said + done.told:
        return "it said the host's secret"
    if len(done.told) > SAID_MAX:
        return f"it said {len(done.told)} bytes: {done.told[:300]}"
    if re.search(r"[\0-\x08\x0b-\x1f\x7f-\x9f]", done.told):
        return f"it said control characters: {done.told[:300]!r}"
    return None


class Judge:
    def __init__(self):
        self.tries, self.wrong = 0, []
        self.canary, self.store = canary_now(), store_now()

    def add(self, name, what):
        self.wrong.append(f"{name}: {what}")

    def judge(self, name, wanted, done):
        self.tries += 1
        failed = bound(done)
        if failed:
            self.add(name, failed)
        if wanted == "refuse" and done.code == 0:
            self.add(name, "it was taken")
        if wanted == "take" and done.code != 0:
            self.add(name, f"it was refused: {done.told[:300]}")
        store = store_now()
        if done.code != 0:
            for new in sorted(store - self.store):
                if not is_blob(new):
                    self.add(name, "left in the store: " + new)
        self.store = store
        canary = canary_now()
        if canary != self.canary:
            self.add(name, f"the host's tree has changed: {set(canary) ^ set(self.canary)}")
            self.canary = canary

    def result(self):
        print(f"{self.tries} tries")
        for line in self.wrong:
            print(line.encode("ascii", "backslashreplace").decode())
        return 1 if self.wrong or self.tries == 0 else 0


# ---- the ways in ----


def way_import(name):
    return ["import", f"{ENV['ARCHIVES']}/{name}.tar", "hostile:import"], None


def way_pull(name):
    return ["pull", "-q", f"{ENV['AT']}/archive/{name}"], None


def way_load(name):
    return ["load", "-q", "-i", f"{ENV['ARCHIVES']}/{name}.load.tar"], None


def way_add(name):
    folder = ENV["TEST_DIR"] + "/add"
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    shutil.copy(f"{ENV['ARCHIVES']}/{name}.tar", folder + "/file")
    with open(folder + "/Dockerfile", "w", encoding="ascii") as file:
        file.write("FROM scratch\nADD file /\n")
    return ["build", "-q", "-t", "hostile:add", folder], None


def way_context(name):
    return ["build", "-q", "-t", "hostile:context", "-"], f"{ENV['ARCHIVES']}/{name}.context.tar"


WAYS = {"import": way_import, "pull": way_pull, "add": way_add, "context": way_context, "load": way_load}


def wanted_of(way, expectation):
    """In a context and for ADD a whiteout is a file like others, and ADD copies what is no archive."""
    if way in ("add", "context") and (":" in expectation or way == "context" and expectation == "inside"):
        return "either"
    return {"inside": "take"}.get(expectation.split(":")[0], expectation.split(":")[0])


def archives(row, ways):
    judge = Judge()
    listed = subprocess.run([sys.executable, HERE + "/archive.py", "--list"], stdout=subprocess.PIPE, check=True, text=True)
    for line in listed.stdout.splitlines():
        name, its_row, expectation = line.split()
        for way in ways if its_row == row else []:
            # What a bomb's context unpacks to is written beside the store as well: ADD shows the same.
            if way == "context" and name.endswith("10-gib"):
                continue
            words, stdin = WAYS[way](name)
            judge.judge(f"{name}, {way}", wanted_of(way, expectation), run([ENV["VESSEL"], *words], stdin))
    return judge.result()


def pulls(wanted, at, *names):
    judge = Judge()
    for name in names:
        if name.endswith("*"):
            listed = subprocess.run([sys.executable, HERE + "/registry.py", "--list", name[:-1]], stdout=subprocess.PIPE,
                                    check=True, text=True)
            found = listed.stdout.split()
        else:
            found = [name]
        for each in found:
            judge.judge(each, wanted, run([ENV["VESSEL"], "pull", "-q", f"{at}/{each}"]))
    return judge.result()


def loads(wanted, *files):
    judge = Judge()
    for file in files:
        judge.judge(os.path.basename(file), wanted, run([ENV["VESSEL"], "load", "-q", "-i", file]))
        judge.judge(os.path.basename(file) + " by pipe", wanted, run([ENV["VESSEL"], "load", "-q"], file))
    return judge.result()


def one(report, command):
    done = run(command)
    sys.stdout.buffer.write(done.said.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.write(done.told.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    with open(report, "w", encoding="ascii") as file:
        file.write(f"{done.code} {done.ms} {done.kib}\n")
    failed = bound(done)
    if failed:
        print(failed, file=sys.stderr)
    return 1 if failed else 0


def main():
    words = sys.argv[1:]
    if words[:1] == ["archives"] and len(words) > 2:
        return archives(words[1], words[2:])
    if words[:1] == ["pulls"] and len(words) > 3:
        return pulls(*words[1:])
    if words[:1] == ["loads"] and len(words) > 2:
        return loads(*words[1:])
    if words[:1] == ["one"] and len(words) > 2:
        return one(words[1], words[2:])
    return sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
