#!/usr/bin/env python3
"""Lets a daemon run while its articles are written, renamed, broken, mended and deleted, and kills it now and then.

usage: soak.py [--minutes 20] [--seed N] [--dateline PATH] [--round-seconds 20]

Two readers fetch every feed all the time: each answer is 200 and well-formed, and an ETag never names two different bodies.
Each round ends in quiet, when every file parses: then what is served and what lies in the output directory must become,
byte for byte, what a fresh `dateline build` makes of the same files with the same state. Every second round the daemon is killed in the middle
of the changes; all it left on disk must be whole, and it must start again. Memory and open files stay bounded.

The seed is printed; with the same one the same changes are made, though not at the same moments. Works on a copy of the demo
in a temporary folder. Exit 1 at the first fault.
"""
import argparse
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from daemon import serve  # noqa: E402

FOLDERS = ["harbour", "harbour/ships", "technology", "technology/chips", "science", "culture", "opinion", "科技/案例", "elsewhere/deep/er"]
DOCUMENTS = ("rss.xml", "atom.xml", "feed.json", "feeds.opml")
SETTLE_SECONDS = 30
MOST_MEGABYTES = 512
MOST_FILES = 512


class Fault(Exception):
    """What a reader or the operator would have seen."""


def well_formed(name, body):
    try:
        json.loads(body.decode("utf-8")) if name.endswith(".json") else xml.etree.ElementTree.fromstring(body)
    except (ValueError, xml.etree.ElementTree.ParseError) as error:
        raise Fault(f"{name} is not well-formed ({len(body)} bytes): {error}") from None


def on_disk(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for name in DOCUMENTS for path in sorted(folder.rglob(name))}


def url_path(name):
    return "/" + urllib.parse.quote(urllib.parse.unquote(name))


class Reader(threading.Thread):
    """Fetches every feed in turn until it is told to stop."""

    def __init__(self, url, names):
        super().__init__(daemon=True)
        self.url, self.names = urllib.parse.urlsplit(url), names
        self.stopped, self.fault, self.answers, self.bodies = threading.Event(), None, 0, {}

    def run(self):
        try:
            connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=30)
            while not self.stopped.is_set():
                for name in self.names:
                    connection.request("GET", url_path(name))
                    answer = connection.getresponse()
                    body = answer.read()
                    if answer.status != 200:
                        raise Fault(f"GET {name} gave {answer.status}")
                    well_formed(name, body)
                    tag = (name, answer.getheader("ETag"))
                    digest = hashlib.sha256(body).digest()
                    if self.bodies.setdefault(tag, digest) != digest:
                        raise Fault(f"{tag} named two different bodies")
                    self.answers += 1
        except (Fault, OSError, http.client.HTTPException) as error:
            if not self.stopped.is_set():
                self.fault = error

    def stop(self):
        self.stopped.set()

    def check(self):
        self.join(60)
        if self.fault:
            raise Fault(f"a reader: {self.fault!r}")


