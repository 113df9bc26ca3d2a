# SPDX-License-Identifier: Apache-2.0
"""Who is measured, and how each is asked for the same thing. Durations are milliseconds.

All timing is done by "floor time", a small C program that starts the command and waits for it: the
interpreter of this script is not on the clock.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import images

BATCH = 5  # measured runs per turn; slow contestants take fewer


class Failed(Exception):
    pass


def call(args, env=None, timeout=120):
    """Runs it; what it printed, or Failed with its last words."""
    try:
        done = subprocess.run(args, env=env, timeout=timeout, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(words[-1][:200] if words else f"{args[0]}: exit {done.returncode}")
    return done.stdout


def durations(text):
    """Of the lines of a floor program that are numbers, in ms; the program timed may print too."""
    values = []
    for line in text.splitlines():
        try:
            values.append(float(line) / 1000)
        except ValueError:
            continue
    return values


class Contestant:
    name = ""
    batch = BATCH

    def __init__(self, place):
        self.place = place
        self.env = dict(os.environ)
        self.prefix = []  # a command that leads into a namespace, not measured

    def time(self, *args, count=None):
        count = count or self.batch
        quiet = ["sh", "-c", 'out=$(mktemp) && "$@" >"$out" 2>&1; code=$?; cat "$out"; rm "$out"; '
                 "exit $code", "sh"]
        text = call([*quiet, *self.prefix, self.place.floor, "time", str(count), *args], self.env)
        return durations(text)[-count:]

    def run(self, *args):
        return call([*self.prefix, *args], self.env)

    def clean(self):
        pass


class Floor(Contestant):
    name = "floor"

    def prepare(self):
        self.scratch = self.place.dir("floor-scratch")

    def call(self, *mode, count=BATCH):
        return durations(call([self.place.floor, *mode, str(count), self.place.rootfs,
                               self.scratch]))

    def run_none(self):
        return self.call("run", "none")

    def run_bridge(self):
        return self.call("run", "bridge")

    def exec_begin(self):
        pass

    def exec(self):
        return self.call("exec")

    def exec_end(self):
        pass

    def pull(self):
        """The slower of what must be done at the same time: download; inflate, hash and write."""
        os.sync()
        download = self.time("curl", "-s", "-o", "/dev/null", self.place.registry.blob, count=1)
        work = call([self.place.floor_pull, f"{self.place.registry.layer}.gz", self.scratch])
        return [max(download[0], durations(work)[0])]

    def pull_again(self):
        """One round trip, by a client that is running: what the registry takes to answer."""
        url = f"http://localhost:{images.PORT}/v2/{images.REPOSITORY}/manifests/latest"
        text = call(["curl", "-s", "-o", "/dev/null", "-w", "%{time_total}\n", url])
        return [float(text) * 1000]

    def start_many(self, count):
        """The same runs one after the other; that they also end costs a little more."""
        return [sum(self.call("run", "bridge", count=count))]

    def remove_all(self):
        pass

    def build_cold(self):
        return [sum(self.call("run", "bridge", count=10))]


class Engine(Contestant):
    """One with docker's command line."""
    monitor = None  # the name of the process that waits for each container
    tty = []

    def command(self, *args):
        return [self.program, *self.options, *args]

    def run_none(self):
        return self.time(*self.command("run", "--rm", "--network", "none", "busybox", "true"))

    def run_bridge(self):
        return self.time(*self.command("run", "--rm", "busybox", "true"))

    def exec_begin(self):
        self.run(*self.command("run", "-d", "--network", "none", "--name", "bench-exec", "busybox",
                               "sleep", "86400"))

    def exec(self):
        return self.time(*self.command("exec", "bench-exec", "true"))

    def exec_end(self):
        self.run(*self.command("rm", "-f", "bench-exec"))

    def start_many(self, count):
        self.many = [f"bench-{i}" for i in range(count)]
        total = 0.0
        for name in self.many:
            total += self.time(*self.command("run", "-d", "--name", name, "busybox", "sleep",
                                             "86400"), count=1)[0]
        return [total]

    def ps(self):
        return self.time(*self.command("ps", "-q"), count=10)

    def memory(self):
        sizes = [pss_kb(pid) for pid in processes(self.monitor)]
        if not sizes:
            raise Failed(f"no process {self.monitor}")
        return [sum(sizes) / len(sizes)]

    def remove_many(self):
        return self.time(*self.command("rm", "-f", *self.many), count=1)

    pull_options = []

    def pull(self):
        """Not the first of its rounds: what is removed first is not measured."""
        try:
            self.run(*self.command("rmi", "-f", images.reference()))
        except Failed:
            pass
        os.sync()
        return self.pull_again()

    def pull_again(self):
        return self.time(*self.command("pull", *self.pull_options, images.reference()), count=1)

    def build_cold(self):
        return self.time(*self.command("build", "--no-cache", "-t", "bench-ten",
                                       self.place.context), count=1)

    def build_cached(self):
        return self.time(*self.command("build", "-t", "bench-ten", self.place.context), count=1)

    def remove_all(self):
        try:
            names = self.run(*self.command("ps", "-aq")).split()
            if names:
                self.run(*self.command("rm", "-f", *names))
        except Failed as error:
            print(f"{self.name}: {error}", file=sys.stderr)

    def clean(self):
        self.remove_all()


class Vessel(Engine):
    name = "vessel"
    monitor = "vessel-monitor"

    def prepare(self):
        self.program = self.place.program("vessel")
        self.options = []
        self.env["VESSEL_ROOT"] = self.place.dir("vessel")
        self.env["VESSEL_RUN"] = self.place.dir("run", "vessel")
        self.run(*self.command("import", self.place.image_tar, "busybox"))
        self.run(*self.command("run", "--rm", "busybox", "true"))


