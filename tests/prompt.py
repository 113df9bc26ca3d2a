#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal, for tests. usage: prompt.py STEP... -- COMMAND...

Steps: "wait:TEXT" until it was printed, "type:TEXT" and the return key, "signal:NAME" to the command,
"echo:on" or "echo:off": whether the terminal shows what is typed. Prints all that was shown, then the
exit code, 128 and the signal when it was killed.
"""
import os
import pty
import select
import signal
import sys
import termios
import time

split = sys.argv.index("--")
steps, command = sys.argv[1:split], sys.argv[split + 1:]
master, slave = pty.openpty()
shown = b""
pid = os.fork()
if pid == 0:
    os.setsid()
    os.close(master)
    for fd in range(3):
        os.dup2(slave, fd)
    os.execvp(command[0], command)


def more(timeout):
    global shown
    if select.select([master], [], [], timeout)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:
            time.sleep(timeout)


def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


def until(what, condition):
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            sys.exit("never: %s; shown: %r" % (what, shown))
        more(0.05)


for step in steps:
    word, text = step.split(":", 1)
    if word == "wait":
        until(step, lambda: text.encode() in shown)
    elif word == "type":
        os.write(master, text.encode() + b"\n")
    elif word == "signal":
        os.kill(pid, getattr(signal, text))
    elif word == "echo":
        until(step, lambda: echoes() == (text == "on"))
done = 0, 0
until("end", lambda: globals().__setitem__("done", os.waitpid(pid, os.WNOHANG)) or done[0] == pid)
more(0.1)
print(shown.decode().replace("\r", ""))
print("echo", "on" if echoes() else "off")
print("exit", os.WEXITSTATUS(done[1]) if os.WIFEXITED(done[1]) else 128 + os.WTERMSIG(done[1]))
