#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile tar archives, made of raw 512-byte headers: no library here corrects a name or a size.

Usage: archive.py [--canary PATH] CASE > file
       archive.py [--canary PATH] --all DIRECTORY [--load]
       archive.py --list             prints: CASE ROW EXPECTATION

--all writes for each case CASE.tar, and CASE.context.tar with a Dockerfile before it, which copies all; --load writes
CASE.load.tar as well, which is what `save` writes, with the case as its only layer.

ROW is that of the threat catalogue. EXPECTATION is what a layer's reader must do:
  refuse   an error, and nothing is left
  inside   unpacked, all of it inside of the image
  either   one of the two
A word behind a colon says where it is otherwise: ":plain" when what is no layer (ADD, a context) may take it, because
whiteouts mean nothing there; ":file" when ADD may take it for a file that is no archive at all.

PATH is a directory of the host in which nothing may change, and whose file "secret" may be read by nobody.
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys

BLOCK = 512
CANARY = "/var/tmp/canary"
CASES = {}


# ---- bytes ----


def number(value, width):
    """As ustar has it, and beyond its range in base 256."""
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    return bytes([0xFF if value < 0 else 0x80]) + value.to_bytes(width - 1, "big", signed=value < 0)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def header(name, kind="0", size=0, link="", checksum=None, magic=b"ustar\x0000", **fields):
    """One block. Fields that are bytes go in as they are, whatever their length."""
    def field(key, width, default):
        value = fields.get(key, default)
        text = value if isinstance(value, bytes) else number(value, width)
        return text.ljust(width, b"\0")[:width]

    prefix = as_bytes(fields.get("prefix", ""))
    size = size if isinstance(size, bytes) else number(size, 12)
    block = b"".join([
        as_bytes(name).ljust(100, b"\0")[:100],
        field("mode", 8, 0o755 if kind == "5" else 0o644), field("uid", 8, 0), field("gid", 8, 0),
        size.ljust(12, b"\0")[:12], field("mtime", 12, 1000000000), b" " * 8, as_bytes(kind)[:1],
        as_bytes(link).ljust(100, b"\0")[:100], magic, b"\0" * 64,
        field("major", 8, 0), field("minor", 8, 0), prefix.ljust(155, b"\0")[:155], b"\0" * 12])
    total = sum(block) if checksum is None else checksum
    return block[:148] + b"%06o\0 " % total + block[156:]


def padded(data):
    return data + b"\0" * (-len(data) % BLOCK)


def entry(name, data=b"", kind="0", **fields):
    data = as_bytes(data)
    fields.setdefault("size", len(data))
    return header(name, kind, **fields) + padded(data)


def directory(name, **fields):
    return entry(name, kind="5", **fields)


def symlink(name, target, **fields):
    return entry(name, kind="2", link=target, **fields)


def hard_link(name, target, **fields):
    return entry(name, kind="1", link=target, **fields)


def record(key, value):
    body = b" " + as_bytes(key) + b"=" + as_bytes(value) + b"\n"
    length = len(body) + len(str(len(body)))
    while len(str(length)) + len(body) != length:
        length += 1
    return b"%d" % length + body


def pax(*pairs, raw=None, kind="x"):
    body = raw if raw is not None else b"".join(record(key, value) for key, value in pairs)
    return entry("PaxHeaders/x", body, kind)


def gnu_name(name, kind="L"):
    return entry("././@LongLink", as_bytes(name) + b"\0", kind)


END = b"\0" * 2 * BLOCK


def tar(*entries):
    return b"".join(entries) + END


# ---- the table ----


def case(row, expectation):
    """The name is the function's; "a_b" is case "a-b"."""
    def add(function):
        CASES[function.__name__.replace("_", "-")] = (row, expectation, function)
        return function
    return add


def simple(name, row, expectation, *entries):
    """Entries may be functions of the canary's path."""
    def make():
        return tar(*(part() if callable(part) else part for part in entries))
    CASES[name] = (row, expectation, make)


EVIL = b"evil\n"
UP = "../" * 12


def up(path=""):
    """The canary, as it is reached by climbing from anywhere."""
    return UP + CANARY.lstrip("/") + path


