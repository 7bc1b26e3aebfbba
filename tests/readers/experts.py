#!/usr/bin/env python3
"""Has experts' checkers look at a running dateline: redbot at every kind of resource, slowhttptest at its patience.

usage: experts.py BINARY CONFIG REDBOT

REDBOT is the redbot program; `slowhttptest` is looked for on the path. The daemon is started on a free port and must end well. Prints a
line for each question, and what an expert has to say; exit 1 if that is anything bad.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from daemon import serve  # noqa: E402

RESOURCES = ["rss.xml", "atom.xml", "feed.json", "technology/chips/rss.xml", "feeds.opml", "", "technology/", "missing", "technology"]
faults = 0


def expect(question, truth, seen=""):
    global faults
    faults += not truth
    print(f"{'ok  ' if truth else 'FAIL'} {question}" + ("" if truth else f": {seen}"), flush=True)


def redbot(program, url):
    """What it has against a resource, and how many things it looked at."""
    done = subprocess.run([program, "-o", "har", url], capture_output=True, text=True, timeout=120)
    entries = json.loads(done.stdout)["log"]["entries"]
    notes = [note for entry in entries for note in entry["_red_messages"]]
    return [f"{note['level']} {note['summary']}" for note in notes if note["level"] not in ("GOOD", "INFO")], len(notes)


def patient(url, *options):
    """What is left of slow connections after a while, and whether others were served meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.Popen(
            ["slowhttptest", "-c", "200", "-r", "100", "-l", "25", "-p", "2", "-u", url, "-g", "-o", f"{folder}/out", *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )
        slowest = 0
        while run.poll() is None:
            begun = time.monotonic()
            with urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.2)
        rows = [row.split(",") for row in pathlib.Path(f"{folder}/out.csv").read_text().splitlines()[1:]]
    # Seconds, closed, pending, connected, service available.
    closed = max(int(row[1]) for row in rows)
    available = all(int(row[4]) > 0 for row in rows)
    return closed, available, slowest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("config")
    parser.add_argument("redbot")
    options = parser.parse_args()
    with serve(options.binary, options.config) as daemon:
        url = daemon.url
        for path in RESOURCES:
            against, looked_at = redbot(options.redbot, url + path)
            expect(f"redbot has nothing against /{path}, of {looked_at} things", not against and looked_at > 2, against)
        for name, attack in (("slow headers", ("-H", "-i", "3")), ("slow readers", ("-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"))):
            closed, available, slowest = patient(url + "rss.xml", *attack)
            expect(f"{name} are hung up on: {closed} of 200", closed > 0 or name == "slow readers", closed)
            expect(f"{name} leave the service available; the slowest honest answer took {slowest * 1000:.0f} ms", available and slowest < 0.5)
    print(f"{faults} faults")
    sys.exit(faults > 0)


main()
