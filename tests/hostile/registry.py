#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that misbehaves as it is told, and writes down all that it was asked.

Usage: registry.py --directory DIR [--archives DIR] [--layer FILE]     serves until it is killed; SIGHUP: begins anew
       registry.py --list [PREFIX]                                      prints the names of the cases

DIR gets the certificates (ca.pem is what to trust), "ready" (with its pid) once it listens, and "log": one JSON object per line, for each
connection {"event": "connect", "port": ...}, for each request {"event": "request", "port", "case", "kind", "method", "path",
"headers", "active"}, and after each answer {"event": "sent", "case", "kind", "bytes"}.

The repository's name is the case. A case is a dictionary:
  layers     a list of functions that return a blob (default: one small layer, compressed with gzip)
  config     a function that gets the configuration (a dictionary) and returns it, or bytes
  manifest   the same for the manifest
  index      the same for an index above it, with this platform as its first entry; True: as it should be
  auth       a challenge for WWW-Authenticate; {own} is this registry
  on         {kind: [behaviour, ...]}: what the n-th request of that kind gets; the last is for all that follow
A kind is one of index, manifest, config, layer, token, or other (a path that is no registry's). A behaviour is a dictionary:
  status, type, headers (a list of pairs), body      instead of what is right
  cut        the part of the body after which the connection is reset; fin: after which it ends
  length     what is added to Content-Length (which stays that of the body)
  extra      bytes behind the body          flip     one byte of it is another
  rate       bytes in a second              wait     seconds before the answer; silent: there is none, ever
  endless    chunks without an end          encoded  gzip, and it says so
  range      "ignore", "lie" (a wrong Content-Range), "416", "short" (a part of what was asked for)
  big        bytes of headers               location where to
Texts in headers know {own}, {other} (another port), {elsewhere} (another address), {clear} and {tls} (this one without and with
TLS), {path}, {case}, {digest}.
"""
import base64
import gzip
import hashlib
import importlib.util
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings
from urllib.parse import parse_qs, urlsplit

sys.dont_write_bytecode = True
_SPEC = importlib.util.spec_from_file_location("archive", os.path.join(os.path.dirname(os.path.abspath(__file__)), "archive.py"))
archive = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(archive)

PLAIN, TLS, OTHER, OTHER_TLS = 5000, 5443, 6000, 6443
SELF_SIGNED, EXPIRED, WRONG_NAME, OLD_TLS, CLEAR = 5444, 5445, 5446, 5447, 5448
ELSEWHERE = "203.0.113.7"
METADATA = "169.254.169.254"
SECRET_TOKEN = "token-of-the-test-0123456789abcdef"
USER, PASSWORD = "alice", "password-of-the-test-0123456789"

OCI = "application/vnd.oci.image."
INDEX, MANIFEST, CONFIG = OCI + "index.v1+json", OCI + "manifest.v1+json", OCI + "config.v1+json"
LAYER = OCI + "layer.v1.tar"
ZERO_DIGEST = "sha256:" + "0" * 64
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)

CASES = {}
ARCHIVES = None
BASE_LAYER = None
ENDLESS_MAX = 256 << 20  # so that who reads all does not fill a disk


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dumps(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


# ---- images ----


def small_layer(name, size=200000):
    """Of bytes that do not compress, so that there is a middle to break off in."""
    noise, state = [], name.encode()
    while len(noise) * 32 < size:
        state = hashlib.sha256(state).digest()
        noise.append(state)
    return gzip.compress(archive.tar(archive.entry("name", name), archive.entry("noise", b"".join(noise))), 1, mtime=0)


def decompressed(blob):
    program = "gzip" if blob[:2] == b"\x1f\x8b" else "zstd" if blob[:4] == b"\x28\xb5\x2f\xfd" else None
    if program is None:
        return blob
    return subprocess.run([program, "-dcq"], input=blob, stdout=subprocess.PIPE, check=True).stdout


def layer_type(blob):
    if blob[:4] == b"\x28\xb5\x2f\xfd":
        return LAYER + "+zstd"
    return LAYER if not archive.is_compressed(blob) else LAYER + "+gzip"


class Image:
    def __init__(self, name, case):
        self.blobs = {}
        self.layers = [make() for make in case.get("layers", [lambda: small_layer(name)])]
        diff_ids = [sha256(case.get("content") or decompressed(blob)) if case.get("sound", True) else ZERO_DIGEST
                    for blob in self.layers]
        config = {"architecture": ARCHITECTURE, "os": "linux", "config": {"Cmd": ["true"]},
                  "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        config = dumps(case["config"](config) if "config" in case else config)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config),
                    "layers": [descriptor(layer_type(blob), blob) for blob in self.layers]}
        self.manifest = dumps(case["manifest"](manifest) if "manifest" in case else manifest)
        self.manifest_digest = sha256(self.manifest)
        self.index = None
        if "index" in case:
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [dict(
                descriptor(MANIFEST, self.manifest), platform={"os": "linux", "architecture": ARCHITECTURE})]}
            self.index = dumps(case["index"](index) if callable(case["index"]) else index)
        self.blobs[sha256(config)] = ("config", config)
        for blob in self.layers:
            self.blobs[sha256(blob)] = ("layer", blob)

    def document(self, reference):
        """kind, bytes, type"""
        if self.index is not None and reference != self.manifest_digest:
            return "index", self.index, INDEX
        return "manifest", self.manifest, MANIFEST


def descriptor(kind, data):
    return {"mediaType": kind, "digest": sha256(data), "size": len(data)}


# ---- the table ----


def on(**steps):
    """A behaviour, or a list of them, for each kind."""
    return {"on": {kind: value if isinstance(value, list) else [value] for kind, value in steps.items()}}


def put(path, value):
    """A function that sets obj[path...] = value."""
    def change(document):
        target = document
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value
        return document
    return change


def text(replace, by):
    """A function that changes the text of a document."""
    return lambda document: dumps(document).replace(replace, by)


CASES["good"] = {}
CASES["good-index"] = {"index": True}
CASES["two"] = {"layers": [lambda: small_layer("two-a"), lambda: small_layer("two-b")]}
CASES["many"] = dict({"layers": [lambda n=n: small_layer(f"many-{n}", 1000) for n in range(12)]}, **on(layer={"wait": 0.1}))

# C3: what is there is not what was said
CASES["flip-layer"] = on(layer={"flip": True})
CASES["flip-config"] = on(config={"flip": True})
CASES["swap-layers"] = dict(CASES["two"], manifest=lambda m: dict(m, layers=m["layers"][::-1]))
CASES["diff-ids-short"] = dict(CASES["two"], config=lambda c: dict(c, rootfs=dict(c["rootfs"], diff_ids=c["rootfs"]["diff_ids"][:1])))
CASES["diff-ids-long"] = {"config": lambda c: dict(c, rootfs=dict(c["rootfs"], diff_ids=c["rootfs"]["diff_ids"] * 2))}
CASES["diff-ids-wrong"] = {"config": put(["rootfs", "diff_ids"], [ZERO_DIGEST])}
CASES["layer-missing"] = {"manifest": lambda m: dict(m, layers=[dict(m["layers"][0], digest=ZERO_DIGEST)])}
CASES["config-missing"] = {"manifest": lambda m: dict(m, config=dict(m["config"], digest=ZERO_DIGEST))}

# D1: digests
ODD_DIGESTS = {
    "climbs": "sha256:../../../../../../../../etc/passwd", "climbs-64": "sha256:" + "../" * 21 + "x",
    "upper": "sha256:" + "A" * 64, "63": "sha256:" + "a" * 63, "65": "sha256:" + "a" * 65, "md5": "md5:" + "a" * 32,
    "mib": "sha256:" + "a" * (1 << 20), "empty": "", "colon": "sha256:", "percent": "sha256:" + "a" * 64 + "%2f..",
    "question": "sha256:" + "a" * 58 + "?x=1&y", "newline": "sha256:" + "a" * 64 + "\r\nX-Evil: 1", "slash": "/etc/passwd",
    "nul": "sha256:" + "a" * 64 + "\0", "bare": "a" * 64,
}
for _name, _digest in ODD_DIGESTS.items():
    CASES[f"digest/layer/{_name}"] = {"manifest": put(["layers", 0, "digest"], _digest)}
    CASES[f"digest/config/{_name}"] = {"manifest": put(["config", "digest"], _digest)}
    CASES[f"digest/diff-id/{_name}"] = {"config": put(["rootfs", "diff_ids"], [_digest])}
    CASES[f"digest/index/{_name}"] = {"index": put(["manifests", 0, "digest"], _digest)}
    if "\n" not in _digest and "\0" not in _digest and len(_digest) < 60000:
        CASES[f"digest/header/{_name}"] = on(manifest={"headers": [("Docker-Content-Digest", _digest)]})

# D2: one document, two meanings
CASES["type/both-keys-manifest"] = {"manifest": lambda m: dict(m, manifests=[])}
CASES["type/both-keys-index"] = {"index": lambda i: dict(i, layers=[], config=descriptor(CONFIG, b"{}"))}
CASES["type/both-keys-no-type"] = {"manifest": lambda m: {k: v for k, v in dict(m, manifests=[]).items() if k != "mediaType"}}
CASES["type/index-as-manifest"] = dict({"index": True}, **on(index={"type": MANIFEST}))
CASES["type/manifest-as-index"] = on(manifest={"type": INDEX})
CASES["type/media-type-lies"] = {"manifest": put(["mediaType"], INDEX)}
CASES["type/descriptor-lies"] = {"index": put(["manifests", 0, "mediaType"], OCI + "other.v1+json")}
CASES["type/index-in-index"] = {"index": put(["manifests", 0, "mediaType"], INDEX)}
CASES["type/octets"] = on(manifest={"type": "application/octet-stream"})
CASES["type/html"] = on(manifest={"type": "text/html"})
CASES["type/none"] = on(manifest={"type": None})
CASES["type/schema-1"] = {"manifest": lambda m: {"schemaVersion": 1, "fsLayers": [], "history": []}}
CASES["type/helm"] = {"manifest": put(["config", "mediaType"], "application/vnd.cncf.helm.config.v1+json")}
CASES["type/layer-other"] = {"manifest": put(["layers", 0, "mediaType"], "application/x-executable")}
CASES["type/platform-none"] = {"index": put(["manifests", 0, "platform", "architecture"], "s390x")}
CASES["type-flips"] = {"manifest": lambda m: dict(m, manifests=[]), "on": {"manifest": [{}, {"type": INDEX}]}}

# D3: JSON that readers disagree on
DEEP = b"[" * 100000 + b"]" * 100000
JSON_MANIFEST = {
    "duplicate-layers": text(b'"layers":', b'"layers": [], "layers":'),
    "duplicate-escaped": text(b'"layers":', b'"\\u006cayers": [], "layers":'),
    "duplicate-deep": text(b'"size":', b'"size": 1, "size":'),
    "duplicate-unused": text(b'{"schemaVersion"', b'{"x": {"y": 1, "y": 2}, "schemaVersion"'),
    "nul-key": text(b'{"schemaVersion"', b'{"layers\\u0000x": [], "schemaVersion"'),
    "case-variant": text(b'"layers"', b'"Layers"'),
    "deep": text(b'{"schemaVersion"', b'{"x": ' + DEEP + b', "schemaVersion"'),
    "size-negative": text(b'"size": ', b'"size": -'),
    "size-exponent": put(["layers", 0, "size"], 1e300),
    "size-float": put(["layers", 0, "size"], 10.5),
    "size-text": put(["layers", 0, "size"], "10"),
    "size-2-63": put(["layers", 0, "size"], 2 ** 63),
    "size-2-64": put(["layers", 0, "size"], 2 ** 64 + 5),
    "size-2-62": put(["layers", 0, "size"], 2 ** 62),
    "size-1e999": text(b'"size": ', b'"size": 1e999, "was": '),
    "bom": lambda m: b"\xef\xbb\xbf" + dumps(m),
    "utf-16": lambda m: dumps(m).decode().encode("utf-16"),
    "surrogate": text(b'"schemaVersion"', b'"x": "\\ud800", "schemaVersion"'),
    "not-utf-8": text(b'"schemaVersion"', b'"x": "\xff\xfe", "schemaVersion"'),
    "behind": lambda m: dumps(m) + b"{}",
    "nul-behind": lambda m: dumps(m) + b"\0",
    "comment": lambda m: b"/* */" + dumps(m),
    "comma": lambda m: dumps(m)[:-1] + b",}",
    "quotes": lambda m: dumps(m).replace(b'"', b"'"),
    "nan": put(["x"], float("nan")),
    "array": lambda m: b"[" + dumps(m) + b"]",
    "empty": lambda m: b"",
    "null": lambda m: b"null",
    "number": lambda m: b"1",
    "cut": lambda m: dumps(m)[:-1],
    "control": text(b'"schemaVersion"', b'"x": "\x01", "schemaVersion"'),
}
for _name, _change in JSON_MANIFEST.items():
    CASES[f"json/manifest/{_name}"] = {"manifest": _change}
JSON_CONFIG = {
    "duplicate": text(b'"rootfs":', b'"rootfs": {"type": "layers", "diff_ids": []}, "rootfs":'),
    "duplicate-command": text(b'"Cmd":', b'"Cmd": ["sh"], "Cmd":'),
    "deep": text(b'{"architecture"', b'{"x": ' + DEEP + b', "architecture"'),
    "nul-key": text(b'"rootfs":', b'"rootfs\\u0000": {}, "rootfs":'),
    "bom": lambda c: b"\xef\xbb\xbf" + dumps(c),
    "behind": lambda c: dumps(c) + b"{}",
}
for _name, _change in JSON_CONFIG.items():
    CASES[f"json/config/{_name}"] = {"config": _change}
# The same bytes otherwise written: they are good.
CASES["json/good/spaces"] = {"manifest": lambda m: json.dumps(m, indent=7).encode() + b"\n \t\r\n"}
CASES["json/good/unknown"] = {"manifest": put(["unknown"], {"layers": [1], "a": {"layers": "x:y\":"}})}
CASES["json/good/escapes"] = {"manifest": text(b'"layers"', b'"\\u006cayers"')}
CASES["json/good/depth"] = {"manifest": put(["x"], json.loads("[" * 40 + "]" * 40))}
CASES["json/good/colons"] = {"manifest": put(["x"], {"a:b": "\\\":\"", "": ":"})}

# D4: without an end
for _kind in ("index", "manifest", "config", "layer", "token"):
    CASES[f"endless/{_kind}"] = dict({"index": True} if _kind == "index" else {}, **on(**{_kind: {"endless": True}}))
CASES["endless/token"]["auth"] = 'Bearer realm="{own}/token",service="test"'
CASES["endless/error"] = on(manifest={"endless": True, "status": 404})
CASES["endless/error-blob"] = on(layer={"endless": True, "status": 403})
CASES["endless/redirect"] = on(layer=[{"endless": True, "status": 307, "location": "/v2/{case}/blobs/{digest}"}, {}])
CASES["large/manifest"] = {"manifest": put(["x"], "x" * (4 << 20))}
CASES["large/fits"] = {"manifest": put(["x"], "x" * ((4 << 20) - 2000))}
CASES["large/config"] = {"config": put(["x"], "x" * (4 << 20))}
CASES["large/entries"] = {"index": lambda i: dict(i, manifests=i["manifests"] * 1025)}
CASES["large/layers"] = {"manifest": lambda m: dict(m, layers=m["layers"] * 2000)}

# D5: descriptors that name other places
CASES["urls/layer"] = {"manifest": lambda m: dict(m, layers=[dict(m["layers"][0], urls=[f"http://{ELSEWHERE}:{OTHER}/urls"])])}
CASES["urls/config"] = {"manifest": lambda m: dict(m, config=dict(m["config"], urls=[f"http://{ELSEWHERE}:{OTHER}/urls"]))}
CASES["urls/index"] = {"index": lambda i: dict(i, manifests=[dict(i["manifests"][0], urls=[f"http://{ELSEWHERE}:{OTHER}/urls"])])}
CASES["urls/gone"] = dict(CASES["urls/layer"], **on(layer={"status": 404}))
CASES["urls/foreign"] = {"manifest": lambda m: dict(m, layers=[dict(
    m["layers"][0], mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=[f"http://{ELSEWHERE}:{OTHER}/urls"])])}
CASES["urls/data"] = {"manifest": lambda m: dict(m, config=dict(m["config"], data="e30="))}

# D6: who is to give tokens
REALMS = {
    "clear": f"http://{ELSEWHERE}:{OTHER}/token", "metadata": f"https://{METADATA}/token", "metadata-clear": f"http://{METADATA}/token",
    "loopback": f"https://127.0.0.1:{OTHER_TLS}/token", "localhost": f"https://localhost:{OTHER_TLS}/token",
    "address": f"https://{ELSEWHERE}:{OTHER_TLS}/token", "number": "https://2852039166/token", "file": "file:///etc/passwd",
    "user": f"https://registry@{ELSEWHERE}:{OTHER_TLS}/token", "long": "https://" + "a" * 10240 + "/", "nothing": "",
    "ftp": f"ftp://{ELSEWHERE}/token", "relative": "/token", "crlf": "https://auth.invalid/\\r\\nX: y", "self-clear": "{clear}/token",
}
for _name, _realm in REALMS.items():
    CASES[f"realm/{_name}"] = {"auth": f'Bearer realm="{_realm}",service="test"'}
CASES["realm/good"] = {"auth": 'Bearer realm="{own}/token",service="test",scope="repository:other/secret:pull,push"'}
CASES["realm/basic"] = {"auth": 'Basic realm="test"'}
CASES["realm/refused"] = dict({"auth": 'Bearer realm="{own}/token",service="test"'}, **on(token={"body": b'{"token":"wrong"}'}))
CASES["realm/redirects"] = dict({"auth": 'Bearer realm="{own}/token",service="test"'},
                                **on(token={"status": 307, "location": "{other}/token"}))
CASES["realm/expires"] = dict({"auth": 'Bearer realm="{own}/token",service="test"'}, **on(layer=[{"status": 401}, {}]))
for _name, _body in {"empty": b"{}", "number": b'{"token":1}', "crlf": b'{"token":"a\\r\\nX-Evil: 1"}', "page": b"<html>",
                     "duplicate": b'{"token":"a","token":"b"}', "megabyte": b'{"token":"' + b"a" * (1 << 20) + b'"}',
                     "long": b'{"token":"' + b"a" * 70000 + b'"}', "space": b'{"token":"a b"}', "array": b"[]",
                     "null": b'{"token":null}'}.items():
    CASES[f"token/{_name}"] = dict({"auth": 'Bearer realm="{own}/token",service="test"'}, **on(token={"body": _body}))

# D7: redirects
for _status in (301, 302, 303, 307, 308):
    for _kind in ("manifest", "layer", "config"):
        CASES[f"redirect/{_kind}/{_status}"] = dict(
            {"auth": 'Bearer realm="{own}/token",service="test"'},
            **on(**{_kind: {"status": _status, "location": "{other}/right/{case}/{digest}"}}))
CASES["redirect/elsewhere"] = dict(CASES["realm/good"], **on(layer={"status": 307, "location": "{elsewhere}/right/{case}/{digest}"}))
CASES["redirect/relative"] = dict(CASES["realm/good"], **on(layer=[{"status": 307, "location": "/v2/{case}/blobs/{digest}"}, {}]))
CASES["redirect/back"] = dict(CASES["realm/good"], **on(layer=[{"status": 307, "location": "{other}/back/{case}/{digest}"}, {}]))
CASES["redirect/clear"] = dict(CASES["realm/good"], **on(layer={"status": 307, "location": "{clear}/right/{case}/{digest}"}))
CASES["redirect/clear-manifest"] = dict(CASES["realm/good"], **on(manifest={"status": 307, "location": "{clear}/right/{case}/{digest}"}))
REDIRECTS = {
    "loop": "{path}", "user": "http://user:pass@{authority}/right/{case}/{digest}", "file": "file:///etc/passwd",
    "ftp": "ftp://{authority}/x", "gopher": "gopher://{authority}/x", "crlf": "{own}/x%0d%0aX-Evil:%201",
    "backslash": "http:\\\\{authority}\\x", "no-host": "http:///x", "long": "{own}/" + "x" * 20000, "metadata": f"https://{METADATA}/x",
}
for _name, _location in REDIRECTS.items():
    CASES[f"redirect/bad/{_name}"] = on(layer={"status": 302, "location": _location})
CASES["redirect/bad/none"] = on(layer={"status": 302})
CASES["redirect/five"] = on(layer=[{"status": 307, "location": "{path}"}] * 5 + [{}])
CASES["redirect/six"] = on(layer=[{"status": 307, "location": "{path}"}] * 6 + [{}])

# D9: configurations that are none
def _without(key):
    return lambda c: {k: v for k, v in c.items() if k != key}


MALFORMED = {
    "null": lambda c: b"null", "empty": lambda c: b"", "array": lambda c: b"[]", "object": lambda c: b"{}", "text": lambda c: b'"x"',
    "no-rootfs": _without("rootfs"), "rootfs-null": put(["rootfs"], None), "rootfs-array": put(["rootfs"], []),
    "diff-ids-null": put(["rootfs", "diff_ids"], None), "diff-ids-text": put(["rootfs", "diff_ids"], "x"),
    "diff-ids-numbers": put(["rootfs", "diff_ids"], [1]), "diff-id-null": put(["rootfs", "diff_ids"], [None]),
    "rootfs-type": put(["rootfs", "type"], "base"), "history-text": put(["history"], "x"), "history-null-entry": put(["history"], [None]),
    "env-text": put(["config", "Env"], "A=1"), "env-numbers": put(["config", "Env"], [1]), "env-nul": put(["config", "Env"], ["A=\0"]),
    "cmd-text": put(["config", "Cmd"], "sh"), "labels-array": put(["config", "Labels"], []), "volumes-array": put(["config", "Volumes"], []),
    "ports-text": put(["config", "ExposedPorts"], "80"), "user-number": put(["config", "User"], 0), "config-text": put(["config"], "x"),
    "os-number": put(["os"], 1), "os-windows": put(["os"], "windows"), "created-number": put(["created"], 1),
    "env-many": put(["config", "Env"], ["A=1"] * 100000),
}
for _name, _change in MALFORMED.items():
    CASES[f"config/bad/{_name}"] = {"config": _change}
TOLERATED = {
    "config-null": put(["config"], None), "history-null": put(["history"], None), "history-short": put(["history"], []),
    "history-empty-layers": put(["history"], [{"empty_layer": True}] * 9), "created-odd": put(["created"], "yesterday"),
    "env-null": put(["config", "Env"], None), "cmd-empty": put(["config", "Cmd"], []),
}
for _name, _change in TOLERATED.items():
    CASES[f"config/odd/{_name}"] = {"config": _change}
for _name, _change in {"layers-null": put(["layers"], None), "layers-object": put(["layers"], {}), "layers-text": put(["layers"], "x"),
                       "layer-null": put(["layers"], [None]), "layer-number": put(["layers"], [1]), "config-null": put(["config"], None),
                       "config-array": put(["config"], []), "config-empty": put(["config"], {}), "version-text": put(["schemaVersion"], "2"),
                       "type-number": put(["mediaType"], 2), "type-long": put(["mediaType"], "x" * 300),
                       "layer-no-digest": put(["layers"], [{"mediaType": LAYER, "size": 1}]),
                       "layer-type-null": put(["layers", 0, "mediaType"], None)}.items():
    CASES[f"manifest/bad/{_name}"] = {"manifest": _change}

# D10 and the contract: the connection
for _percent in (0, 10, 50, 99):
    CASES[f"break/reset-{_percent}"] = on(layer=[{"cut": _percent / 100}, {}])
    CASES[f"break/end-{_percent}"] = on(layer=[{"fin": _percent / 100}, {}])
CASES["break/manifest"] = on(manifest=[{"cut": 0.5}, {}])
CASES["break/config"] = on(config=[{"cut": 0.5}, {}])
CASES["break/five-times"] = on(layer=[{"cut": 0.2}] * 5 + [{}])
CASES["break/always"] = on(layer={"cut": 0.01})
CASES["stays"] = on(layer=[{"cut": 0.5}, {"status": 403}, {}])
CASES["spoiled"] = on(layer=[{"cut": 0.5}, {"status": 403}, {}])
CASES["length/more"] = on(layer={"length": 1})
CASES["length/less"] = on(layer={"length": -1})
CASES["length/extra"] = on(layer={"extra": b"x", "length": 1})
CASES["length/extra-chunked"] = on(layer={"extra": b"x" * 5000000, "length": None})
CASES["length/manifest-less"] = on(manifest={"length": -1})
CASES["length/empty"] = on(layer={"body": b""})
CASES["range/ignored"] = on(layer=[{"cut": 0.5}, {"range": "ignore"}])
CASES["range/lies"] = on(layer=[{"cut": 0.5}, {"range": "lie"}, {"range": "ignore"}])
CASES["range/416"] = on(layer=[{"cut": 0.5}, {"range": "416"}, {}])
CASES["range/short"] = on(layer=[{"cut": 0.5}, {"range": "short"}, {"range": "ignore"}])
CASES["range/other-bytes"] = on(layer=[{"cut": 0.5}, {"flip": True}, {}])
CASES["range/not-asked"] = on(layer=[{"status": 206, "headers": [("Content-Range", "bytes 5-10/11")]}, {}])
CASES["wrong-once"] = on(layer=[{"flip": True}, {}])
CASES["wrong-always"] = on(layer={"flip": True})
CASES["encoded/manifest"] = on(manifest={"encoded": True})
CASES["encoded/bomb"] = on(manifest={"encoded": True, "body": b" " * (64 << 20)})
CASES["encoded/layer"] = on(layer={"encoded": True})
CASES["headers/1-mib"] = on(manifest={"big": 1 << 20})
CASES["headers/1-mib-lines"] = on(manifest={"headers": [(f"X-{n}", "x" * 1000) for n in range(1000)]})
CASES["headers/odd"] = on(manifest={"raw": b"HTTP/1.1 200 OK\r\n\0\0\0: \xff\r\n\r\n"})
CASES["answer/none"] = on(manifest={"raw": b""})
CASES["answer/junk"] = on(manifest={"raw": b"220 mail.example ESMTP\r\n" * 100})
CASES["answer/http-9"] = on(manifest={"raw": b"HTTP/9.9 999 Odd\r\n\r\n"})
for _kind, _way in (("layer", {"rate": 1}), ("manifest", {"rate": 1}), ("config", {"silent": True}), ("index", {"silent": True})):
    # What would be asked a second time is refused: that it is asked shows that the first was given up.
    CASES[f"slow/{_kind}"] = dict({"index": True} if _kind == "index" else {}, **on(**{_kind: [_way, {"status": 403}]}))
CASES["slow/stops"] = on(layer=[{"cut": 0.5, "silent": True}, {}])
for _name, _value in {"0": "0", "1": "1", "past": "Wed, 21 Oct 2015 07:28:00 GMT", "none": None, "junk": "soon"}.items():
    CASES[f"busy/{_name}"] = on(manifest=[{"status": 429, "headers": [("Retry-After", _value)] if _value else []}, {}])
CASES["busy/5"] = on(layer=[{"status": 429, "headers": [("Retry-After", "5")]}, {}])
CASES["busy/1e9"] = on(manifest=[{"status": 429, "headers": [("Retry-After", "1000000000")]}, {}])
CASES["busy/always"] = on(manifest={"status": 429, "headers": [("Retry-After", "120")],
                                    "body": b'{"errors":[{"code":"TOOMANYREQUESTS","message":"\\u001b[31m' + b"m" * 5000 + b'"}]}'})
for _status in (500, 502, 503, 504):
    CASES[f"ill/{_status}"] = on(manifest=[{"status": _status}, {}])
CASES["ill/three"] = on(layer=[{"status": 500}] * 3 + [{}])
CASES["ill/always"] = on(manifest={"status": 503})
for _status in (400, 402, 403, 404, 405, 410, 418, 501, 505):
    CASES[f"refuses/{_status}"] = on(manifest={"status": _status, "body": b'{"errors":[{"code":"E","message":"words of the registry"}]}'})
    CASES[f"refuses-blob/{_status}"] = on(layer={"status": _status})
CASES["refuses/204"] = on(manifest={"status": 204, "body": b""})
CASES["refuses/200-empty"] = on(manifest={"body": b""})
CASES["refuses/1-mib"] = on(manifest={"status": 403, "body": b"\x1b]0;owned\x07" + b"w" * (1 << 20)})

# C1, served: the archives, alone and above a base that can run
for _name, (_row, _expectation, _) in archive.CASES.items():
    def _layer(name=_name):
        with open(os.path.join(ARCHIVES, name + ".tar"), "rb") as file:
            return file.read()
    CASES[f"archive/{_name}"] = {"layers": [_layer], "sound": not _expectation.startswith("refuse"),
                                 "content": archive.CONTENTS.get(_name)}


def base_layer():
    with open(BASE_LAYER, "rb") as file:
        return file.read()


for _name in archive.CASES:
    if _name.startswith("above-") and _name.endswith("-1"):
        CASES[f"above/{_name[:-2]}"] = {"layers": [base_layer, CASES[f"archive/{_name}"]["layers"][0],
                                                  CASES[f"archive/{_name[:-2]}-2"]["layers"][0]]}
    CASES[f"base/{_name}"] = {"layers": [base_layer, CASES[f"archive/{_name}"]["layers"][0]]}


# ---- serving ----


class Log:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def clear(self):
        with self.lock:
            self.file.truncate(0)

    def write(self, **what):
        with self.lock:
            self.file.write(json.dumps(what) + "\n")
            self.file.flush()


class Server:
    def __init__(self, folder):
        self.log = Log(os.path.join(folder, "log"))
        self.images, self.counts, self.active = {}, {}, 0
        self.lock = threading.Lock()

    def forget(self):
        """What was asked until now, and how often."""
        with self.lock:
            self.counts.clear()
        self.log.clear()

    def image(self, name):
        with self.lock:
            if name not in self.images:
                self.images[name] = Image(name, CASES[name])
            return self.images[name]

    def behaviour(self, name, kind):
        steps = CASES[name].get("on", {}).get(kind)
        if not steps:
            return {}
        with self.lock:
            n = self.counts[name, kind] = self.counts.get((name, kind), -1) + 1
        return steps[min(n, len(steps) - 1)]


class Connection:
    def __init__(self, server, sock, port, tls):
        self.server, self.sock, self.port, self.tls = server, sock, port, tls
        self.method = self.path = self.host = ""
        self.headers = {}

    def read_request(self):
        data = b""
        while b"\r\n\r\n" not in data and len(data) < 1 << 20:
            part = self.sock.recv(65536)
            if not part or (not data and part[0] == 0x16):  # TLS, where there is none
                return False
            data += part
        lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        self.method, self.path = (lines[0].split(" ") + ["", ""])[:2]
        self.headers = {}
        for line in lines[1:]:
            key, _, value = line.partition(":")
            self.headers[key.strip().lower()] = value.strip()
        self.host = self.headers.get("host", "").rsplit(":", 1)[0]
        return True

    def fill(self, text_, name, digest):
        own = f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"
        other = f"https://{self.host}:{OTHER_TLS}" if self.tls else f"http://{self.host}:{OTHER}"
        elsewhere = f"https://{ELSEWHERE}:{OTHER_TLS}" if self.tls else f"http://{ELSEWHERE}:{OTHER}"
        for key, value in (("own", own), ("other", other), ("elsewhere", elsewhere), ("clear", f"http://{self.host}:{PLAIN}"),
                           ("tls", f"https://{self.host}:{TLS}"), ("path", self.path), ("case", name), ("digest", digest),
                           ("authority", f"{self.host}:{self.port}")):
            text_ = text_.replace("{" + key + "}", value)
        return text_

    # What was asked: kind, case, digest or reference, body, type.
    def find(self):
        url = urlsplit(self.path)
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(.*)", url.path)
        if url.path == "/token":
            scope = parse_qs(url.query).get("scope", [""])[0]
            name = scope.split(":")[1] if scope.count(":") >= 2 else ""
            return "token", name, "", b'{"token":"' + SECRET_TOKEN.encode() + b'"}', "application/json"
        away = re.fullmatch(r"/(right|back)/(.+)/([^/]+)", url.path)
        if away and away[2] in CASES:
            image = self.server.image(away[2])
            kind, body = image.blobs.get(away[3], (None, None))
            if body is None:
                _, body, _ = image.document(away[3])
                return "other", away[2], away[3], body, MANIFEST
            return "other", away[2], away[3], body, "application/octet-stream"
        if not match or match[1] not in CASES:
            return "other", "", "", None, None
        image = self.server.image(match[1])
        if match[2] == "manifests":
            kind, body, type_ = image.document(match[3])
            if match[3].startswith("sha256:") and match[3] != sha256(body):
                return kind, match[1], match[3], None, None
            return kind, match[1], match[3], body, type_
        kind, body = image.blobs.get(match[3], ("other", None))
        return kind, match[1], match[3], body, "application/octet-stream"

    def authorized(self, name):
        return CASES[name].get("auth") is None or self.headers.get("authorization") == "Bearer " + SECRET_TOKEN

    def serve(self):
        self.server.log.write(event="connect", port=self.port)
        if not self.read_request():
            return
        kind, name, digest, body, type_ = self.find()
        with self.server.lock:
            self.server.active += kind == "layer"
            active = self.server.active
        self.server.log.write(event="request", port=self.port, case=name, kind=kind, method=self.method, path=self.path[:2000],
                              headers=self.headers, active=active)
        try:
            self.answer(kind, name, digest, body, type_)
        finally:
            with self.server.lock:
                self.server.active -= kind == "layer"

    def answer(self, kind, name, digest, body, type_):
        is_registry = self.path.startswith("/v2/")
        upload = re.fullmatch(r"/v2/(upload/[a-z]+)/blobs/uploads/", urlsplit(self.path).path)
        if upload and self.method == "POST":
            return self.answer_upload(upload[1])
        if is_registry and name and not self.authorized(name):
            challenge = self.fill(CASES[name]["auth"], name, digest)
            return self.send(401, [("WWW-Authenticate", challenge)], b'{"errors":[{"code":"UNAUTHORIZED"}]}', {})
        if self.path.startswith("/back/"):
            own = f"{'https' if self.tls else 'http'}://{self.host}:{TLS if self.tls else PLAIN}"
            return self.send(307, [("Location", f"{own}/v2/{name}/blobs/{digest}")], b"", {})
        if urlsplit(self.path).path == "/v2/":
            return self.answer_login()
        if body is None:
            return self.send(404, [], b'{"errors":[{"code":"UNKNOWN"}]}', {})
        behaviour = self.server.behaviour(name, kind) if kind != "other" and name else {}
        sent = self.behave(behaviour, kind, name, digest, body, type_)
        self.server.log.write(event="sent", case=name, kind=kind, bytes=sent or 0)
        return None

    def answer_login(self):
        """What `login` asks: a name and a word are wanted, and any other are refused."""
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("authorization") == wanted:
            return self.send(200, [], b"{}", {})
        return self.send(401, [("WWW-Authenticate", 'Basic realm="test"')], b'{"errors":[{"code":"UNAUTHORIZED"}]}', {})

    # An upload begins, and is to be continued elsewhere.
    def answer_upload(self, name):
        away = "{elsewhere}" if name.endswith("elsewhere") else "{clear}"
        return self.send(202, [("Location", self.fill(away + "/v2/{case}/blobs/uploads/1?state=x", name, ""))], b"", {})

    def behave(self, behaviour, kind, name, digest, body, type_):
        headers, status = [], behaviour.get("status", 200)
        body = behaviour.get("body", b"" if "location" in behaviour else body)
        time.sleep(behaviour.get("wait", 0))
        if behaviour.get("silent") and "cut" not in behaviour:
            return self.hang()
        if "raw" in behaviour:
            self.sock.sendall(behaviour["raw"])
            return 0
        if behaviour.get("flip"):
            body = body[:len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1:]
        if behaviour.get("encoded"):
            body = gzip.compress(body, 1)
            headers.append(("Content-Encoding", "gzip"))
        headers += [(key, self.fill(value, name, digest)) for key, value in behaviour.get("headers", [])]
        if "location" in behaviour:
            headers.append(("Location", self.fill(behaviour["location"], name, digest)))
        if behaviour.get("big"):
            headers.append(("X-Big", "x" * behaviour["big"]))
        type_ = behaviour.get("type", type_)
        if type_:
            headers.append(("Content-Type", type_))
        if status == 401:
            headers.append(("WWW-Authenticate", self.fill(CASES[name]["auth"], name, digest)))
        if kind in ("index", "manifest") and status == 200 and not any(key == "Docker-Content-Digest" for key, _ in headers):
            headers.append(("Docker-Content-Digest", sha256(body)))
        if kind in ("layer", "config") and status == 200:
            headers.append(("ETag", f'"{digest}"'))
            status, body, more = self.part(behaviour, body)
            headers += more
        return self.send(status, headers, body, behaviour)

    def part(self, behaviour, body):
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        way = behaviour.get("range")
        if not match or way == "ignore":
            return 200, body, []
        start, end, size = int(match[1]), len(body) - 1, len(body)
        if way == "416" or start > end:
            return 416, b"", [("Content-Range", f"bytes */{size}")]
        if way == "lie":
            return 206, body[start // 2:], [("Content-Range", f"bytes {start // 2}-{end}/{size}")]
        if way == "short":
            end = start + (end - start) // 2
        return 206, body[start:end + 1], [("Content-Range", f"bytes {start}-{end}/{size}")]

    def hang(self):
        """Until the other side closes."""
        self.sock.settimeout(120)
        try:
            while self.sock.recv(4096):
                pass
        except OSError:
            pass
        return 0

    def send(self, status, headers, body, behaviour):
        lines = [f"HTTP/1.1 {status} Text"] + [f"{key}: {value}" for key, value in headers] + ["Connection: close"]
        chunked = behaviour.get("endless") or ("length" in behaviour and behaviour["length"] is None)
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append(f"Content-Length: {len(body) + (behaviour.get('length') or 0)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self.sock.sendall(head)
        if self.method == "HEAD":
            return 0
        body += behaviour.get("extra", b"")
        if behaviour.get("endless"):
            return self.send_endless()
        if chunked:
            body = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        if "cut" in behaviour or "fin" in behaviour:
            return self.send_cut(body, behaviour)
        if "rate" in behaviour:
            return self.send_slowly(body, behaviour["rate"])
        self.sock.sendall(body)
        return len(body)

    def send_cut(self, body, behaviour):
        part = body[:int(len(body) * behaviour.get("cut", behaviour.get("fin")))]
        self.sock.sendall(part)
        if behaviour.get("silent"):
            return self.hang()
        if "cut" in behaviour:
            time.sleep(0.05)  # what was sent shall have been read: a reset throws away what was not
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return len(part)

    def send_slowly(self, body, rate):
        for n in range(len(body)):
            self.sock.sendall(body[n:n + 1])
            time.sleep(1 / rate)
        return len(body)

    def send_endless(self):
        chunk, sent = b"10000\r\n" + b" " * 65536 + b"\r\n", 0
        try:
            while sent < ENDLESS_MAX:
                self.sock.sendall(chunk)
                sent += 65536
        except OSError:
            pass
        return sent


def handle(server, sock, port, context):
    try:
        sock.settimeout(60)
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        Connection(server, sock, port, context is not None).serve()
    except (OSError, ValueError):
        pass
    finally:
        sock.close()


def listen(server, port, context, address=""):
    listener = socket.create_server((address, port), backlog=64, reuse_port=False)

    def accept():
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=handle, args=(server, sock, port, context), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


# ---- certificates ----


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


NAMES = f"IP:127.0.0.1,IP:198.51.100.1,IP:{ELSEWHERE},IP:{METADATA},DNS:localhost"


def make_certificates(folder):
    def path(name):
        return os.path.join(folder, name)
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path("key.pem"))
    new = ["req", "-x509", "-new", "-key", path("key.pem"), "-subj"]
    openssl(*new, "/CN=test authority", "-days", "10", "-out", path("ca.pem"), "-addext", "keyUsage=critical,keyCertSign")
    signed = ["-CA", path("ca.pem"), "-CAkey", path("key.pem")]
    for name, names, dates in (("good", NAMES, ["-days", "10"]), ("wrong", "DNS:wrong.example", ["-days", "10"]),
                               ("expired", NAMES, ["-days", "-1"])):
        openssl("req", "-new", "-key", path("key.pem"), "-subj", f"/CN={name}", "-out", path(name + ".csr"))
        with open(path(name + ".ext"), "w", encoding="ascii") as file:
            file.write("subjectAltName=" + names + "\n")
        openssl("x509", "-req", "-in", path(name + ".csr"), *signed, "-CAcreateserial", *dates, "-extfile", path(name + ".ext"),
                "-out", path(name + ".pem"))
    openssl(*new, "/CN=self", "-days", "10", "-addext", "subjectAltName=" + NAMES, "-out", path("self.pem"))


def context(folder, certificate, old=False):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(os.path.join(folder, certificate + ".pem"), os.path.join(folder, "key.pem"))
    if old:
        warnings.simplefilter("ignore", DeprecationWarning)
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.maximum_version = ssl.TLSVersion.TLSv1_1
    return made


def serve(folder):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])  # before there are threads
    if not os.path.exists(os.path.join(folder, "self.pem")):
        make_certificates(folder)
    server, good = Server(folder), context(folder, "good")
    for port, tls in ((PLAIN, None), (TLS, good), (OTHER, None), (OTHER_TLS, good), (SELF_SIGNED, context(folder, "self")),
                      (EXPIRED, context(folder, "expired")), (WRONG_NAME, context(folder, "wrong")),
                      (OLD_TLS, context(folder, "good", old=True)), (CLEAR, None)):
        listen(server, port, tls)
    for port, tls in ((80, None), (443, good)):
        try:
            listen(server, port, tls, METADATA)
        except OSError:
            pass  # who wants to see requests to it gives it the address
    while True:
        with open(os.path.join(folder, "new"), "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        os.rename(os.path.join(folder, "new"), os.path.join(folder, "ready"))
        signal.sigwait([signal.SIGHUP])
        server.forget()


def main():
    global ARCHIVES, BASE_LAYER
    words = sys.argv[1:]
    if words[:1] == ["--list"]:
        prefix = words[1] if len(words) > 1 else ""
        print("\n".join(name for name in CASES if name.startswith(prefix)))
        return
    options = dict(zip(words[::2], words[1::2]))
    if "--directory" not in options or len(words) % 2:
        sys.exit(__doc__)
    ARCHIVES, BASE_LAYER = options.get("--archives"), options.get("--layer")
    serve(options["--directory"])


if __name__ == "__main__":
    main()