# C1.1: names
simple("name-climbs", "C1.1", "refuse", lambda: entry(up("/new"), EVIL))
simple("name-absolute", "C1.1", "inside", lambda: entry(CANARY + "/new", EVIL))
simple("name-climbs-inside", "C1.1", "refuse", lambda: entry("a/" + up("/new"), EVIL))
simple("name-over-secret", "C1.1", "refuse", lambda: entry(up("/secret"), EVIL))
simple("name-dot", "C1.1", "refuse", entry(".", EVIL))
simple("name-dot-dot", "C1.1", "refuse", entry("..", EVIL))
simple("name-dot-dot-directory", "C1.1", "refuse", directory("../", mode=0o777))
simple("name-empty", "C1.1", "refuse", entry("", EVIL))
simple("name-dot-slash", "C1.1", "inside", directory("./"), entry("f", EVIL))
simple("name-slashes", "C1.1", "inside", entry("a//b///c", EVIL))
simple("name-0xff", "C1.1", "inside", entry(b"\xff\xfe\x01\x1b[31m", EVIL))
simple("name-256", "C1.1", "refuse", pax(("path", "n" * 256)), entry("short", EVIL))
simple("name-5000", "C1.1", "refuse", pax(("path", "/".join(["d" * 99] * 50))), entry("short", EVIL))
simple("name-deep", "C1.1", "refuse", pax(("path", "d/" * 2000 + "f")), entry("short", EVIL))
simple("name-512", "C1.1", "inside", pax(("path", "d/" * 511 + "f")), entry("short", EVIL))
simple("name-deep-by-links", "C1.1", "either", pax(("path", "d/" * 500)), directory("short"),
       pax(("linkpath", "d/" * 500)), symlink("l", "short"), pax(("path", "l/" + "e/" * 500 + "f")), entry("short", EVIL))
simple("name-nul", "C1.1", "refuse", lambda: pax(("path", b"ok\0" + as_bytes(up("/new")))), entry("short", EVIL))
simple("name-pax-climbs", "C1.1", "refuse", lambda: pax(("path", up("/new"))), entry("harmless", EVIL))
simple("name-pax-and-gnu", "C1.1", "refuse", pax(("path", "harmless")),
       lambda: gnu_name(up("/new")), entry("harmless", EVIL))
simple("name-pax-twice", "C1.1", "refuse", lambda: pax(("path", "harmless"), ("path", up("/new"))), entry("x", EVIL))
simple("name-gnu-climbs", "C1.1", "refuse", lambda: gnu_name(up("/new")), entry("harmless", EVIL))
simple("name-prefix-climbs", "C1.1", "refuse", lambda: entry("new", EVIL, prefix=up()))
simple("name-escape", "C1.1", "refuse", entry("../\x1b]0;owned\x07\r\x7f\xc2\x9bnew", EVIL))
simple("name-backslash", "C1.1", "inside", entry("..\\..\\new", EVIL))

# C1.2: a symlink, then a child of it
simple("link-absolute-child", "C1.2", "either", lambda: symlink("l", CANARY), entry("l/new", EVIL))
simple("link-relative-child", "C1.2", "either", lambda: symlink("l", up()), entry("l/new", EVIL))
simple("link-over-secret", "C1.2", "either", lambda: symlink("l", CANARY), entry("l/secret", EVIL))
simple("link-chain-child", "C1.2", "either", symlink("a", "b"), lambda: symlink("b", up()), entry("a/new", EVIL))
simple("link-deep-child", "C1.2", "either", directory("d"), directory("d/e"),
       lambda: symlink("d/e/l", up()), entry("d/e/l/sub/new", EVIL))
simple("link-to-dot", "C1.2", "either", symlink("l", "."), entry("l/l/l/new", EVIL))
simple("link-to-itself", "C1.2", "refuse", symlink("l", "l"), entry("l/new", EVIL))
simple("link-then-directory", "C1.2", "inside", lambda: symlink("l", CANARY), directory("l", mode=0o777), entry("l/new"))
simple("link-then-file", "C1.2", "inside", lambda: symlink("l", CANARY + "/secret"), entry("l", EVIL))
simple("link-then-chmod", "C1.2", "either", lambda: symlink("l", CANARY), directory("l/sub", mode=0o777, uid=1000))
simple("link-proc", "C1.2", "either", symlink("l", "/proc/self/root"), lambda: entry("l" + CANARY + "/new", EVIL))
simple("link-proc-fd", "C1.2", "either", *[symlink(f"l{n}", f"/proc/self/fd/{n}") for n in range(3, 9)],
       *[entry(f"l{n}/new", EVIL) for n in range(3, 9)])
