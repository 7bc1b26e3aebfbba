#!/usr/bin/env python3
"""Lets a daemon run while its articles are written, renamed, broken, mended and deleted, and kills it now and then.

usage: soak.py [--minutes 20] [--seed N] [--dateline PATH] [--round-seconds 20] [--archive N] [--poll] [--stay]

Two readers fetch every feed all the time, half of the time only if it changed: each answer is 200 and well-formed, or 304 with the
tag that was asked about, and an ETag never names two different bodies. A publisher renames a story over itself and waits for it.
Each round ends in quiet, when every file parses: then what is served and what lies in the output directory must become,
byte for byte, what a fresh `dateline build` makes of the same files with the same state. Every second round the daemon is killed in the middle
of the changes; all it left on disk must be whole, and it must start again. Memory and open files stay bounded.

After each round its memory, descriptors and threads, and the latency of answers and publications in it, are printed. At the end
the last third of the rounds is compared with the first after a warm-up: more memory by a fifth and 16 MB, or more descriptors or
threads by a few, is a fault; latency is only told. --stay has one daemon for all rounds, which is never killed: what creeps shows.
--archive puts N articles of benches/make_corpus.py beside the demo's, --poll has the daemon look for changes itself.

The seed is printed; with the same one the same changes are made, though not at the same moments. Works on a copy of the demo
in a temporary folder. Exit 1 at the first fault.
"""
import argparse
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import statistics
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
# Where the daemon looks for changes itself.
POLL_SECONDS = 120
MOST_MEGABYTES = 512
MOST_FILES = 512
MOST_MORE_MEGABYTES, MOST_MORE_MEMORY = 16, 0.2
MOST_MORE_FILES, MOST_MORE_THREADS = 8, 4
ARCHIVE_SECTIONS = 20
PROBE_FOLDER, PROBE_FEED = "science", "science/rss.xml"


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


