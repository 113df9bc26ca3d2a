#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives of images that lie, for `load`.

Usage: load.py CANARY DIRECTORY      writes bad-*.tar, which must be refused, and good-*.tar
       load.py --tag NAME > file     a good one, of that name

CANARY is a tree of the host: its files must be neither read nor written.
"""
import gzip
import hashlib
import importlib.util
import json
import os
import sys

sys.dont_write_bytecode = True
_SPEC = importlib.util.spec_from_file_location("archive", os.path.join(os.path.dirname(os.path.abspath(__file__)), "archive.py"))
archive = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(archive)
entry, symlink, hard_link, tar = archive.entry, archive.symlink, archive.hard_link, archive.tar

LAYERS = [tar(entry("a", "first\n")), tar(entry("b", "second\n"))]
MIB = 1 << 20


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def config_of(layers):
    return {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["true"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(layer) for layer in layers]}}


def dumps(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def docker(table=None, config=None, files=None, extra=b"", tags=("hostile:load",)):
    """A docker-archive; each part may be another than it should be."""
    config = dumps(config_of(LAYERS) if config is None else config)
    name = sha256(config) + ".json"
    if table is None:
        table = [{"Config": name, "RepoTags": list(tags), "Layers": ["0/layer.tar", "1/layer.tar"]}]
    files = files or {"0/layer.tar": entry("0/layer.tar", LAYERS[0]), "1/layer.tar": entry("1/layer.tar", LAYERS[1])}
    return b"".join(files.values()) + entry(name, config) + entry("manifest.json", dumps(table)) + extra + archive.END


def with_layers(*layers):
    name = sha256(dumps(config_of(LAYERS))) + ".json"
    return [{"Config": name, "RepoTags": ["hostile:load"], "Layers": list(layers)}]


def with_config(name):
    return [{"Config": name, "RepoTags": ["hostile:load"], "Layers": ["0/layer.tar", "1/layer.tar"]}]


def layout(index=None, blobs=None, marker=b'{"imageLayoutVersion":"1.0.0"}'):
    """An OCI layout."""
    config = dumps(config_of(LAYERS))
    kind = "application/vnd.oci.image."

    def descriptor(type_, data):
        return {"mediaType": kind + type_, "digest": "sha256:" + sha256(data), "size": len(data)}
    manifest = dumps({"schemaVersion": 2, "mediaType": kind + "manifest.v1+json", "config": descriptor("config.v1+json", config),
                      "layers": [descriptor("layer.v1.tar", layer) for layer in LAYERS]})
    top = {"schemaVersion": 2, "mediaType": kind + "index.v1+json", "manifests": [
        dict(descriptor("manifest.v1+json", manifest), annotations={"org.opencontainers.image.ref.name": "hostile:layout"})]}
    top = index(top) if index else top
    contents = {sha256(data): data for data in (*LAYERS, config, manifest)}
    contents.update(blobs(contents) if blobs else {})
    return b"".join(entry("blobs/sha256/" + name, data) for name, data in contents.items()) \
        + entry("index.json", dumps(top)) + entry("oci-layout", marker) + archive.END


def first(obj, **members):
    obj["manifests"][0].update(members)
    return obj


def cases(canary):
    up = "../" * 12 + canary.lstrip("/")
    good = {"0/layer.tar": entry("0/layer.tar", LAYERS[0])}
    config = config_of(LAYERS)
    flipped = dumps(config).replace(b"amd64", b"amd65")
    twice = dict(config, rootfs=dict(config["rootfs"], diff_ids=config["rootfs"]["diff_ids"] * 2))
    return {
        "good-docker": docker(), "good-layout": layout(),
        "bad-layer-climbs": docker(with_layers("0/layer.tar", up + "/secret")),
        "bad-layer-absolute": docker(with_layers(canary + "/secret", "1/layer.tar")),
        "bad-layer-passwd": docker(with_layers("../../../etc/passwd", "/etc/shadow")),
        "bad-layer-link": docker(files=dict(good, link=symlink("1/layer.tar", canary + "/secret"))),
        "bad-layer-link-up": docker(files=dict(good, link=symlink("1/layer.tar", up + "/secret"))),
        "bad-layer-hard-link": docker(files=dict(good, link=hard_link("1/layer.tar", canary + "/secret"))),
        "bad-layer-fifo": docker(files=dict(good, link=entry("1/layer.tar", kind="6"))),
        "bad-layer-device": docker(files=dict(good, link=entry("1/layer.tar", kind="3", major=1, minor=5))),
        "bad-layer-missing": docker(files=good),
        "bad-layers-swapped": docker(with_layers("1/layer.tar", "0/layer.tar")),
        "bad-layers-few": docker(with_layers("0/layer.tar")),
        "bad-layers-many": docker(with_layers("0/layer.tar", "1/layer.tar", "1/layer.tar")),
        "bad-layers-null": docker(with_layers(None, None)),
        "bad-layer-flipped": docker(files=dict(good, other=entry("1/layer.tar", LAYERS[1].replace(b"second", b"tampered")))),
        "bad-config-climbs": docker(with_config(up + "/secret")),
        "bad-config-absolute": docker(with_config(canary + "/secret")),
        "bad-config-link": docker(with_config("c.json"), extra=symlink("c.json", canary + "/secret")),
        "bad-config-missing": docker(with_config("none.json")),
        "bad-config-of-another-name": docker(with_config("f" * 64 + ".json"), extra=entry("f" * 64 + ".json", flipped)),
        "bad-diff-ids-many": docker(config=twice),
        "bad-diff-id-path": docker(config=dict(config, rootfs={"type": "layers", "diff_ids": ["sha256:" + "../" * 21 + "x"] * 2})),
        "bad-table-6-mib": docker(dumps(with_layers("0/layer.tar", "1/layer.tar")) + b" " * (6 * MIB)),
        "bad-table-200-mib": gzip.compress(docker(b"[" + b" " * (200 * MIB) + b"]"), 1),
        "bad-config-200-mib": gzip.compress(docker(config=b"{" + b" " * (200 * MIB) + b"}"), 1),
        "bad-table-duplicate-key": docker(dumps(with_layers("0/layer.tar", "1/layer.tar")).replace(
            b'"Layers"', b'"Layers": ["x"], "Layers"')),
        "bad-table-object": docker({}), "bad-table-null": docker(b"null"), "bad-table-empty": docker([]),
        "bad-table-deep": docker(b"[" * 100000 + b"]" * 100000),
        "bad-tag-climbs": docker(tags=["../../x:latest"]), "bad-tag-upper": docker(tags=["UPPER:x"]),
        "bad-tag-escape": docker(tags=["a\x1b]0;owned\x07:x"]),
        "bad-entry-climbs": docker(extra=entry(up + "/new", "evil")),
        "bad-nothing": archive.END, "bad-no-table": entry("0/layer.tar", LAYERS[0]) + archive.END,
        "bad-layout-digest-climbs": layout(lambda top: first(top, digest="sha256:" + "../" * 21 + "x")),
        "bad-layout-digest-short": layout(lambda top: first(top, digest="sha256:abc")),
        "bad-layout-missing": layout(lambda top: first(top, digest="sha256:" + "0" * 64)),
        "bad-layout-size": layout(lambda top: first(top, size=5)),
        "bad-layout-size-negative": layout(lambda top: first(top, size=-1)),
        "bad-layout-blob-flipped": layout(blobs=lambda all_: {sha256(LAYERS[1]): LAYERS[1].replace(b"second", b"tamper")}),
        "bad-layout-config-flipped": layout(blobs=lambda all_: {sha256(dumps(config)): flipped}),
        "bad-layout-both-keys": layout(lambda top: dict(top, layers=[], config=top["manifests"][0])),
        "bad-layout-urls": layout(lambda top: first(top, digest="sha256:" + "1" * 64, urls=["http://203.0.113.7/x"])),
    }


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--tag":
        sys.stdout.buffer.write(docker(tags=[sys.argv[2]]))
        return
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    os.makedirs(sys.argv[2], exist_ok=True)
    for name, data in cases(sys.argv[1]).items():
        with open(os.path.join(sys.argv[2], name + ".tar"), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