simple("link-many", "C1.2", "refuse", *[symlink(f"l{n}", f"l{n + 1}") for n in range(50)],
       lambda: symlink("l50", CANARY), entry("l0/new", EVIL))
simple("link-long-target", "C1.2", "refuse", pax(("linkpath", "x" * 5000)), symlink("l", "short"))
simple("link-special", "C1.2", "either", lambda: symlink("l", CANARY), entry("l/null", kind="3", major=1, minor=3),
       entry("l/fifo2", kind="6"))

# C1.3: hard links
simple("hard-absolute", "C1.3", "refuse", lambda: hard_link("h", CANARY + "/secret"))
simple("hard-absolute-write", "C1.3", "refuse", lambda: hard_link("h", CANARY + "/secret"), entry("h", EVIL))
simple("hard-climbs", "C1.3", "refuse", lambda: hard_link("h", up("/secret")))
simple("hard-through-link", "C1.3", "refuse", lambda: symlink("l", CANARY), hard_link("h", "l/secret"))
simple("hard-through-relative", "C1.3", "refuse", lambda: symlink("l", up()), hard_link("h", "l/secret"))
simple("hard-to-link", "C1.3", "either", lambda: symlink("l", CANARY + "/secret"), hard_link("h", "l"),
       entry("h", EVIL))
simple("hard-to-device", "C1.3", "either", entry("c", kind="3", major=1, minor=3), hard_link("h", "c"))
simple("hard-to-later", "C1.3", "refuse", hard_link("h", "f"), entry("f", EVIL))
simple("hard-to-itself", "C1.3", "either", entry("f", EVIL), hard_link("f", "f"))
simple("hard-to-lower", "C1.3", "either", hard_link("h", "bin/busybox"))
simple("hard-to-directory", "C1.3", "refuse", directory("d"), hard_link("h", "d"))
simple("hard-pax-target", "C1.3", "refuse", lambda: pax(("linkpath", up("/secret"))), hard_link("h", "harmless"))
simple("hard-proc", "C1.3", "refuse", lambda: hard_link("h", "/proc/self/root" + CANARY + "/secret"))

# C1.4: another type under the same name
simple("flip-directory-link", "C1.4", "either", directory("d"), entry("d/a"), lambda: symlink("d", CANARY),
       entry("d/b", EVIL))
simple("flip-directory-link-mode", "C1.4", "either", directory("d", mode=0o777, uid=7), lambda: symlink("d", CANARY))
simple("flip-all", "C1.4", "inside", entry("n", EVIL), directory("n"), entry("n", kind="6"), entry("n", EVIL),
       symlink("n", "x"), entry("n", kind="6"), entry("n", EVIL))
simple("flip-parent", "C1.4", "either", directory("p"), directory("p/q"), entry("p/q/f"), lambda: symlink("p", up()),
       entry("p/q/g", EVIL), entry("p/secret", EVIL))
simple("flip-file-parent", "C1.4", "refuse", entry("p", EVIL), entry("p/f", EVIL))

# C1.5: something else in the root's place
for _name, _path in (("dot", "."), ("dot-slash", "./"), ("slash", "/")):
    simple(f"root-link-{_name}", "C1.5", "refuse", lambda p=_path: symlink(p, CANARY), entry("new", EVIL))
    simple(f"root-file-{_name}", "C1.5", "refuse", entry(_path, EVIL, kind="0"))
    simple(f"root-fifo-{_name}", "C1.5", "refuse", entry(_path, kind="6"))
simple("root-hard-link", "C1.5", "refuse", lambda: hard_link(".", CANARY))
simple("root-whiteout", "C1.5", "refuse:plain", entry(".wh.."))

# C1.6: across layers; each with its "-2" above it
simple("above-link-1", "C1.6", "inside", lambda: symlink("d", CANARY))
simple("above-link-2", "C1.6", "either", entry("d/new", EVIL), entry("d/secret", EVIL))
simple("above-whiteout-1", "C1.6", "inside", lambda: symlink("d", CANARY))
simple("above-whiteout-2", "C1.6", "either", entry("d/.wh.secret"), entry("d/.wh..wh..opq"))
simple("above-gone-1", "C1.6", "inside", lambda: symlink("d", CANARY))
simple("above-gone-2", "C1.6", "either", entry(".wh.d"))
simple("above-mode-1", "C1.6", "inside", lambda: symlink("d", CANARY))
simple("above-mode-2", "C1.6", "either", pax(("SCHILY.xattr.user.x", "y")),
       directory("d", mode=0o7777, uid=1000, gid=1000), entry("d/", kind="5", mode=0o777))
