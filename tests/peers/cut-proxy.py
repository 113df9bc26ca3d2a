#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A line that breaks: cut-proxy.py PORT TO-PORT BYTES...

Forwards connections from 127.0.0.1:PORT to 127.0.0.1:TO-PORT. The first connection that has carried
BYTES to the server is reset, then the first that has carried the second BYTES, and so on; after the
last of them nothing is cut any more."""
import socket
import struct
import sys
import threading

CUTS = [int(word) for word in sys.argv[3:]]
LOCK = threading.Lock()
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing is a reset


def is_cut(carried):
    with LOCK:
        if CUTS and carried >= CUTS[0]:
            CUTS.pop(0)
            return True
    return False


def forward(source, target, may_cut):
    carried = 0
    try:
        while data := source.recv(65536):
            target.sendall(data)
            carried += len(data)
            if may_cut and is_cut(carried):
                for end in (source, target):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                source.shutdown(socket.SHUT_RDWR)
                target.shutdown(socket.SHUT_RDWR)
                break
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    source.close()


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for ends in ((client, server, True), (server, client, False)):
        threading.Thread(target=forward, args=ends, daemon=True).start()