class Newsroom:
    """Changes the content directory the way editors, scripts and file systems do."""

    def __init__(self, content, random_):
        self.content, self.random = content, random_
        self.serial, self.mine, self.broken = 0, [], {}

    def article(self, extension):
        self.serial += 1
        rng = self.random
        date = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=rng.randrange(25_000_000))
        title = f"Soak {self.serial}: {rng.choice(['tide', '港口', 'fog & bells', '“quoted”', '5 < 6'])}"
        paragraphs = [f"Paragraph {n} of story {self.serial}, {'and so on, ' * rng.randrange(60)}to its end." for n in range(rng.randrange(1, 9))]
        if extension == "md":
            tags = rng.sample(["ai", "harbour", "芯片", "weather"], rng.randrange(3))
            return f"---\ntitle: {json.dumps(title)}\ndate: {date.isoformat()}\nauthors: [Ann Soak]\ntags: {json.dumps(tags)}\n---\n\n" + "\n\n".join(paragraphs) + "\n"
        if extension == "html":
            escaped = title.replace("&", "&amp;").replace("<", "&lt;")
            return (f'<!doctype html><html lang="en"><head><title>{escaped}</title><meta name="author" content="Ann Soak">'
                    f'<meta property="article:published_time" content="{date.isoformat()}"></head><body><article><h1>{escaped}</h1>'
                    + "".join(f"<p>{text}</p>" for text in paragraphs) + "</article></body></html>\n")
        return f"Soak {self.serial}\n\nSource: Soak Desk | {date:%Y-%m-%d %H:%M:%S} | Author: Ann Soak\n\n" + "\n\n".join(paragraphs) + "\n\nEditor: Bo Soak\n"

    def place(self):
        self.serial += 1
        folder = self.content / self.random.choice(FOLDERS)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"soak-{self.serial}.{self.random.choice(['md', 'md', 'html', 'txt'])}"

    def save(self, path, text):
        """As editors save: in place, in pieces, or beside and renamed over."""
        how = self.random.randrange(3)
        if how == 0:
            path.write_text(text, "utf-8")
        elif how == 1:
            with open(path, "w", encoding="utf-8") as file:
                for start in range(0, len(text), 200):
                    file.write(text[start:start + 200])
                    file.flush()
        else:
            beside = path.with_name(f".{path.name}.swp")
            beside.write_text(text, "utf-8")
            beside.rename(path)

    def change(self):
        rng = self.random
        kind = rng.choice(["new", "new", "new", "edit", "edit", "rename", "delete", "break", "mend", "folder", "burst", "touch"])
        own = rng.choice(self.mine) if self.mine else None
        if kind == "new" or own is None:
            path = self.place()
            self.save(path, self.article(path.suffix[1:]))
            self.mine.append(path)
        elif kind == "edit":
            self.save(own, self.article(own.suffix[1:]))
            self.broken.pop(own, None)
        elif kind == "rename":
            target = self.place().with_suffix(own.suffix)
            own.rename(target)
            self.mine.remove(own)
            self.mine.append(target)
            if own in self.broken:
                self.broken[target] = self.broken.pop(own)
        elif kind == "delete" and len(self.mine) > 5:
            own.unlink()
            self.mine.remove(own)
            self.broken.pop(own, None)
        elif kind == "break":
            self.broken.setdefault(own, self.article(own.suffix[1:]))
            own.write_bytes(rng.choice([b"", b"---\ntitle: never closed\n", b"\x00\xff\xfe\x00", b"<", b"---\ntitle: [\n---\n\nx\n"]))
        elif kind == "mend":
            self.mend(1)
        elif kind == "folder":
            # A folder full of articles arrives by one rename, and leaves by another.
            beside = self.content.parent / f"incoming-{self.serial}"
            beside.mkdir()
            for number in range(3):
                (beside / f"batch-{self.serial}-{number}.md").write_text(self.article("md"), "utf-8")
            target = self.content / "culture" / f"batch-{self.serial}"
            beside.rename(target)
            if rng.randrange(2):
                time.sleep(rng.random() / 5)
                gone = self.content.parent / f"gone-{self.serial}"
                target.rename(gone)
                shutil.rmtree(gone)
            else:
                self.mine.extend(sorted(target.iterdir()))
        elif kind == "burst":
            for _ in range(rng.randrange(5, 60)):
                path = self.place()
                self.save(path, self.article(path.suffix[1:]))
                self.mine.append(path)
        elif kind == "touch":
            os.utime(own)
        while len(self.mine) > 1500:
            path = self.mine.pop(rng.randrange(len(self.mine)))
            path.unlink()
            self.broken.pop(path, None)

    def mend(self, most):
        for path in sorted(self.broken)[:most]:
            path.write_text(self.broken.pop(path), "utf-8")


