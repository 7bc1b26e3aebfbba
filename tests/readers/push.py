#!/usr/bin/env python3
"""Subscribes to the built-in hub with subscribers that others wrote: Flask-WebSub (PyPI) and pubsubhubbub (npm).

usage: push.py BINARY NODE_SCRIPT

Each finds the hub by itself or gets the address that the feed states, confirms its request, and has the changed feed within seconds. The one
from npm checks the signature. Exit 1 with what differs.
"""
import json
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time

from flask import Flask
from flask_websub.subscriber import SQLite3SubscriberStorage, SQLite3TempSubscriberStorage, Subscriber, discover
from werkzeug.serving import WSGIRequestHandler, make_server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402
from newsroom import CONFIG, exit_code, expect, fetch, write  # noqa: E402

TIMEOUT_SECONDS = 30
HUB = '[websub]\nhub = true\nallow_callbacks = ["127.0.0.0/8"]\n'


def story(text):
    return f"---\ntitle: The tide\ndate: 2026-11-20\n---\n\n{text}\n"


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


class Flasks:
    """Flask-WebSub with a server of its own. `events` has what arrives."""

    def __init__(self, home, topic):
        self.events = queue.Queue()
        self.app = Flask("subscriber")
        database = str(home / "subscriber.sqlite")
        subscriber = Subscriber(SQLite3SubscriberStorage(database), SQLite3TempSubscriberStorage(database))
        subscriber.add_success_handler(lambda topic, callback, mode: self.events.put((mode, topic)))
        subscriber.add_error_handler(lambda topic, callback, reason: self.events.put(("denied", reason)))
        subscriber.add_listener(lambda topic, callback, body: self.events.put(("feed", body.decode())))
        self.app.register_blueprint(subscriber.build_blueprint(url_prefix="/callbacks"))
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True, request_handler=Quiet)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.found = discover(topic)
        self.app.config["SERVER_NAME"] = f"127.0.0.1:{self.server.server_port}"
        with self.app.app_context():
            subscriber.subscribe(**self.found)

    def next(self):
        return self.events.get(timeout=TIMEOUT_SECONDS)


class Node:
    """The subscriber of the script, as a process."""

    def __init__(self, script, topic, hub):
        self.process = subprocess.Popen(["node", script, topic, hub], stdout=subprocess.PIPE, text=True)
        self.events = queue.Queue()
        threading.Thread(target=lambda: [self.events.put(json.loads(line)) for line in self.process.stdout], daemon=True).start()

    def next(self):
        return self.events.get(timeout=TIMEOUT_SECONDS)


def main(binary, script):
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        config = home / "dateline.toml"
        config.write_text(CONFIG + HUB)
        write(home, "news/tide.md", story("First version."))
        with serve(binary, config) as daemon:
            topic = f"{daemon.url}rss.xml"
            flasks = Flasks(home, topic)
            expect("Flask-WebSub finds topic and hub", flasks.found == {"topic_url": topic, "hub_url": f"{daemon.url}hub"}, flasks.found)
            node = Node(script, f"{daemon.url}atom.xml", flasks.found["hub_url"])
            try:
                first, second = flasks.next(), node.next()
                expect("Flask-WebSub is subscribed", first == ("subscribe", topic), first)
                expect("pubsubhubbub is subscribed", second["event"] == "subscribed", second)
                write(home, "news/tide.md", story("Second version."))
                changed = time.monotonic()
                first, second = flasks.next(), node.next()
                print(f"     both have it {(time.monotonic() - changed) * 1000:.0f} ms after the file was saved")
                expect("Flask-WebSub has the changed feed", first[0] == "feed" and "Second version." in first[1], first)
                expect("byte for byte", fetch(topic) == first[1])
                expect("pubsubhubbub has it, signed with SHA-256",
                       (second["event"], second.get("signature")) == ("feed", "sha256") and "Second version." in second["body"], second)
            finally:
                node.process.kill()
                flasks.server.shutdown()
    return exit_code()


sys.exit(main(*sys.argv[1:]))