simple("above-relative-1", "C1.6", "inside", lambda: symlink("d", up()))
simple("above-relative-2", "C1.6", "either", directory("d/sub"), entry("d/sub/deep/new", EVIL))

# C1.7: whiteouts
for _name, _path in (("nothing", ".wh."), ("dot", ".wh.."), ("dot-dot", ".wh..."), ("directory", ".wh.a/b"),
                     ("below", "d/.wh."), ("below-dot-dot", "d/.wh...")):
    simple(f"whiteout-{_name}", "C1.7", "refuse:plain", entry(_path))
simple("whiteout-opaque-link", "C1.7", "either", lambda: symlink("l", CANARY), entry("l/.wh..wh..opq"))
simple("whiteout-through-link", "C1.7", "either", lambda: symlink("l", CANARY), entry("l/.wh.secret"))
simple("whiteout-plnk", "C1.7", "inside", entry(".wh..wh.plnk"), entry(".wh..wh.aufs"))
simple("whiteout-and-name", "C1.7", "inside", entry(".wh.f"), entry("f", EVIL), entry("g", EVIL), entry(".wh.g"))
simple("whiteout-opaque-late", "C1.7", "inside", directory("d"), entry("d/f", EVIL), entry("d/.wh..wh..opq"))
simple("whiteout-of-whiteout", "C1.7", "either", entry(".wh..wh.f"), entry(".wh..wh..wh..opq"))

# C1.8: overlay's own marks, smuggled; what they would change is in tests/archives.bats
SMUGGLED = [("trusted.overlay.redirect", "/etc"), ("trusted.overlay.opaque", "y"), ("trusted.overlay.metacopy", ""),
            ("trusted.overlay.origin", "x" * 30), ("trusted.overlay.protattr", "i"), ("user.overlay.opaque", "y"),
            ("user.overlay.redirect", "/etc"), ("user.overlay.metacopy", ""), ("user.fuseoverlayfs.opaque", "y"),
            ("trusted.overlay.whiteouts", "x"), ("trusted.overlay.nlink", "U+9"), ("trusted.other", "x")]
simple("overlay-marks", "C1.8", "inside",
       pax(*[("SCHILY.xattr." + key, value) for key, value in SMUGGLED]), directory("etc"),
       pax(*[("SCHILY.xattr." + key, value) for key, value in SMUGGLED]), entry("etc/new", EVIL),
       pax(*[("SCHILY.xattr." + key, value) for key, value in SMUGGLED]), directory("marked"),
       pax(*[("SCHILY.xattr." + key, value) for key, value in SMUGGLED]), entry("marked/file", EVIL))
simple("overlay-device", "C1.8", "inside", entry("etc/passwd", kind="3", major=0, minor=0),
       entry("bin", kind="3", major=0, minor=0), entry("after", EVIL))

# C1.9: devices
simple("devices", "C1.9", "inside", directory("dev2"), entry("dev2/blk", kind="4", major=254, minor=0, mode=0o666),
       entry("dev2/mem", kind="3", major=1, minor=1, mode=0o666),
       entry("dev2/fuse", kind="3", major=10, minor=229, mode=0o666))
simple("device-huge", "C1.9", "refuse", entry("c", kind="3", major=0o7777777, minor=1))
simple("device-negative", "C1.9", "refuse", entry("c", kind="3", major=-1, minor=-1))

# C1.10: what is kept and what is not
CAPABILITY = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
ACL = (b"\x02\x00\x00\x00" + b"\x01\x00\x06\x00\xff\xff\xff\xff" + b"\x02\x00\x04\x00\xe8\x03\x00\x00"
       + b"\x04\x00\x04\x00\xff\xff\xff\xff" + b"\x10\x00\x04\x00\xff\xff\xff\xff" + b"\x20\x00\x00\x00\xff\xff\xff\xff")
simple("attributes", "C1.10", "inside",
       entry("suid", EVIL, mode=0o4755), entry("sgid", EVIL, mode=0o2755, gid=5),
       pax(("SCHILY.xattr.security.capability", CAPABILITY), ("SCHILY.xattr.system.posix_acl_access", ACL),
           ("SCHILY.xattr.user.kept", "yes"), ("SCHILY.xattr.security.selinux", "evil_t"),
           ("SCHILY.xattr.security.ima", "\x03evil"), ("SCHILY.xattr.security.evm", "\x02evil"),
           ("SCHILY.xattr.trusted.evil", "x"), ("SCHILY.xattr.security.SMACK64", "x")),
       entry("marked", EVIL))
