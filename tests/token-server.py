#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token service as the distribution project describes it, for one user, joe with the password secret.

usage: token-server.py FOLDER ADDRESS PORT [LIFE]

FOLDER holds key.pem and cert.pem, which the registry knows; each request is noted in FOLDER/log as
"METHOD PATH AUTHORIZATION BODY". Nobody may read below public/, joe everything. Tokens live LIFE
seconds (300). Joe gets the identity token "refresh-of-joe" when he asks for one, and may come back
with it. With tls.pem and tls.key in FOLDER it speaks https.
"""
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.parse

FOLDER, ADDRESS, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
LIFE = int(sys.argv[4]) if len(sys.argv) > 4 else 300
IDENTITY = "refresh-of-joe"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def certificate():
    with open(FOLDER + "/cert.pem") as file:
        return "".join(line.strip() for line in file if "-----" not in line)


def sign(claims):
    header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate()]}
    text = encode(json.dumps(header).encode()) + "." + encode(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", FOLDER + "/key.pem"], input=text.encode(),
                               stdout=subprocess.PIPE, check=True).stdout
    return text + "." + encode(signature)


def granted(scopes, user):
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":", 2)
        actions = [a for a in actions.split(",") if user or (a == "pull" and name.startswith("public/"))]
        access.append({"type": kind, "name": name, "actions": actions})
    return access


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def note(self, body=""):
        with open(FOLDER + "/log", "a") as file:
            print(self.command, self.path, self.headers.get("Authorization", "-"), body, file=file)

    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, user, service, scopes, identity):
        now = int(time.time())
        # The registry allows a minute of difference between clocks; so that LIFE counts, take it off.
        token = sign({"iss": "test", "sub": user, "aud": service, "exp": now + LIFE - 60, "nbf": now - 600, "iat": now - 600,
                      "jti": str(time.time_ns()), "access": granted(scopes, user)})
        value = {"token": token, "access_token": token, "expires_in": LIFE}
        if identity:
            value["refresh_token"] = IDENTITY
        self.answer(200, value)

    def do_GET(self):
        self.note()
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        given = self.headers.get("Authorization")
        user = "joe" if given == "Basic " + base64.b64encode(b"joe:secret").decode() else ""
        if given and not user:
            self.answer(401, {"details": "incorrect username or password"})
            return
        self.give(user, query.get("service", [""])[0], query.get("scope", []),
                  user and query.get("offline_token") == ["true"] and os.path.exists(FOLDER + "/identity"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.note(body)
        form = urllib.parse.parse_qs(body)
        if form.get("grant_type") != ["refresh_token"] or form.get("refresh_token") != [IDENTITY]:
            self.answer(401, {"details": "unknown refresh token"})
            return
        self.give("joe", form.get("service", [""])[0], form.get("scope", [""])[0].split(), False)


server = http.server.ThreadingHTTPServer((ADDRESS, PORT), Handler)
if os.path.exists(FOLDER + "/tls.pem"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER + "/tls.pem", FOLDER + "/tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