class Watcher(threading.Thread):
    """Asks until it is told to stop, or until something is wrong."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = urllib.parse.urlsplit(url)
        self.stopped, self.fault, self.took = threading.Event(), None, []

    def run(self):
        try:
            connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=30)
            while not self.stopped.is_set():
                self.turn(connection)
        except (Fault, OSError, http.client.HTTPException) as error:
            if not self.stopped.is_set():
                self.fault = error

    def stop(self):
        self.stopped.set()

    def check(self):
        self.join(180)
        if self.fault:
            raise Fault(f"a {type(self).__name__.lower()}: {self.fault!r}")


class Reader(Watcher):
    """Fetches every feed in turn, half of the time only if it is another than before."""

    def __init__(self, url, names):
        super().__init__(url)
        self.names, self.bodies, self.tags, self.turns, self.answers, self.unchanged = names, {}, {}, 0, 0, 0

    def turn(self, connection):
        self.turns += 1
        for place, name in enumerate(self.names):
            if self.stopped.is_set():
                return
            # The other half the next time.
            known = self.tags.get(name) if (self.turns + place) % 2 else None
            begun = time.perf_counter()
            connection.request("GET", url_path(name), headers={"If-None-Match": known} if known else {})
            answer = connection.getresponse()
            body = answer.read()
            self.took.append((time.perf_counter() - begun) * 1000)
            self.answers += 1
            tag = answer.getheader("ETag")
            if answer.status == 304:
                if known is None or tag != known or body:
                    raise Fault(f"GET {name} gave 304 of {tag} with {len(body)} bytes, asked for another than {known}")
                self.unchanged += 1
                continue
            if answer.status != 200:
                raise Fault(f"GET {name} gave {answer.status}")
            if known is not None and tag == known:
                raise Fault(f"GET {name} gave the whole of {tag} to whoever has it")
            well_formed(name, body)
            digest = hashlib.sha256(body).digest()
            if self.bodies.setdefault((name, tag), digest) != digest:
                raise Fault(f"{(name, tag)} named two different bodies")
            self.tags[name] = tag


class Publisher(Watcher):
    """Publishes the same story once more, with another title, and waits until its feed has it."""

    def __init__(self, url, content, patience, run):
        super().__init__(url)
        self.path, self.patience, self.name, self.serial = content / PROBE_FOLDER / "soak-probe.md", patience, run, 0

    def turn(self, connection):
        self.serial += 1
        mark = f"soak-probe-{self.name}-{self.serial}-shown"
        aside = self.path.with_name(".soak-probe.tmp")
        # Newer than whatever the newsroom writes.
        aside.write_text(f'---\ntitle: "{mark}"\ndate: 2026-11-01T00:00:00Z\n---\n\nProbe.\n', "utf-8")
        begun = time.perf_counter()
        aside.rename(self.path)
        while True:
            connection.request("GET", url_path(PROBE_FEED))
            if mark.encode() in connection.getresponse().read():
                break
            if self.stopped.is_set():
                return
            if time.perf_counter() - begun > self.patience:
                raise Fault(f"{mark} did not appear within {self.patience} s")
            time.sleep(0.001)
        self.took.append((time.perf_counter() - begun) * 1000)
        self.stopped.wait(0.2)


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


def settle(daemon, build, output, patience):
    """Waits until what is served, and what lies on disk, is what a fresh build makes of what the daemon wrote down by then."""
    start = time.monotonic()
    while True:
        begun = time.monotonic()
        expected = build()
        wrong = [f"served {name}" for name, body in served(daemon.url, expected).items() if body != expected[name]]
        disk = on_disk(output)
        wrong += [f"on disk {name}" for name in expected.keys() | disk.keys() if disk.get(name) != expected.get(name)]
        if not wrong:
            return time.monotonic() - start
        # What was built from what the daemon had not written down by then may differ, however long that took.
        if begun - start > patience:
            raise Fault(f"{patience} s after the last change these differ from a fresh build: {sorted(wrong)[:20]}\n{daemon.log()}")
        time.sleep(0.1)


def percentile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None


def sample(daemon, readers, publisher, most):
    """What the round cost."""
    took = [each for reader in readers for each in reader.took]
    figures = {
        "MB": daemon.status("VmRSS"), "files": daemon.descriptors(), "threads": daemon.status("Threads"),
        "answer p50": percentile(took, .5), "answer p99": percentile(took, .99),
        "publication p50": percentile(publisher.took, .5), "publication p99": percentile(publisher.took, .99),
    }
    if figures["MB"] > most or figures["files"] > MOST_FILES:
        raise Fault(f"{described(figures)}")
    return figures


def described(figures):
    def pair(what):
        p50, p99 = figures[f"{what} p50"], figures[f"{what} p99"]
        return f"{what}s " + ("none" if p50 is None else f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return f"{figures['MB']:.0f} MB, {figures['files']} files, {figures['threads']} threads; {pair('answer')}; {pair('publication')}"


def trend(samples):
    """What the last third of the rounds has, beside the first third after the warm-up: lines, and what grew too much."""
    settled = samples[max(2, len(samples) // 5):]
    third = len(settled) // 3
    if third == 0:
        return ["too few rounds to say what grows"], []
    lines, grew = [f"the last {third} rounds beside the first {third} after a warm-up of {len(samples) - len(settled)}:"], []
    for what in samples[0]:
        first, last = ([each[what] for each in part if each[what] is not None] for part in (settled[:third], settled[-third:]))
        if not first or not last:
            continue
        before, after = statistics.median(first), statistics.median(last)
        allowed = {"MB": before * MOST_MORE_MEMORY + MOST_MORE_MEGABYTES, "files": MOST_MORE_FILES, "threads": MOST_MORE_THREADS}.get(what)
        change = f"{after - before:+.1f} ({(after / before - 1) * 100 if before else 0:+.0f} %)"
        # Latency depends on the other work of the machine, so that it is told and no fault.
        flat = after - before <= (before * MOST_MORE_MEMORY + 1 if allowed is None else allowed)
        lines.append(f"  {what:<16} {before:9.1f} -> {after:9.1f}  {change:<18} {'flat' if flat else 'GREW'}")
        if not flat and allowed is not None:
            grew.append(f"{what} grew from {before:.1f} to {after:.1f}")
    return lines, grew


def prepare(scratch, options):
    """A copy of the demo, with what else was asked for. Its configuration."""
    for folder in ("config", "content"):
        shutil.copytree(ROOT / folder, scratch / folder)
    config = scratch / "config" / "dateline.toml"
    text = config.read_text("utf-8")
    if options.poll:
        text, found = re.subn(r'^watch = "\w+"$', 'watch = "poll"', text, flags=re.M)
        if found != 1:
            raise SystemExit(f"{config} has {found} lines that say how to watch")
    if options.archive:
        command = [sys.executable, str(ROOT / "benches" / "make_corpus.py"), str(scratch / "content" / "archive"), str(options.archive),
                   "--sections", str(ARCHIVE_SECTIONS), "--mix"]
        subprocess.run(command, check=True)
        text += "".join(f'\n[[section]]\npath = "archive/section-{number:02d}"\n' for number in range(ARCHIVE_SECTIONS))
    config.write_text(text, "utf-8")
    return str(config)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--round-seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--dateline", help="the binary; without it, a build with the profile `dist` is made")
    parser.add_argument("--archive", type=int, default=0, metavar="N", help="so many articles of benches/make_corpus.py beside the demo's")
    parser.add_argument("--poll", action="store_true", help='`watch = "poll"` in [content]')
    parser.add_argument("--stay", action="store_true", help="one daemon for all rounds, never killed")
    parser.add_argument("--most-mb", type=float, default=MOST_MEGABYTES, help="more memory than this is a fault in any round")
    options = parser.parse_args()
    binary = options.dateline and os.path.abspath(options.dateline)
    if not binary:
        subprocess.run(["cargo", "build", "--profile", "dist", "--locked", "--quiet"], cwd=ROOT, check=True)
        binary = str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "dist" / "dateline")
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="dateline-soak-") as scratch:
        return soak(binary, pathlib.Path(scratch), options)


def soak(binary, scratch, options):
    rng = random.Random(options.seed)
    config, output = prepare(scratch, options), scratch / "feeds"
    newsroom = Newsroom(scratch / "content", rng)
    patience = POLL_SECONDS if options.poll else SETTLE_SECONDS
    end = time.monotonic() + options.minutes * 60
    number = changes = answers = unchanged = 0
    samples = []

    def build():
        return fresh_build(binary, config, scratch / "fresh")

    def start():
        return serve(binary, config, ready_seconds=600)

    def play(daemon, kill):
        """A round: readers read and the newsroom works until it ends in a kill or in quiet. What there is to say of it."""
        nonlocal changes, answers, unchanged
        names = sorted(build())
        if not names:
            raise Fault("a fresh build wrote nothing")
        readers, publisher = [Reader(daemon.url, names) for _ in range(2)], Publisher(daemon.url, scratch / "content", patience, number)
        watchers = [*readers, publisher]
        for watcher in watchers:
            watcher.start()
        until = time.monotonic() + options.round_seconds
        while time.monotonic() < until and not any(watcher.fault for watcher in watchers):
            newsroom.change()
            changes += 1
            time.sleep(rng.random() ** 3 / 5)
        if kill:
            figures = sample(daemon, readers, publisher, options.most_mb)
            for watcher in watchers:
                watcher.stop()
            daemon.kill()
            said = "killed"
        else:
            publisher.stop()
            publisher.check()
            newsroom.mend(len(newsroom.broken))
            if number % 4 == 3:
                # So many deletions are taken for an accident until somebody says otherwise; settled must be both.
                accepted = subprocess.run([binary, "--config", config, "accept-removals"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
                if accepted.returncode not in (0, 2):
                    raise Fault(f"the removals were not accepted: {accepted.stderr}")
            took = settle(daemon, build, output, patience)
            figures = sample(daemon, readers, publisher, options.most_mb)
            said = f"settled after {took:.1f} s"
            for reader in readers:
                reader.stop()
        for watcher in watchers:
            watcher.check()
        answers += sum(reader.answers for reader in readers)
        unchanged += sum(reader.unchanged for reader in readers)
        samples.append(figures)
        return f"{said}, {described(figures)}"

    def finish(said):
        for name, body in on_disk(output).items():
            well_formed(f"on disk {name}", body)
        print(f"round {number}: {said}; {len(newsroom.mine)} articles, {changes} changes, {answers} answers so far", flush=True)

    with contextlib.ExitStack() as stays:
        daemon = stays.enter_context(start()) if options.stay else None
        while number == 0 or time.monotonic() < end:
            number += 1
            if daemon:
                said = play(daemon, kill=False)
            else:
                with start() as fresh:
                    said = play(fresh, kill=number % 2 == 0)
            finish(said)
    lines, grew = trend(samples)
    print("\n".join(lines), flush=True)
    if grew:
        raise Fault("; ".join(grew))
    print(f"{number} rounds, {changes} changes, {answers} answers ({unchanged} of them 304), no fault")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Fault as fault:
        sys.exit(f"FAULT: {fault}")
