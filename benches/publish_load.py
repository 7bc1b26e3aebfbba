#!/usr/bin/env python3
"""Publishes a hundred stories a second, and reloads the configuration, while clients ask as fast as they can.

usage: publish_load.py [--dateline PATH] [--seconds 60] [--rate 100] [--clients 2] [--wrk CONNECTIONS] [--max-stall 50]

Makes a newsroom of 2,000 articles in 20 sections, starts dateline on a free port and asks for its feeds all the time: `wrk` (where
it is installed) for load, and clients that look at every answer, whole ones, gzip ones and conditional ones in turn. Of each:

- the body, decoded, has the hash that its ETag states (BLAKE3, where the Python module `blake3` is there; else bodies are compared
  with others of the same tag), its length is Content-Length, and a JSON feed is JSON;
- nothing is refused, cut or torn, and no answer takes longer than --max-stall milliseconds;
- in the end the newest stories are in the feed.

Then it is asked to stop while the clients go on: an answer that has begun is whole. Prints a table and, as its last line, JSON; exit
1 if any of this does not hold.
"""
import argparse
import gzip
import http.client
import json
import multiprocessing
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

try:
    import blake3
except ImportError:
    blake3 = None

CONFIG = """[site]
title = "Load Courier"
url = "http://feeds.courier.example/"
tag_authority = "courier.example,2026"
description = "round {round}"
[content]
removal_grace = "1s"
[admin]
listen = []
{sections}
"""
SECTIONS = 20
# Set before dateline is asked to stop.
STOPPING = multiprocessing.Event()


def write(path, text):
    """As good editors save: written aside and renamed."""
    aside = path.with_name("." + path.name)
    aside.write_text(text)
    aside.rename(path)


def story(number, second):
    words = " ".join(f"word{(number * 31 + place) % 977}" for place in range(180))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
    return f"---\ntitle: Story {number}\ndate: {stamp}\n---\n\n{words}\n"


def configure(root, round_number):
    sections = "".join(f'[[section]]\npath = "s{number}"\n' for number in range(SECTIONS))
    write(root / "config" / "dateline.toml", CONFIG.format(round=round_number, sections=sections))


def client(port, number, stop, results):
    """Asks and checks until it is told to stop, or until dateline does."""
    names = ("rss.xml", "feed.json", "atom.xml")
    paths = ["/feed.json", "/rss.xml"] + [f"/s{section}/{name}" for section in range(SECTIONS) for name in names]
    slowest, asked, faults, tags, bodies, statuses = 0.0, 0, [], {}, {}, {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not stop.is_set() and len(faults) < 20:
        path = paths[(asked + number) % len(paths)] if asked % 3 else "/feed.json"
        headers = {}
        if asked % 2:
            headers["Accept-Encoding"] = "gzip"
        key = (path, asked % 2)
        if asked % 4 == 3 and key in tags:
            headers["If-None-Match"] = tags[key]
        begun = time.perf_counter()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
        except (http.client.HTTPException, OSError) as error:
            # While it stops, a connection may end between two answers.
            if STOPPING.is_set():
                break
            connection.close()
            faults.append(f"{path}: {error!r}")
            continue
        try:
            body = answer.read()
        except (http.client.HTTPException, OSError) as error:
            faults.append(f"{path}: cut: {error!r}")
            break
        took = time.perf_counter() - begun
        if not STOPPING.is_set():
            slowest = max(slowest, took)
        asked += 1
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        tag = answer.getheader("ETag", "")
        if answer.status == 304:
            if tag != headers.get("If-None-Match"):
                faults.append(f"{path}: 304 of {tag}, asked {headers}")
        elif answer.status == 200:
            if len(body) != int(answer.getheader("Content-Length", "-1")):
                faults.append(f"{path}: {len(body)} bytes of {answer.getheader('Content-Length')}")
            plain = gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body
            stated = re.fullmatch(r'"([0-9a-f]{32})(-gz1)?"', tag)
            if not stated:
                faults.append(f"{path}: tag {tag}")
            elif blake3:
                if blake3.blake3(plain).digest()[:16].hex() != stated[1]:
                    faults.append(f"{path}: the body is not of {tag}")
            elif bodies.setdefault(stated[1], plain) != plain:
                faults.append(f"{path}: two bodies of {tag}")
            if len(bodies) > 300:
                bodies.clear()
            if path.endswith(".json") and asked % 5 == 0:
                json.loads(plain)
            tags[key] = tag
        else:
            faults.append(f"{path}: {answer.status}")
    results.put({"asked": asked, "slowest_ms": slowest * 1000, "faults": faults, "statuses": statuses})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dateline", default="target/dist/dateline", help="the binary; without it, target/dist/dateline")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--wrk", type=int, default=16, metavar="CONNECTIONS")
    parser.add_argument("--max-stall", type=float, default=50, metavar="MS")
    options = parser.parse_args()
    binary = pathlib.Path(options.dateline).resolve()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "config").mkdir()
        for section in range(SECTIONS):
            (root / "content" / f"s{section}").mkdir(parents=True)
        now = int(time.time())
        for number in range(2_000):
            write(root / "content" / f"s{number % SECTIONS}" / f"old{number}.md", story(number, now - 86_400 - number * 60))
        configure(root, 0)
        sys.exit(run(binary, root, options))