simple("attribute-long-name", "C1.10", "refuse", pax(("SCHILY.xattr.user." + "n" * 300, "x")), entry("f", EVIL))
simple("attribute-many", "C1.10", "refuse", pax(*[(f"SCHILY.xattr.user.n{n}", "x") for n in range(300)]),
       entry("f", EVIL))
simple("attribute-large", "C1.10", "refuse", pax(("SCHILY.xattr.user.n", "x" * 70000)), entry("f", EVIL))

# C1.11: what blocks or leads elsewhere when it is opened
simple("special-files", "C1.11", "inside", directory("etc"), entry("etc/passwd", kind="6", mode=0o666),
       entry("etc/group", kind="6", mode=0o666), directory("app"), entry("app/data", kind="6", mode=0o666),
       entry("app/tty", kind="3", major=5, minor=0, mode=0o666))
simple("special-dockerfile", "C1.11", "either", entry("Dockerfile", kind="6"))
simple("special-dockerignore", "C1.11", "either", entry(".dockerignore", kind="6"))
simple("special-over", "C1.11", "inside", entry("f", kind="6"), entry("f", EVIL), entry("f", kind="6"))
simple("special-socket", "C1.11", "refuse", entry("s", kind="s"))

# C1.12: owners and times
for _name, _fields in {"uid-2-32": {"uid": 2 ** 32 - 1}, "uid-2-32-and-0": {"uid": 2 ** 32},
                       "uid-negative": {"uid": -1}, "gid-negative": {"gid": -2}, "gid-2-40": {"gid": 2 ** 40},
                       "uid-not-octal": {"uid": b"99999999"}}.items():
    simple(_name, "C1.12", "refuse", entry("f", EVIL, **_fields))
simple("uid-2-31", "C1.12", "inside", entry("f", EVIL, uid=2 ** 31))
simple("uid-2-70", "C1.12", "refuse", entry("f", EVIL, uid=b"\x80" + (1 << 70).to_bytes(11, "big")[-7:]),
       pax(("uid", str(2 ** 70))), entry("g", EVIL))
simple("mtime-before", "C1.12", "inside", entry("f", EVIL, mtime=-1))
simple("mtime-2-62", "C1.12", "either", entry("f", EVIL, mtime=2 ** 62))
simple("mtime-2-63", "C1.12", "either", pax(("mtime", str(2 ** 63 - 1))), entry("f", EVIL))
simple("mtime-2-80", "C1.12", "refuse", pax(("mtime", str(2 ** 80))), entry("f", EVIL))
for _text in ("1e308", "nan", "inf", "-", "0x10", " 1", "1.2.3"):
    simple(f"mtime-{_text.strip().replace('.', '_')}", "C1.12", "refuse", pax(("mtime", _text)), entry("f", EVIL))
simple("mtime-directory", "C1.12", "either", directory("d", mtime=2 ** 62), entry("d/f", EVIL))

# C1.13: headers
simple("size-negative", "C1.13", "refuse", header("f", size=-1), padded(EVIL))
simple("size-8-eib", "C1.13", "refuse", header("f", size=2 ** 63 - 1), padded(EVIL))
simple("size-2-63", "C1.13", "refuse", header("f", size=b"\x80" + (2 ** 63).to_bytes(11, "big")), padded(EVIL))
simple("size-2-90", "C1.13", "refuse", header("f", size=b"\x80" + (2 ** 87).to_bytes(11, "big")), padded(EVIL))
simple("size-1-pib", "C1.13", "refuse", header("f", size=2 ** 50), padded(EVIL))
simple("size-not-octal", "C1.13", "refuse", header("f", size=b"1234567890z\0"), padded(EVIL))
simple("size-pax-negative", "C1.13", "refuse", pax(("size", "-5")), entry("f", EVIL))
simple("size-pax-huge", "C1.13", "refuse", pax(("size", str(2 ** 63 - 1))), entry("f", EVIL))
simple("size-pax-hides", "C1.13", "either", pax(("size", "1024")), entry("f", EVIL, size=0),
       lambda: entry(up("/new"), EVIL), padded(EVIL))
