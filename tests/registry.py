#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For tests of pull: puts images into a registry, and stands before one and counts or spoils.

registry.py push PORT REPOSITORY TAG [--docker] [--arch A] [--type TYPE] LAYER[=PLAIN]...
	makes an image of these layers (FILE, FILE.gz, FILE.zst: the plain tar is beside it, or named)
registry.py index PORT REPOSITORY TAG ARCH[/VARIANT]=TAG...
registry.py proxy PORT UPSTREAM-PORT LOG CONTROL
	writes a line for each request (method, path, Range or -, status, bytes of body), and does what
	the file CONTROL says, read again for each:
	stall=N     blobs stop after N bytes of the answer, until the client has gone
	cut=N       so they do, but the connection is closed
	spoil=N     each blob's byte N is another one
	pages=N     lists of tags have N on a page
	status=N    everything is answered with this status
	type=T      manifests are sent as this type
"""
import argparse
import hashlib
import http.client
import http.server
import json
import os
import sys
import time

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    if answer.status // 100 != 2:
        sys.exit(f"{method} {path}: {answer.status} {data[:200]}")
    return answer, data


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put_blob(port, repository, data):
    answer, _ = ask(port, "POST", f"/v2/{repository}/blobs/uploads/")
    place = answer.getheader("Location")
    place = "/" + place.split("://", 1)[-1].split("/", 1)[-1] if "://" in place else place
    joint = "&" if "?" in place else "?"
    ask(port, "PUT", f"{place}{joint}digest={digest_of(data)}", data,
        {"Content-Type": "application/octet-stream"})
    return {"digest": digest_of(data), "size": len(data)}


def layer_type(path, docker):
    kind = "gzip" if path.endswith(".gz") else "zstd" if path.endswith(".zst") else ""
    if docker:
        return DOCKER + "image.rootfs.diff.tar" + (f".{kind}" if kind else "")
    return OCI + "layer.v1.tar" + (f"+{kind}" if kind else "")


def put_manifest(port, repository, tag, manifest):
    data = json.dumps(manifest).encode()
    ask(port, "PUT", f"/v2/{repository}/manifests/{tag}", data,
        {"Content-Type": manifest["mediaType"]})
    print(digest_of(data))


def push(args):
    layers, diff_ids = [], []
    for word in args.layers:
        path, _, plain = word.partition("=")
        plain = plain or path.removesuffix(".gz").removesuffix(".zst")
        with open(path, "rb") as layer, open(plain, "rb") as tar:
            diff_ids.append(digest_of(tar.read()))
            layers.append({"mediaType": args.type or layer_type(path, args.docker),
                           **put_blob(args.port, args.repository, layer.read())})
    config = {"architecture": args.arch, "os": "linux", "config": {"Cmd": ["sh"]},
              "rootfs": {"type": "layers", "diff_ids": diff_ids}, "comment": args.tag}
    described = put_blob(args.port, args.repository, json.dumps(config).encode())
    put_manifest(args.port, args.repository, args.tag, {
        "schemaVersion": 2,
        "mediaType": DOCKER + "distribution.manifest.v2+json" if args.docker
        else OCI + "manifest.v1+json",
        "config": {"mediaType": DOCKER + "container.image.v1+json" if args.docker
                   else OCI + "config.v1+json", **described},
        "layers": layers,
    })


def index(args):
    entries = []
    for word in args.entries:
        platform, _, tag = word.partition("=")
        architecture, _, variant = platform.partition("/")
        answer, data = ask(args.port, "GET", f"/v2/{args.repository}/manifests/{tag}", None,
                           {"Accept": OCI + "manifest.v1+json"})
        described = {"os": "linux", "architecture": architecture}
        if variant:
            described["variant"] = variant
        entries.append({"mediaType": answer.getheader("Content-Type"), "digest": digest_of(data),
                        "size": len(data), "platform": described})
    put_manifest(args.port, args.repository, args.tag, {
        "schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": entries})


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def control(self):
        try:
            with open(self.server.control, encoding="utf-8") as control:
                return dict(line.strip().split("=", 1) for line in control if "=" in line)
        except FileNotFoundError:
            return {}

    def note(self, status, count):
        with open(self.server.log, "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('Range', '-')} "
                      f"{status} {count}\n")

    def send(self, status, headers, data):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.note(status, len(data))

    def page(self, control, data):
        """A part of the list of tags, and where the next one is."""
        tags, count = json.loads(data), int(control["pages"])
        last = self.path.partition("last=")[2]
        names = sorted(tags["tags"])
        names = [name for name in names if name > last]
        more = []
        if len(names) > count:
            names = names[:count]
            path = self.path.partition("?")[0]
            more = [("Link", f'<{path}?n={count}&last={names[-1]}>; rel="next"')]
        self.send(200, [("Content-Type", "application/json"), *more],
                  json.dumps({"name": tags["name"], "tags": names}).encode())

    def blob(self, answer, control):
        self.send_response(answer.status)
        for name in ("Content-Length", "Content-Range", "Content-Type"):
            if answer.getheader(name):
                self.send_header(name, answer.getheader(name))
        self.end_headers()
        sent, limit = 0, int(control.get("stall", control.get("cut", 1 << 62)))
        spoil = int(control.get("spoil", -1))
        try:
            while sent < limit and (data := answer.read(min(65536, limit - sent))):
                if sent <= spoil < sent + len(data):
                    data = bytearray(data)
                    data[spoil - sent] ^= 1
                self.wfile.write(data)
                sent += len(data)
            while sent == limit and "stall" in control and not self.gone():
                time.sleep(0.05)
        except OSError:
            pass
        self.note(answer.status, sent)
        self.close_connection = True

    def gone(self):
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1) == b""
        except BlockingIOError:
            return False
        finally:
            self.connection.setblocking(True)

    def do_GET(self):
        control = self.control()
        if "status" in control:
            self.send(int(control["status"]), [], b"{}")
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        path = self.path.partition("?")[0] if "pages" in control else self.path
        headers = {name: self.headers[name] for name in ("Accept", "Range") if self.headers[name]}
        upstream.request(self.command, path, None, headers)
        answer = upstream.getresponse()
        if "/blobs/" in path and answer.status in (200, 206):
            self.blob(answer, control)
            return
        data = answer.read()
        if "/tags/list" in path and "pages" in control:
            self.page(control, data)
            return
        kind = control.get("type", answer.getheader("Content-Type"))
        self.send(answer.status, [("Content-Type", kind)] if kind else [], data)


def proxy(args):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), Proxy)
    server.daemon_threads = True
    server.upstream, server.log, server.control = args.upstream, args.log, args.control
    server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("push")
    verb.add_argument("port", type=int)
    verb.add_argument("repository")
    verb.add_argument("tag")
    verb.add_argument("--docker", action="store_true")
    verb.add_argument("--arch", default="amd64" if os.uname().machine == "x86_64" else "arm64")
    verb.add_argument("--type")
    verb.add_argument("layers", nargs="+")
    verb.set_defaults(run=push)
    verb = verbs.add_parser("index")
    verb.add_argument("port", type=int)
    verb.add_argument("repository")
    verb.add_argument("tag")
    verb.add_argument("entries", nargs="+")
    verb.set_defaults(run=index)
    verb = verbs.add_parser("proxy")
    verb.add_argument("port", type=int)
    verb.add_argument("upstream", type=int)
    verb.add_argument("log")
    verb.add_argument("control")
    verb.set_defaults(run=proxy)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
