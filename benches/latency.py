#!/usr/bin/env python3
"""From rename() of an article into the demo newsroom until the feed over HTTP has it, with a daemon started for it.

usage: latency.py [--count 200] [--gap-ms 50] [--encoding gzip] [--dateline PATH] [--max-p50 MS]

Runs publish_latency.py against /technology/rss.xml of a copy of the demo in a temporary folder. Its last line is JSON. With
--max-p50 the exit code is 1 when the bound is missed.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))
from daemon import serve  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--gap-ms", type=int, default=50)
    parser.add_argument("--encoding", default="identity", choices=["identity", "gzip"])
    parser.add_argument("--dateline", help="the binary; without it, a build with the profile `dist` is made")
    parser.add_argument("--max-p50", type=float, metavar="MS")
    options = parser.parse_args()
    binary = options.dateline
    if not binary:
        subprocess.run(["cargo", "build", "--profile", "dist", "--locked", "--quiet"], cwd=ROOT, check=True)
        binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "dist" / "dateline"
    with tempfile.TemporaryDirectory(prefix="dateline-latency-") as scratch:
        scratch = pathlib.Path(scratch)
        for folder in ("config", "content"):
            shutil.copytree(ROOT / folder, scratch / folder)
        with serve(binary, scratch / "config" / "dateline.toml") as daemon:
            command = [
                sys.executable, str(HERE / "publish_latency.py"), str(scratch / "content" / "technology"),
                daemon.url + "technology/rss.xml", "--count", str(options.count), "--gap-ms", str(options.gap_ms),
                "--encoding", options.encoding,
            ]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(output, end="")
    p50 = json.loads(output.splitlines()[-1])["p50_ms"]
    if options.max_p50 is not None and p50 >= options.max_p50:
        print(f"MISSED: p50 {p50} ms, less than {options.max_p50} ms asked for", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