simple("size-of-directory", "C1.13", "either", directory("d", size=1024), lambda: entry(up("/new"), EVIL), padded(EVIL))
simple("size-of-symlink", "C1.13", "either", symlink("l", "x", size=512), entry("f", EVIL))
simple("pax-1-gib", "C1.13", "refuse", header("PaxHeaders/x", "x", size=2 ** 30), padded(record("path", "x")))
simple("pax-over-1-mib", "C1.13", "refuse", pax(("comment", "x" * (1 << 20))), entry("f", EVIL))
simple("pax-at-1-mib", "C1.13", "inside", pax(("comment", "x" * ((1 << 20) - 17))), entry("f", EVIL))
simple("pax-global-1-gib", "C1.13", "refuse", header("g", "g", size=2 ** 30), padded(record("path", "x")))
simple("pax-length-lies", "C1.13", "refuse", pax(raw=b"999999 path=x\n"), entry("f", EVIL))
simple("pax-length-0", "C1.13", "refuse", pax(raw=b"0 path=x\n"), entry("f", EVIL))
simple("pax-length-2-64", "C1.13", "refuse", pax(raw=b"18446744073709551626 path=x\n"), entry("f", EVIL))
simple("pax-no-newline", "C1.13", "refuse", pax(raw=b"9 path=xx"), entry("f", EVIL))
simple("pax-nested", "C1.13", "either", pax(("path", "a")), pax(("path", "b")), entry("c", EVIL))
simple("pax-alone", "C1.13", "refuse", pax(("path", "x")))
simple("gnu-name-1-gib", "C1.13", "refuse", header("././@LongLink", "L", size=2 ** 30), padded(b"x"))
simple("sparse-old-2-60", "C1.13", "refuse", lambda: sparse_old(2 ** 60, 2 ** 60 - 5))
simple("sparse-pax-2-60", "C1.13", "refuse", lambda: sparse_pax(2 ** 60, 2 ** 60 - 5))
simple("sparse-1-0-2-60", "C1.13", "refuse", lambda: sparse_text(2 ** 60, 2 ** 60 - 5))
simple("sparse-overlaps", "C1.13", "refuse", pax(("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"),
       ("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,5,2,5")), entry("f", b"0123456789"))
simple("sparse-climbs", "C1.13", "refuse", lambda: pax(("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"),
       ("GNU.sparse.name", up("/new")), ("GNU.sparse.size", "5"), ("GNU.sparse.map", "0,5")), entry("f", EVIL))
simple("checksum-wrong", "C1.13", "refuse:file", entry("f", EVIL, checksum=1234))
simple("checksum-wrong-later", "C1.13", "refuse", entry("f", EVIL), entry("g", EVIL, checksum=1234))
simple("type-unknown", "C1.13", "refuse", entry("f", EVIL, kind="Z"))
simple("zero-block-between", "C1.13", "refuse", entry("f", EVIL), b"\0" * BLOCK, lambda: entry(up("/new"), EVIL))


@case("C1.13", "refuse")
def cut_in_content():
    return entry("f", "x" * 5000)[:3000]


@case("C1.13", "refuse")
def cut_in_header():
    return entry("f", EVIL) + header("g")[:300]


@case("C1.13", "inside")
def after_the_end():
    """What stands behind the end is hashed, and otherwise does not exist."""
    return tar(entry("f", EVIL)) + entry(up("/new"), EVIL) + entry("never", EVIL) + b"junk"


@case("C1.13", "inside")
def entries_20000():
    """Empty files, all in a few directories; more of them are a unit test's."""
    parts = [directory(f"d{n}") for n in range(10)]
    return gzip.compress(tar(*parts, *(header(f"d{n % 10}/{n}") for n in range(20000))), 1, mtime=0)


def sparse_old(size, offset):
    block = header("f", "S", size=len(EVIL), magic=b"ustar  \0")
    block = bytearray(block)
    block[386:410] = number(offset, 12) + number(len(EVIL), 12)
    block[483:495] = number(size, 12)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + padded(EVIL)


def sparse_pax(size, offset):
    return pax(("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"), ("GNU.sparse.size", str(size)),
               ("GNU.sparse.map", f"{offset},{len(EVIL)}")) + entry("f", EVIL)


def sparse_text(size, offset):
    text = padded(f"1\n{offset}\n{len(EVIL)}\n".encode())
    return pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "f"),
               ("GNU.sparse.realsize", str(size))) + entry("f", text + EVIL)