class Podman(Engine):
    name = "podman"
    pull_options = ["--tls-verify=false"]
    monitor = "conmon"
    batch = 1

    def prepare(self):
        self.program = program("podman")
        self.prefix = self.place.without_v2_tree()
        self.options = ["--root", self.place.dir("podman"), "--runroot",
                        self.place.dir("run", "podman"), "--tmpdir",
                        self.place.dir("run", "podman-tmp"), "--cgroup-manager", "cgroupfs",
                        "--network-config-dir", self.place.dir("podman-networks"),
                        "--events-backend", "file"]
        config = os.path.join(self.place.path, "containers.conf")
        with open(config, "w", encoding="utf-8") as out:
            # Its default raises limits beyond what a root without CAP_SYS_RESOURCE may.
            out.write("[containers]\ndefault_ulimits = []\n[engine]\nruntime = \"crun\"\n")
        self.env["CONTAINERS_CONF"] = config
        self.run(*self.command("import", self.place.image_tar, "busybox"))
        self.run(*self.command("run", "--rm", "--network", "none", "busybox", "true"))

    def remove_many(self):
        return self.time(*self.command("rm", "-f", "-t", "0", *self.many), count=1)

    def exec_end(self):
        self.run(*self.command("rm", "-f", "-t", "0", "bench-exec"))


class Docker(Engine):
    name = "docker"
    monitor = "containerd-shim-runc-v2"
    batch = 1

    def prepare(self):
        self.program = program("docker")
        program("dockerd")
        self.daemon = None
        socket_path = os.path.join(self.place.run, "docker.sock")
        self.options = ["-H", f"unix://{socket_path}"]
        self.start(socket_path)
        self.env["DOCKER_CONFIG"] = self.place.dir("docker-config")
        self.run(*self.command("import", self.place.image_tar, "busybox"))
        self.run(*self.command("run", "--rm", "--network", "none", "busybox", "true"))

    def start(self, socket_path):
        log = open(os.path.join(self.place.path, "dockerd.log"), "wb")  # noqa: SIM115
        self.daemon = subprocess.Popen(
            ["dockerd", "-H", f"unix://{socket_path}", "--data-root", self.place.dir("docker"),
             "--exec-root", self.place.dir("run", "docker"), "--pidfile",
             os.path.join(self.place.run, "docker.pid")],
            env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                call([self.program, *self.options, "version"], self.env)
                return
            except Failed as error:
                reason = error
            if self.daemon.poll() is not None:
                break
            time.sleep(0.2)
        self.stop()
        raise Failed(f"its daemon does not start here: {reason}")

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(30)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()

    def clean(self):
        super().clean()
        self.stop()


class Runtime(Contestant):
    """An OCI runtime alone: a bundle on a plain folder, no image, no overlay, no network set up."""
    batch = 2

    def prepare(self):
        self.program = self.find()
        self.bundle = self.place.dir(f"bundle-{self.name}")
        self.options = ["--root", self.place.dir("run", self.name)]
        # The same bundle for all of them.
        call([self.place.program("vessel-runtime"), "spec", "--bundle", self.bundle])
        self.configure(["true"])
        self.run_none()

    def find(self):
        return program(self.name)

    def configure(self, args):
        path = os.path.join(self.bundle, "config.json")
        with open(path, encoding="utf-8") as config:
            spec = json.load(config)
        spec["process"].update({"args": args, "terminal": False, "rlimits": []})
        spec["ociVersion"] = "1.0.2"  # crun 1.8 knows no later one
        spec["process"]["env"] = ["PATH=/bin"]
        spec["root"] = {"path": self.place.rootfs, "readonly": False}
        with open(path, "w", encoding="utf-8") as config:
            json.dump(spec, config)

    def run_none(self):
        return self.time(self.program, *self.options, "run", "--bundle", self.bundle, "bench-run")

    def exec_begin(self):
        self.configure(["sleep", "86400"])
        self.run("sh", "-c", '"$@" >/dev/null 2>&1 </dev/null', "sh", self.program, *self.options,
                 "run", "--detach", "--bundle", self.bundle, "bench-exec")

    def exec(self):
        return self.time(self.program, *self.options, "exec", "bench-exec", "true")

    def exec_end(self):
        self.run(self.program, *self.options, "delete", "--force", "bench-exec")


class VesselRuntime(Runtime):
    name = "vessel-runtime"
    batch = BATCH

    def find(self):
        return self.place.program(self.name)


class Crun(Runtime):
    name = "crun"

    def prepare(self):
        self.prefix = self.place.without_v2_tree()
        super().prepare()


class Runc(Runtime):
    name = "runc"


class Bwrap(Contestant):
    """Namespaces and mounts alone: no cgroup, no overlay."""
    name = "bwrap"
    batch = 2

    def prepare(self):
        self.program = program("bwrap")
        self.run_none()

    def run_none(self):
        return self.time(self.program, "--unshare-all", "--bind", self.place.rootfs, "/", "--proc",
                         "/proc", "--dev", "/dev", "true")


PEERS = {kind.name: kind for kind in (Docker, Podman, Crun, Runc, Bwrap)}


def program(name):
    path = shutil.which(name)
    if not path:
        raise Failed("not installed")
    return path


def processes(name):
    """Pids of programs of that name in our network namespace: those that this run started."""
    ours = os.readlink("/proc/self/ns/net")
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                first = cmdline.read().split(b"\0")[0].decode(errors="replace")
            if os.path.basename(first) == name and os.readlink(f"/proc/{pid}/ns/net") == ours:
                found.append(pid)
        except OSError:
            continue
    return found


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
        for line in rollup:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
