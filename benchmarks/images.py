# SPDX-License-Identifier: Apache-2.0
"""An image of a real one's size, and a registry on loopback that has it."""
import gzip
import hashlib
import http.client
import io
import json
import os
import platform
import random
import shutil
import subprocess
import tarfile
import time

PORT = 5000
REPOSITORY = "bench/image"
FILES, BYTES = 9500, 230_000_000
NOISE = 24_000_000  # of these, that nothing compresses: so that it becomes about 90 MB
SOURCES = ["/usr/share", "/usr/include", "/usr/lib"]
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def reference(host="localhost"):
    return f"{host}:{PORT}/{REPOSITORY}"


def candidates():
    """This machine's own files, small ones and larger ones, in an order that is always the same."""
    small, large = [], []
    for source in SOURCES:
        for folder, _, names in os.walk(source):
            for name in names:
                path = os.path.join(folder, name)
                size = os.lstat(path).st_size
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                if size < 30_000:
                    small.append((path, size))
                elif 200_000 < size < 4_000_000:
                    large.append((path, size))
    chooser = random.Random(1)
    for paths in (small, large):
        paths.sort()
        chooser.shuffle(paths)
    return small, large


def choose():
    small, large = candidates()
    chosen = small[:FILES - 300]
    total = sum(size for _, size in chosen) + NOISE
    for path, size in large:
        if total + size > BYTES or len(chosen) >= FILES:
            break
        chosen.append((path, size))
        total += size
    return sorted(chosen)


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o644, 1600000000
    tar.addfile(info, io.BytesIO(data))


def add_folders(tar, name, seen):
    parts = name.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[:depth])
        if folder not in seen:
            seen.add(folder)
            info = tarfile.TarInfo(folder)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, 1600000000
            tar.addfile(info)


def make_layer(path):
    """A tar at path, and its gzip at path.gz."""
    seen = set()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for source, _ in choose():
            name = source.lstrip("/")
            add_folders(tar, name, seen)
            with open(source, "rb") as content:
                add(tar, name, content.read())
        add(tar, "noise", random.Random(2).randbytes(NOISE))
    with open(path, "rb") as tar, open(f"{path}.gz", "wb") as packed:
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as out:
            shutil.copyfileobj(tar, out, 1 << 20)


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """docker-registry with the one image, in this network namespace."""

    def __init__(self, place):
        self.place = place
        self.layer = os.path.join(place.dir("registry-work"), "layer.tar")
        self.server = None
        self.blob = None

    def start(self):
        program = shutil.which("docker-registry")
        if not program:
            raise RuntimeError("docker-registry is not installed")
        config = os.path.join(self.place.path, "registry.yml")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
                       "storage": {"filesystem": {"rootdirectory": self.place.dir("registry")}},
                       "http": {"addr": f"127.0.0.1:{PORT}"}}, out)
        self.server = subprocess.Popen([program, "serve", config], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()
        make_layer(self.layer)
        self.push()

    def wait(self):
        for _ in range(100):
            try:
                self.ask("GET", "/v2/")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("docker-registry does not start")

    def ask(self, method, path, body=None, kind=None):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]}")
        return answer

    def put(self, data):
        place = self.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/").getheader("Location")
        path = "/" + place.split("://", 1)[-1].split("/", 1)[-1]
        self.ask("PUT", f"{path}&digest={digest_of(data)}", data, "application/octet-stream")
        return {"digest": digest_of(data), "size": len(data)}

    def push(self):
        with open(self.layer, "rb") as tar:
            diff_id = digest_of(tar.read())
        with open(f"{self.layer}.gz", "rb") as packed:
            layer = self.put(packed.read())
        self.blob = f"http://localhost:{PORT}/v2/{REPOSITORY}/blobs/{layer['digest']}"
        config = self.put(json.dumps({
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux", "config": {"Cmd": ["true"]},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode())
        docker = "application/vnd.docker."
        kind = docker + "distribution.manifest.v2+json"
        self.ask("PUT", f"/v2/{REPOSITORY}/manifests/latest", json.dumps({
            "schemaVersion": 2, "mediaType": kind,
            "config": {"mediaType": docker + "container.image.v1+json", **config},
            "layers": [{"mediaType": docker + "image.rootfs.diff.tar.gzip", **layer}],
        }).encode(), kind)

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
