"""A small newsroom, for the scripts that run a daemon and let others look at its feeds."""
import sys
import urllib.request

# The address leads to the one that the daemon really listens on.
CONFIG = """
[site]
title = "Courier"
url = "http://127.0.0.1:8080/"
language = "en"
tag_authority = "courier.example,2026"
[content]
directory = "content"
[output]
directory = "feeds"
[state]
directory = "state"
"""
faults = []


def expect(what, truth, seen=""):
    """Prints whether something is as it should be. What isn't is a fault."""
    if not truth:
        faults.append(f"{what}: {seen}")
    print(f"{'ok  ' if truth else 'FAIL'} {what}", flush=True)


def exit_code():
    """Prints the faults. 1 if there are any."""
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def write(home, path, text):
    """Writes a file of the content directory as editors do: under another name first."""
    target = home / "content" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(".new")
    temporary.write_text(text)
    temporary.rename(target)


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()
