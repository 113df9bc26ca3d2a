#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry to the letter of the OCI distribution specification 1.1, for what others do not do:
it knows exactly how much of a broken upload it has, looks at Content-Range, and can be told to fail.

  small-registry.py PORT LOG [--cut BYTES]... [--fail 'METHOD REGEX CODE [TIMES]']...
      [--uploads-at URL] [--token]

LOG gets a line for each request: method, path, status, Content-Range, whether it was authorised.
--cut: the next upload's body is broken off after so many bytes (once for each --cut).
--uploads-at: sessions are handed out at another origin (another of these, given the same --store).
--token: everything wants a token, which anyone gets at /token.
"""
import argparse
import hashlib
import http.server
import json
import os
import re
import threading
import uuid

LOCK = threading.Lock()


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    # ---- the store: files, so that a second one can share it ----

    def file(self, kind, name):
        return os.path.join(ARGS.store, kind, name.replace("/", "%").replace(":", "-"))

    def read(self, kind, name):
        try:
            with open(self.file(kind, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, kind, name, data, mode="wb"):
        os.makedirs(os.path.join(ARGS.store, kind), exist_ok=True)
        with open(self.file(kind, name), mode) as file:
            file.write(data)

    # ---- answers ----

    def answer(self, status, body=b"", **headers):
        with LOCK, open(ARGS.log, "a", encoding="ascii") as log:
            log.write(
                f"{self.command} {self.path} {status} range={self.headers.get('Content-Range', '-')} "
                f"authorized={'yes' if 'Authorization' in self.headers else 'no'}\n"
            )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def problem(self, status, code):
        body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]})
        self.answer(status, body.encode(), Content_Type="application/json")

    def told_to_fail(self):
        for rule in ARGS.fail:
            if rule[3] > 0 and rule[0] == self.command and re.search(rule[1], self.path):
                rule[3] -= 1
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.problem(rule[2], "DENIED" if rule[2] in (401, 403) else "UNKNOWN")
                return True
        return False

    def not_welcome(self):
        if not ARGS.token or self.headers.get("Authorization") == "Bearer good-token":
            return False
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        challenge = f'Bearer realm="http://127.0.0.1:{ARGS.port}/token",service="small"'
        self.answer(401, WWW_Authenticate=challenge)
        return True

    # ---- uploads ----

    def take_body(self, session):
        """What arrived counts, also when the line is cut: returns whether it was."""
        left = int(self.headers.get("Content-Length") or 0)
        cut = ARGS.cut.pop(0) if left and ARGS.cut else None
        part = self.rfile.read(left if cut is None else min(cut, left))
        self.write("uploads", session, part, "ab")
        if cut is not None:
            self.close_connection = True
            self.connection.close()
        return cut is not None

    def session_headers(self, name, session):
        length = len(self.read("uploads", session))
        return {
            "Location": f"{ARGS.uploads_at}/v2/{name}/blobs/uploads/{session}?part={length}",
            "Range": f"0-{max(length - 1, 0)}",
        }

    def upload(self, name, session):
        have = self.read("uploads", session)
        if have is None:
            return self.problem(404, "BLOB_UPLOAD_UNKNOWN")
        if self.command == "GET":
            return self.answer(204, **self.session_headers(name, session))
        given = self.headers.get("Content-Range")
        if given and int(given.split("-")[0]) != len(have):
            return self.problem(416, "RANGE_INVALID")
        if self.take_body(session):
            return None
        if self.command == "PATCH":
            return self.answer(202, **self.session_headers(name, session))
        digest = re.search(r"digest=(sha256:[0-9a-f]{64})", self.path).group(1)
        whole = self.read("uploads", session)
        os.unlink(self.file("uploads", session))
        if "sha256:" + hashlib.sha256(whole).hexdigest() != digest:
            return self.problem(400, "DIGEST_INVALID")
        self.write("blobs", name + "@" + digest, whole)
        return self.answer(201, Location=f"/v2/{name}/blobs/{digest}")

    def begin_upload(self, name):
        mount = re.search(r"mount=(sha256:[0-9a-f]{64})&from=([^&]+)", self.path)
        blob = mount and self.read("blobs", mount.group(2) + "@" + mount.group(1))
        if blob:
            self.write("blobs", name + "@" + mount.group(1), blob)
            return self.answer(201, Location=f"/v2/{name}/blobs/{mount.group(1)}")
        session = uuid.uuid4().hex
        self.write("uploads", session, b"")
        return self.answer(202, **self.session_headers(name, session))

    # ---- what is asked ----

    def blob(self, name, digest):
        data = self.read("blobs", name + "@" + digest)
        if data is None:
            return self.problem(404, "BLOB_UNKNOWN")
        return self.answer(200, data, Docker_Content_Digest=digest)

    def manifest(self, name, reference):
        if self.command == "PUT":
            data = self.rfile.read(int(self.headers["Content-Length"]))
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            stored = self.headers["Content-Type"].encode() + b"\n" + data
            self.write("manifests", name + "@" + reference, stored)
            self.write("manifests", name + "@" + digest, stored)
            return self.answer(201, Docker_Content_Digest=digest)
        stored = self.read("manifests", name + "@" + reference)
        if stored is None:
            return self.problem(404, "MANIFEST_UNKNOWN")
        kind, data = stored.split(b"\n", 1)
        return self.answer(200, data, Content_Type=kind.decode())

    def serve(self):
        path = self.path.split("?")[0]
        if path == "/token":
            return self.answer(200, b'{"token": "good-token"}')
        if self.told_to_fail() or self.not_welcome():
            return None
        for pattern, handler in (
            (r"^/v2/(.+)/blobs/uploads/$", self.begin_upload),
            (r"^/v2/(.+)/blobs/uploads/([0-9a-f]+)$", self.upload),
            (r"^/v2/(.+)/blobs/(sha256:[0-9a-f]{64})$", self.blob),
            (r"^/v2/(.+)/manifests/([^/]+)$", self.manifest),
        ):
            match = re.search(pattern, path)
            if match:
                return handler(*match.groups())
        return self.answer(200 if path == "/v2/" else 404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = serve


def rule(text):
    words = text.split()
    return [words[0], words[1], int(words[2]), int(words[3]) if len(words) > 3 else 1 << 30]


parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("log")
parser.add_argument("--store", required=True)
parser.add_argument("--cut", type=int, action="append", default=[])
parser.add_argument("--fail", type=rule, action="append", default=[])
parser.add_argument("--uploads-at", default="")
parser.add_argument("--token", action="store_true")
ARGS = parser.parse_args()
http.server.ThreadingHTTPServer(("127.0.0.1", ARGS.port), Registry).serve_forever()
