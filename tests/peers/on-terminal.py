#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal and tells what a person would see in the end.

  on-terminal.py [--interrupt TEXT] ROWS COLUMNS COMMAND...

Prints "raw: " and all that was written, control characters as \\x1b; "screen: " and each line of the
last screen; "cursor: shown|hidden". With --interrupt, Ctrl-C is typed when TEXT has been written.
Exits as the command did, by a signal as 128 + its number."""
import fcntl
import os
import pty
import re
import struct
import sys
import termios


class Screen:
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.lines = [""]
        self.row = self.column = 0
        self.cursor = True

    def put(self, char):
        if self.column == self.columns:
            self.newline()
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + char + line[self.column + 1 :]
        self.column += 1

    def newline(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def control(self, sequence):
        count = int(re.sub(r"\D", "", sequence) or 1)
        if sequence.endswith("A"):  # not above the first line that can be seen
            self.row = max(self.row - count, len(self.lines) - self.rows, 0)
        elif sequence.endswith("K"):
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif sequence.endswith("J"):
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]
        elif sequence in ("?25l", "?25h"):
            self.cursor = sequence == "?25h"

    def write(self, text):
        for sequence, char in re.findall(r"\x1b\[([?0-9]*[A-Za-z])|([^\x1b])", text, re.DOTALL):
            if sequence:
                self.control(sequence)
            elif char == "\n":
                self.newline()
            elif char == "\r":
                self.column = 0
            else:
                self.put(char)


def main():
    words = sys.argv[1:]
    interrupt = None
    if words[0] == "--interrupt":
        interrupt, words = words[1].encode(), words[2:]
    rows, columns = int(words[0]), int(words[1])
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvp(words[2], words[2:])
    raw = b""
    try:
        while data := os.read(fd, 65536):
            raw += data
            if interrupt and interrupt in raw:
                os.write(fd, b"\x03")
                interrupt = None
    except OSError:  # the terminal's last user is gone
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    screen = Screen(rows, columns)
    text = raw.decode("utf-8", "replace")
    screen.write(text)
    print("raw: " + text.encode("unicode_escape").decode())
    for line in screen.lines[-rows:]:
        print("screen: " + line.rstrip())
    print("cursor: " + ("shown" if screen.cursor else "hidden"))
    sys.exit(status if status >= 0 else 128 - status)


main()
