# SPDX-License-Identifier: Apache-2.0
"""Where the benchmark works: namespaces, a scratch folder, an image, and what must be cleaned."""
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tarfile

import images

INSIDE = "VESSEL_BENCH_INSIDE"
# What the contestants leave in each hierarchy.
OWN_CGROUP = re.compile(r"floor-[0-9]+|bench-.*|vessel|docker|libpod_parent")
APPLETS = ["sh", "true", "sleep", "echo", "cat", "ls"]
DOCKERFILE = "FROM busybox\n" + "".join(f"RUN echo {i} >/f{i}\n" for i in range(10))


def enter_own_namespaces():
    """Starts this program again where its bridges, firewall rules and mounts are its own."""
    if os.environ.get(INSIDE):
        loopback_up()
        return
    if os.geteuid() != 0:
        sys.exit("bench: needs root: it makes containers with every engine")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--net", "--propagation", "private",
                          sys.executable, *sys.argv])


def loopback_up():
    siocsifflags, iff_up = 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, siocsifflags, struct.pack("16sh", b"lo", iff_up) + bytes(22))


def cgroup_roots():
    roots = []
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] in ("cgroup", "cgroup2"):
                roots.append(fields[1])
    return roots


def cgroup_dirs():
    """The directories right below each hierarchy's root."""
    return {entry.path for root in cgroup_roots() for entry in os.scandir(root) if entry.is_dir()}


class Place:
    def __init__(self, path, build, top):
        self.path, self.build, self.top = path, build, top
        self.run = self.dir("run")
        self.rootfs = self.dir("rootfs")
        self.context = self.dir("context")
        self.image_tar = os.path.join(path, "image.tar")
        self.floor = os.path.join(path, "floor")
        self.floor_pull = os.path.join(path, "floor_pull")
        self.registry = images.Registry(self)
        self.old_cgroups = cgroup_dirs()
        self.holder = None  # of the mount namespace without the v2 tree

    def dir(self, *names):
        path = os.path.join(self.path, *names)
        os.makedirs(path, exist_ok=True)
        return path

    def program(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            sys.exit(f"bench: {path} is not built: meson setup build && ninja -C build")
        return path

    def prepare(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "run", self.run], check=True)
        self.make_rootfs()
        with open(os.path.join(self.context, "Dockerfile"), "w", encoding="utf-8") as out:
            out.write(DOCKERFILE)
        sources = [os.path.join(self.top, "benchmarks", name) for name in ("floor.c", "floor_net.c")]
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2",
                        "-o", self.floor, *sources], check=True)
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2",
                        "-o", self.floor_pull, os.path.join(self.top, "benchmarks", "floor_pull.c"),
                        "-lz", "-lcrypto"], check=True)

    def make_rootfs(self):
        busybox = shutil.which("busybox")
        if not busybox:
            sys.exit("bench: needs busybox (a static one: the package busybox-static)")
        for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "root"):
            os.makedirs(os.path.join(self.rootfs, name), exist_ok=True)
        shutil.copy(busybox, os.path.join(self.rootfs, "bin/busybox"))
        for applet in APPLETS:
            os.symlink("busybox", os.path.join(self.rootfs, "bin", applet))
        with tarfile.open(self.image_tar, "w") as tar:
            tar.add(self.rootfs, arcname=".")

    def without_v2_tree(self):
        """A command prefix: crun refuses hybrid hosts, so it gets a view without the v2 tree."""
        trees = [root for root in cgroup_roots() if root.endswith("/unified")]
        if not trees:
            return []
        if not self.holder:
            unmount = "; ".join(f"umount {tree}" for tree in trees)
            self.holder = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                 f"{unmount}; echo ready; exec sleep 86400"], stdout=subprocess.PIPE)
            self.holder.stdout.readline()
        return ["nsenter", "--mount", f"--target={self.holder.pid}", "--"]

    def clean(self):
        self.registry.stop()
        if self.holder:
            self.holder.kill()
            self.holder.wait()
        for path in sorted(cgroup_dirs() - self.old_cgroups):
            if OWN_CGROUP.fullmatch(os.path.basename(path)):
                remove_cgroup(path)
        unmount_below(self.path)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_cgroup(path):
    """The parent that an engine left: when it is empty, for others may be using the same one."""
    try:
        os.rmdir(path)
    except OSError as error:
        print(f"bench: {path}: {error.strerror}", file=sys.stderr)


def unmount_below(path):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        points = [line.split()[1] for line in mounts]
    for point in sorted(points, reverse=True):
        if point.startswith(path + "/"):
            subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)