def fresh_build(binary, config, out):
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([binary, "--config", config, "build", "--out", out], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode not in (0, 2):
        raise Fault(f"a fresh build ended with exit {done.returncode}:\n{done.stderr[-2000:]}")
    return on_disk(out)


def served(url, names):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    bodies = {}
    for name in names:
        connection.request("GET", url_path(name))
        answer = connection.getresponse()
        bodies[name] = answer.read() if answer.status == 200 else answer.read() and b""
    return bodies


def settle(daemon, build, output):
    """Waits until what is served, and what lies on disk, is what a fresh build makes of what the daemon wrote down by then."""
    start = time.monotonic()
    while True:
        expected = build()
        wrong = [f"served {name}" for name, body in served(daemon.url, expected).items() if body != expected[name]]
        disk = on_disk(output)
        wrong += [f"on disk {name}" for name in expected.keys() | disk.keys() if disk.get(name) != expected.get(name)]
        if not wrong:
            return time.monotonic() - start
        if time.monotonic() - start > SETTLE_SECONDS:
            raise Fault(f"{SETTLE_SECONDS} s after the last change these differ from a fresh build: {sorted(wrong)[:20]}\n{daemon.log()}")
        time.sleep(0.1)


def bounds(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    megabytes = int(status.split("VmRSS:")[1].split()[0]) / 1024
    files = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    if megabytes > MOST_MEGABYTES or files > MOST_FILES:
        raise Fault(f"{megabytes:.0f} MB resident and {files} open files")
    return f"{megabytes:.0f} MB, {files} files"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--round-seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--dateline", help="the binary; without it, a release build is made")
    options = parser.parse_args()
    binary = options.dateline and os.path.abspath(options.dateline)
    if not binary:
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=True)
        binary = str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "release" / "dateline")
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="dateline-soak-") as scratch:
        scratch = pathlib.Path(scratch)
        for folder in ("config", "content"):
            shutil.copytree(ROOT / folder, scratch / folder)
        config, output = str(scratch / "config" / "dateline.toml"), scratch / "feeds"
        newsroom = Newsroom(scratch / "content", rng)
        end = time.monotonic() + options.minutes * 60
        number = changes = answers = 0
        while number == 0 or time.monotonic() < end:
            number += 1
            kill = number % 2 == 0
            with serve(binary, config) as daemon:
                names = sorted(name for name in fresh_build(binary, config, scratch / "fresh"))
                if not names:
                    raise Fault("a fresh build wrote nothing")
                readers = [Reader(daemon.url, names) for _ in range(2)]
                for reader in readers:
                    reader.start()
                until = time.monotonic() + options.round_seconds
                while time.monotonic() < until and not any(reader.fault for reader in readers):
                    newsroom.change()
                    changes += 1
                    time.sleep(rng.random() ** 3 / 5)
                if kill:
                    for reader in readers:
                        reader.stop()
                    daemon.kill()
                    said = "killed"
                else:
                    newsroom.mend(len(newsroom.broken))
                    if number % 4 == 3:
                        # So many deletions are taken for an accident until somebody says otherwise; settled must be both.
                        accepted = subprocess.run([binary, "--config", config, "accept-removals"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
                        if accepted.returncode not in (0, 2):
                            raise Fault(f"the removals were not accepted: {accepted.stderr}")
                    took = settle(daemon, lambda: fresh_build(binary, config, scratch / "fresh"), output)
                    said = f"settled after {took:.1f} s, {bounds(daemon)}"
                    for reader in readers:
                        reader.stop()
                for reader in readers:
                    reader.check()
                    answers += reader.answers
            for name, body in on_disk(output).items():
                well_formed(f"on disk {name}", body)
            print(f"round {number}: {said}; {len(newsroom.mine)} articles, {changes} changes, {answers} answers so far", flush=True)
    print(f"{number} rounds, {changes} changes, {answers} answers, no fault")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Fault as fault:
        sys.exit(f"FAULT: {fault}")
