#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small HTTP proxy for tests: CONNECT, and GET of http URLs. usage: proxy.py LOG ADDRESS PORT"""
import http.client
import http.server
import select
import socket
import sys
import urllib.parse

LOG, ADDRESS, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def note(self):
        with open(LOG, "a") as file:
            print(self.command, self.path, file=file)

    def do_CONNECT(self):
        self.note()
        host, port = self.path.rsplit(":", 1)
        other = socket.create_connection((host, int(port)))
        self.send_response(200)
        self.end_headers()
        ends = [self.connection, other]
        while True:
            for end in select.select(ends, [], [])[0]:
                data = end.recv(65536)
                if not data:
                    return
                ends[1 - ends.index(end)].sendall(data)

    def do_GET(self):
        self.note()
        url = urllib.parse.urlparse(self.path)
        other = http.client.HTTPConnection(url.hostname, url.port or 80)
        headers = {k: v for k, v in self.headers.items() if not k.lower().startswith(("proxy", "connection"))}
        other.request("GET", url.path + ("?" + url.query if url.query else ""), headers=headers)
        answer = other.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer((ADDRESS, PORT), Handler).serve_forever()
