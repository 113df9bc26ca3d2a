# SPDX-License-Identifier: Apache-2.0
"""How each suite of others is run against a runtime: [(result, file, case)], nothing left behind."""

import glob
import json
import os
import re
import shlex
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))
# The names that the suites give to cgroups; what is empty of them is removed afterwards.
CGROUPS = ("test", "testdir", "test-*", "test_*", "runc-cgroups-integration-test*", "cgroup-runtime-tools*", "ct-*", "test[0-9]*")
TAP_LINE = re.compile(r"(not ok|ok) \d+ (.*)")


class Place:
    """Where a suite runs: its checkout, a runtime under the name that it expects, room of its own."""

    def __init__(self, checkout, runtime, work, timeout_s):
        self.checkout, self.runtime, self.work, self.timeout_s = checkout, runtime, work, timeout_s
        self.scratch = os.path.join(work, "view")
        os.makedirs(self.scratch, exist_ok=True)

    def run(self, mode, command, cwd, extra_env, terminal=True):
        """Its output and exit code; errors have a pipe of their own."""
        environ = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "LISTEN_FDS")}
        go = sorted(glob.glob("/usr/lib/go-*/bin"))
        environ.update(extra_env, LANG="C", PATH=":".join([os.environ["PATH"], *go]))
        errors = os.path.join(self.work, "errors")
        whole = [os.path.join(HERE, "view"), mode, self.scratch, *command]
        if terminal:
            whole = ["script", "-qec", shlex.join(whole) + " 2>" + shlex.quote(errors), "/dev/null"]
        whole = ["timeout", "--foreground", "-k", "5", str(self.timeout_s), *whole]
        with open(errors, "wb") as error_file:
            done = subprocess.run(whole, cwd=cwd, env=environ, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=error_file, check=False)
        out = done.stdout.decode(errors="replace").replace("\r", "")
        with open(errors, errors="replace") as error_file:
            said = error_file.read()
        with open(os.path.join(self.work, "log"), "a") as log:
            log.write(f"## {shlex.join(command)}\n{out}{said}")
        return out, said, done.returncode


def tap_results(text, file, skipped):
    """A file that ends before its plan is over has one more case, failed."""
    lines = text.splitlines()
    found = [m for m in map(TAP_LINE.match, lines) if m]
    plan = next((int(line[3:].split()[0]) for line in lines if re.match(r"1\.\.\d+", line)), None)
    results = []
    for line in found:
        name, was_skipped = skipped(line.group(2))
        word = "FAIL" if line.group(1) != "ok" else "SKIP" if was_skipped else "PASS"
        results.append((word, file, name))
    if plan is None or len(found) < plan:
        results.append(("FAIL", file, f"(ended after {len(found)} of {plan})"))
    return results


def crun(place, mode):
    def skipped(text):
        return text.split()[1], "#SKIP" in text

    tests, results = os.path.join(place.checkout, "tests"), []
    os.makedirs(os.path.join(place.work, "tests"), exist_ok=True)
    init = os.path.join(tests, "init")
    link = os.path.join(place.work, "tests", "init")
    if not os.path.islink(link):
        os.symlink(init, link)
    environ = {"OCI_RUNTIME": place.runtime, "INIT": init, "PYTHONDONTWRITEBYTECODE": "1",
               "PYTHONPATH": os.path.join(HERE, "stand-in"), "TMPDIR": place.work}
    for file in sorted(glob.glob(os.path.join(tests, "test_*.py"))):
        out, _, _ = place.run(mode, ["/usr/bin/python3", file], place.work, environ)
        results += tap_results(out, os.path.basename(file), skipped)
    return results


def runc(place, mode):
    def skipped(text):
        name, separator, _ = text.partition(" # skip")
        return name.strip(), bool(separator)

    results = []
    environ = {"RUNC": place.runtime, "TMPDIR": place.work}
    for file in sorted(glob.glob(os.path.join(place.checkout, "tests/integration/*.bats"))):
        out, _, _ = place.run(mode, ["bats", "-t", file], place.checkout, environ)
        results += tap_results(out, os.path.basename(file), skipped)
    return results


def runtime_tools(place, mode):
    """Some programs say nothing unless something is wrong: then their exit code counts."""
    results = []
    environ = {"RUNTIME": place.runtime, "TMPDIR": place.work}
    pattern = os.path.join(place.checkout, "validation", "**", "*.t")
    for program in sorted(glob.glob(pattern, recursive=True)):
        out, errors, code = place.run(mode, [program], place.checkout, environ, terminal=False)
        good = re.findall(r"^ok.*$", out, re.M)
        bad = code != 0 or re.search(r"^not ok", out, re.M)
        silent = not good and not errors.strip()
        only_skipped = good and all(re.search("# skip", line, re.I) for line in good)
        word = "FAIL" if bad else "SKIP" if silent or only_skipped else "PASS" if good else "FAIL"
        results.append((word, "validation", os.path.basename(program)[:-2]))
    return results


def valid(schemas, schema, text):
    import jsonschema  # from python3-jsonschema, which only this suite needs

    def local(uri):
        with open(os.path.join(schemas, os.path.basename(uri.split("#")[0]))) as file:
            return json.load(file)

    top = local(schema)
    resolver = jsonschema.RefResolver("file://" + schemas + "/", top,
                                      handlers=dict.fromkeys(("file", "http", "https"), local))
    return jsonschema.Draft4Validator(top, resolver=resolver).is_valid(json.loads(text))


def runtime_spec(place, mode):
    schemas = os.path.join(place.checkout, "schema")
    bundle = os.path.join(place.work, "bundle")
    os.makedirs(os.path.join(bundle, "rootfs", "bin"))
    subprocess.run(["cp", "/bin/busybox", os.path.join(bundle, "rootfs/bin/sh")], check=True)
    runtime, root = shlex.quote(place.runtime), shlex.quote(os.path.join(place.work, "state"))
    script = f"""set -e
        {runtime} spec; cp config.json spec; {runtime} features >features || rm features
        sed -i -e 's/"terminal": true/"terminal": false/' config.json
        {runtime} --root {root} create one >/dev/null 2>&1 </dev/null
        {runtime} --root {root} state one >state; {runtime} --root {root} delete --force one"""
    place.run(mode, ["sh", "-c", script], bundle, {}, terminal=False)
    results = []
    for name, schema in (("spec", "config"), ("features", "features"), ("state", "state")):
        path = os.path.join(bundle, name)
        word = "SKIP"
        if os.path.exists(path):
            with open(path) as file:
                word = "PASS" if valid(schemas, schema + "-schema.json", file.read()) else "FAIL"
        results.append((word, "schema", name))
    return results


def sweep_cgroups():
    """A cgroup with processes in it, or below it, cannot be removed: those of others stay."""
    for pattern in CGROUPS:
        for depth in ("", "*/", "*/*/"):
            for top in glob.glob("/sys/fs/cgroup/" + depth + pattern):
                for directory, _, _ in os.walk(top, topdown=False):
                    try:
                        os.rmdir(directory)
                    except OSError:
                        pass