# C1.14: bombs. A member that is repeated takes no time to make.


def members(first, repeated, count):
    return gzip.compress(first, mtime=0) + gzip.compress(repeated, mtime=0) * count


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


ZEROS = bytes(16 << 20)
SMALL = tar(entry("f", EVIL))
# What takes other programs seconds to find out.
CONTENTS = {"bomb-empty-members": SMALL, "bomb-skippable-frames": SMALL}


@case("C1.14", "refuse")
def bomb_gzip_10_gib():
    return members(header("f", size=10 << 30), ZEROS, 640)


@case("C1.14", "refuse")
def bomb_zstd_10_gib():
    return zstd(header("f", size=10 << 30)) + zstd(ZEROS) * 640


@case("C1.14", "refuse")
def bomb_bzip2():
    return subprocess.run(["bzip2", "-1"], input=header("f", size=10 << 30) + ZEROS * 16, check=True,
                          stdout=subprocess.PIPE).stdout


@case("C1.14", "inside")
def bomb_empty_members():
    return gzip.compress(SMALL, mtime=0) + gzip.compress(b"", mtime=0) * 1000000


@case("C1.14", "inside")
def bomb_skippable_frames():
    frame = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"skip"
    return zstd(SMALL) + frame * 1000000


@case("C1.14", "refuse:file")
def bomb_window_2_gib():
    """A frame's header alone: it asks for a window of 2 GiB."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00" + b"x" * 64


@case("C1.14", "refuse:file")
def bomb_gzip_in_gzip():
    return gzip.compress(gzip.compress(SMALL))


@case("C1.14", "refuse:file")
def bomb_zeros():
    """Not one header in 2 GiB."""
    return members(b"", ZEROS, 128)


# C1.15: what would be given to a program that is found by PATH
for _name, _magic in (("xz", b"\xfd7zXZ\0\0\x04"), ("bzip2", b"BZh91AY&SY"), ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
                      ("zstd", b"\x28\xb5\x2f\xfd\x24")):
    CASES[f"junk-{_name}"] = ("C1.15", "refuse:file", lambda magic=_magic: magic + b"junk" * 1000)


# ---- what they are wrapped in ----


def is_compressed(data):
    return data[:2] == b"\x1f\x8b" or data[:3] == b"BZh" or data[:4] in (b"\x28\xb5\x2f\xfd", b"\xfd7zX")


def compress_like(data, text):
    if data[:2] == b"\x1f\x8b":
        return gzip.compress(text, mtime=0)
    return zstd(text) if data[:4] == b"\x28\xb5\x2f\xfd" else None


def context(data):
    """With a Dockerfile before it, when that can be."""
    dockerfile = entry("Dockerfile", "FROM scratch\nCOPY . /\n")
    if not is_compressed(data):
        return dockerfile + data
    first = compress_like(data, dockerfile)
    return data if first is None else first + data


def load(name, data):
    """As `save` writes it. Of what shall be refused the layer's digest does not matter."""
    sound = not CASES[name][1].startswith("refuse")
    content = CONTENTS.get(name) or (gzip.decompress(data) if sound and data[:2] == b"\x1f\x8b" else data)
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]}}).encode()
    path = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": path, "RepoTags": ["hostile:load"], "Layers": ["l/layer.tar"]}])
    out = io.BytesIO()
    for part in (("l/layer.tar", data), (path, config), ("manifest.json", as_bytes(manifest))):
        out.write(entry(*part))
    return out.getvalue() + END


def make(name):
    return CASES[name][2]()


def write_all(folder, with_load):
    for name in CASES:
        data = make(name)
        files = {"": data, ".context": context(data)}
        if with_load:
            files[".load"] = load(name, data)
        for suffix, content in files.items():
            with open(os.path.join(folder, name + suffix + ".tar"), "wb") as file:
                file.write(content)


def main():
    global CANARY
    words = sys.argv[1:]
    if words[:1] == ["--canary"]:
        CANARY = words[1]
        words = words[2:]
    if words == ["--list"]:
        for name, (row, expectation, _) in CASES.items():
            print(name, row, expectation)
    elif words[:1] == ["--all"] and words[2:] in ([], ["--load"]):
        write_all(words[1], len(words) == 3)
    elif len(words) == 1 and words[0] in CASES:
        shutil.copyfileobj(io.BytesIO(make(words[0])), sys.stdout.buffer)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
