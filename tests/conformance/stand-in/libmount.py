# SPDX-License-Identifier: Apache-2.0
"""The little of util-linux's Python module that crun's suite asks for; Debian 12 does not have it."""


class Mount:
    def __init__(self, place, file_system):
        self.root, self.target, self.vfs_options = place[3:6]
        self.fstype, self.source = file_system[:2]
        self.fs_options = file_system[2] if len(file_system) > 2 else ""


class Table:
    def __init__(self, path):
        with open(path, errors="replace") as lines:
            halves = [line.split(" - ", 1) for line in lines if " - " in line]
        self.mounts = [Mount(place.split(), rest.split()) for place, rest in halves]

    def find_target(self, target):
        """The uppermost one, or None."""
        return next((m for m in reversed(self.mounts) if m.target == target), None)