def run(binary, root, options):
    log = open(root / "log", "w")
    daemon = subprocess.Popen([binary, "serve", "--listen", "127.0.0.1:0"], cwd=root, stdout=subprocess.PIPE, stderr=log, text=True)
    port = int(re.search(r":(\d+)/", daemon.stdout.readline())[1])

    def get(path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    deadline = time.monotonic() + 60
    while get("/readyz")[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    stop = multiprocessing.Event()
    results = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=client, args=(port, number, stop, results)) for number in range(options.clients)]
    for process in clients:
        process.start()
    load = None
    if options.wrk and shutil.which("wrk"):
        load = subprocess.Popen(
            ["wrk", "-t1", f"-c{options.wrk}", f"-d{int(options.seconds)}s", "-H", "Accept-Encoding: gzip", f"http://127.0.0.1:{port}/feed.json"],
            stdout=subprocess.PIPE, text=True,
        )
    published, reloads, begun, late = 0, 0, time.monotonic(), 0.0
    while (passed := time.monotonic() - begun) < options.seconds:
        due = published / options.rate
        if due > passed:
            time.sleep(due - passed)
        late = max(late, time.monotonic() - begun - due)
        write(root / "content" / f"s{published % SECTIONS}" / f"new{published}.md", story(100_000 + published, int(time.time()) - 1))
        published += 1
        if published % (options.rate * 3) == 0:
            reloads += 1
            configure(root, reloads)
    took = time.monotonic() - begun
    # The last story is in its feed soon.
    wanted = f"Story {100_000 + published - 1}<"
    section = (published - 1) % SECTIONS
    arrived, waited = False, time.monotonic()
    while not arrived and time.monotonic() - waited < 10:
        arrived = wanted in get(f"/s{section}/rss.xml")[1].decode()
    waited = time.monotonic() - waited
    wrk_said = load.communicate()[0] if load else ""
    STOPPING.set()
    daemon.send_signal(signal.SIGTERM)
    code = daemon.wait(30)
    stop.set()
    gathered = [results.get(timeout=30) for _ in clients]
    for process in clients:
        process.join()
    faults = [fault for result in gathered for fault in result["faults"]]
    statuses = {}
    for result in gathered:
        for status, count in result["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    slowest = max(result["slowest_ms"] for result in gathered)
    requests = int((re.search(r"(\d+) requests in", wrk_said) or [0, 0])[1])
    errors = re.search(r"Socket errors.*|Non-2xx or 3xx.*", wrk_said)
    missed = []
    if faults:
        missed.append(f"{len(faults)} faults, the first: {faults[0]}")
    if errors:
        missed.append(errors[0])
    if slowest > options.max_stall:
        missed.append(f"an answer took {slowest:.1f} ms")
    if not arrived:
        missed.append("the last story never came")
    if code != 0:
        missed.append(f"exit {code}")
    if published / took < options.rate * 0.95:
        missed.append(f"only {published / took:.0f} stories a second were written")
    checked = sum(result["asked"] for result in gathered)
    print(f"{published} stories in {took:.1f} s ({published / took:.0f} a second), {reloads} reloads; the last was public after {waited * 1000:.0f} ms")
    print(f"{checked} answers looked at ({statuses}; hashes {'checked' if blake3 else 'compared'}), {requests} more by wrk; the slowest took {slowest:.1f} ms; stopped with exit {code}")
    for reason in missed:
        print(f"MISSED {reason}")
    print(json.dumps({
        "published": published, "per_second": round(published / took, 1), "reloads": reloads, "checked": checked, "wrk_requests": requests,
        "slowest_ms": round(slowest, 1), "last_public_ms": round(waited * 1000), "hashes": bool(blake3), "exit": code, "missed": missed,
    }))
    return 1 if missed else 0


if __name__ == "__main__":
    main()
