#!/usr/bin/env python3
"""Pushes to many subscribers of one feed: how long until every healthy one has it, and what readers notice.

usage: push.py DATELINE [--subscribers 10000] [--hanging 1] [--failing 5] [--hosts 100] [--rounds 3] [--single 50]

Starts DATELINE with the built-in hub and a feed of about 50 kB, and subscribers of `push/receiver.rs`, which it compiles. --hanging
and --failing are percentages of the subscribers. They are spread over --hosts addresses of this machine (127.1.0.1 and up). Each round
changes an article, and measures the time from closing its file until the last healthy subscriber has the feed, the time that a reader
waits for a response meanwhile, and dateline's memory. --single measures as many changes with one subscriber. Prints text and one JSON line.
"""
import argparse
import http.client
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

CONFIG = """
[site]
title = "Bench Courier"
url = "http://feeds.courier.example/"
tag_authority = "courier.example,2026"
[server]
listen = "127.0.0.1:0"
[admin]
listen = []
[output]
directory = ""
[websub]
hub = true
allow_callbacks = ["127.0.0.0/8"]
max_per_host = 1000000
[[section]]
path = "news"
"""
TOPIC = "http://feeds.courier.example/news/rss.xml"
PATIENCE = 120


def article(folder, number, version):
    text = " ".join(f"Word {version} of paragraph {k}." for k in range(40))
    with open(folder / f"news/{number}.md", "w") as f:
        f.write(f'---\ntitle: "Story {number}"\ndate: 2026-11-20 10:00\n---\n\n{text}\n')
    return time.time_ns()


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def stats(port):
    return [int(word) for word in get(port, "/stats").split()]


def wait(what, is_so):
    start = time.monotonic()
    while not is_so():
        if time.monotonic() - start > PATIENCE:
            raise SystemExit(f"waited {PATIENCE} s for {what}")
        time.sleep(0.005)


def subscribe(port, receiver, paths, hosts):
    """Each host subscribes from an address of its own, as different services would."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for host in range(hosts):
        address = f"127.1.{host // 250}.{host % 250 + 1}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE, source_address=(address, 0))
        for path in paths[host::hosts]:
            form = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": f"http://{address}:{receiver}{path}"}
            connection.request("POST", "/hub", urllib.parse.urlencode(form), headers)
            response = connection.getresponse()
            text = response.read().decode()
            if response.status != 202:
                raise SystemExit(f"{response.status} {text}")
        connection.close()
    wait("verifications", lambda: stats(receiver)[0] >= len(paths))


class Reader(threading.Thread):
    """Fetches the feed again and again, and notes how long that takes (ms)."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.times, self.is_running = port, [], True

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while self.is_running:
            start = time.perf_counter()
            connection.request("GET", "/news/rss.xml")
            connection.getresponse().read()
            self.times.append((time.perf_counter() - start) * 1000)
            time.sleep(0.002)

    def p99(self):
        self.is_running = False
        self.join()
        return statistics.quantiles(self.times, n=100)[98] if len(self.times) > 1 else 0


def memory_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def measure(arguments, folder, port, receiver, pid):
    count = arguments.subscribers
    kinds = ["hang"] * (count * arguments.hanging // 100) + ["fail"] * (count * arguments.failing // 100)
    kinds += ["ok"] * (count - len(kinds))
    paths = [f"/{kind}/{number}" for number, kind in enumerate(kinds)]
    results = {}
    if arguments.single:
        subscribe(port, receiver, ["/ok/single"], 1)
        times = []
        for change in range(arguments.single):
            get(receiver, "/reset")
            closed = article(folder, 0, f"single-{change}")
            wait("a delivery", lambda: stats(receiver)[2] >= 1)
            times.append((stats(receiver)[3] - closed) / 1e6)
            time.sleep(0.2)
        results["single_p50_ms"] = round(statistics.median(times), 1)
        results["single_max_ms"] = round(max(times), 1)
    start = time.monotonic()
    subscribe(port, receiver, paths, arguments.hosts)
    results["subscribe_s"] = round(time.monotonic() - start, 1)
    idle = Reader(port)
    idle.start()
    time.sleep(3)
    results["idle_p99_ms"] = round(idle.p99(), 2)
    results["idle_mb"] = round(memory_mb(pid), 1)
    results["rounds"] = []
    for change in range(arguments.rounds):
        get(receiver, "/reset")
        reader = Reader(port)
        reader.start()
        healthy = kinds.count("ok")
        closed, peak = article(folder, 0, f"round-{change}"), 0
        deadline = time.monotonic() + PATIENCE
        while stats(receiver)[1] < healthy and time.monotonic() < deadline:
            peak = max(peak, memory_mb(pid))
            time.sleep(0.05)
        _, delivered, deliveries, _, last = stats(receiver)
        results["rounds"].append({
            "delivered": delivered, "of": healthy, "deliveries": deliveries, "seconds": round((last - closed) / 1e9, 2),
            "reader_p99_ms": round(reader.p99(), 2), "peak_mb": round(peak, 1),
        })
        # Failing and hanging callbacks are tried again meanwhile.
        time.sleep(3)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dateline")
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--hanging", type=int, default=1)
    parser.add_argument("--failing", type=int, default=5)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", type=int, default=50)
    arguments = parser.parse_args()
    here = pathlib.Path(__file__).parent
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["rustc", "-O", "-o", folder / "receiver", here / "push/receiver.rs"], check=True)
        (folder / "content/news").mkdir(parents=True)
        (folder / "config").mkdir()
        (folder / "config/dateline.toml").write_text(CONFIG)
        for number in range(30):
            article(folder / "content", number, "first")
        with socket.socket() as free:
            free.bind(("0.0.0.0", 0))
            receiver_port = free.getsockname()[1]
        receiver = subprocess.Popen([folder / "receiver", str(receiver_port)])
        daemon = subprocess.Popen([os.path.abspath(arguments.dateline), "serve"], cwd=folder, stdout=subprocess.PIPE,
                                  stderr=open(folder / "log", "w"), text=True)
        try:
            port = int(re.search(r":(\d+)/", daemon.stdout.readline())[1])
            wait("the first publication", lambda: get(port, "/readyz").startswith("ready"))
            size = len(get(port, "/news/rss.xml"))
            results = {"feed_bytes": size, **measure(arguments, folder / "content", port, receiver_port, daemon.pid)}
        finally:
            daemon.kill()
            receiver.kill()
        for key, value in results.items():
            print(f"{key}: {value}")
        print(json.dumps(results))


if __name__ == "__main__":
    main()
