#!/usr/bin/env python3
"""What a reader notices while a daemon of ours is abused, and what the abuse leaves behind in it. Linux only.

usage: abuse.py [--only NAME[,NAME]] [--quick] [--dateline PATH] [--max-p99 50] [--churn-seconds 60]

Each attack has a daemon of its own, started for it on loopback with a feed of about 1 MB, and an honest client in a process
of its own that polls all the time: conditional requests (304) and gzip (200) in turn on connections that it keeps, every
tenth request on a new one. Its latencies are those of whole requests, connecting included, first for a moment of quiet and
then under attack. Attackers are processes of their own and paced, so that they take time from the daemon by what they do
to it and not by being Python; the table says what they reached.

  slowloris      2,000 connections that send the head of a request a byte a second
  slow-readers   500 connections that ask for the feed and read nothing, or a byte a second; 20 more are there when the
                 daemon has to end (not with --quick)
  idle           5,000 connections that send nothing, half a request line, or no second request
  descriptors    20,000 connections to a daemon that may have 1,000 file descriptors: those that were there before are
                 served, new ones at once when the attackers have left, and an article is published meanwhile
  smuggling      requests that two programs could read differently, each with another one right behind it
  huge-headers   10 MB of header fields, 10 MB of request line, 100,000 header fields
  http2-floods   rapid reset, CONTINUATION, SETTINGS, PING, PRIORITY, empty DATA, windows, HPACK, in clear text, and
                 smuggling once more where both versions are spoken
  tls-garbage    noise, half a ClientHello, plain HTTP, abandoned handshakes and silence after whole ones, on the TLS port
  article-pages  600 requests a second for pages of 900 kB articles, given up before the page is there, and 200 clients that take
                 such pages a byte a second
  media          the same for a file of 5 MB
  churn          connections that are opened, used or broken off, and closed, as many as come into --churn-seconds
  admin          500 slow connections and huge heads on the admin port

Bounds: the honest client has p99 < --max-p99 and no error; peak memory grows by at most --max-growth-mb and 64 KiB a
connection; after at most 40 s descriptors are back where they were, and memory is within 30 MB or half of it; an article that
is written then is in the feed within 5 s; the log has at most --max-log-lines lines and no panic; SIGTERM leads to exit 0
within 15 s. While article pages and media are attacked, new articles go on to appear: the p99 of how long each takes is at most twice that
of the same run without the attack (or --publish-slack more than that, so that a busy machine does not decide), and at most
--max-threads threads are there beside those of before. What sockets hold in the kernel, outside the daemon's memory, has a column in the table and no bound. What is
broken is printed as MISSED, and the exit code is 1. The last line is JSON.

--quick divides all counts by ten and takes about a minute; it still needs the `openssl` command for the TLS port.
"""
import argparse
import collections
import contextlib
import datetime
import errno
import gc
import gzip
import itertools
import json
import math
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import platform
import random
import re
import resource
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PROCESSES = multiprocessing.get_context("fork")

ARTICLES = 50
ARTICLE_BYTES = 20_000
FEED = "/rss.xml"
SETTLE_SECONDS = 40
BIG_ARTICLES = 20
BIG_ARTICLE_BYTES = 900_000
# With --quick, which runs against a debug build.
QUICK_BIG_ARTICLES = 6
QUICK_BIG_ARTICLE_BYTES = 150_000
MEDIA_BYTES = 5_000_000
WIRE = "/wire/rss.xml"
STOP_SECONDS = 15
PUBLISH_SECONDS = 5
RETURN_SECONDS = 2
# What a connection may cost at its peak.
BYTES_PER_CONNECTION = 64 * 1024
KEPT_MB = 30
# The page cache of dateline (`CACHE_BYTES` in `serve/pages.rs`) is bounded, and full after an attack on pages.
PAGE_CACHE_MB = 32
KEPT_SHARE = 0.5

CONFIG = """
[site]
title = "Abused Courier"
url = "http://feeds.courier.example/"
tag_authority = "courier.example,2026"
description = "Measured"
timezone = "UTC"

[content]
directory = "../content"
%(content)s

[output]
directory = "../feeds"

[admin]
listen = "127.0.0.1:0"

[server]
listen = "127.0.0.1:0"
%(server)s
[feeds]
formats = ["rss"]
max_items = 50
max_bytes = 4000000

[[section]]
path = "news"
title = "News"

[[section]]
path = "wire"
title = "Wire"

# Answers that say which request they belong to.
[[moved]]
from = "/first/"
to = "https://first.example/"

[[moved]]
from = "/inner/"
to = "https://inner.example/"

[[moved]]
from = "/smuggled/"
to = "https://smuggled.example/"
"""


class Unusable(Exception):
    """The measurement could not be made, which breaks a bound too."""


# The newsroom and its daemon


def make_newsroom(folder):
    """Articles of words that no dictionary has, so that compression does not make the feed small."""
    words = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    now = datetime.datetime.now(datetime.timezone.utc)
    news = folder / "content" / "news"
    news.mkdir(parents=True)
    (folder / "config").mkdir()
    for number in range(ARTICLES):
        text, size = [], 0
        while size < ARTICLE_BYTES:
            word = "".join(words.choices(letters, k=words.randint(3, 10)))
            text.append(word if len(text) % 80 else "\n\n" + word)
            size += len(word) + 1
        date = (now - datetime.timedelta(hours=number + 1)).strftime("%Y-%m-%d %H:%M")
        (news / f"story-{number:02d}.md").write_text(f"---\ntitle: Story {number}\ndate: {date}\n---\n{' '.join(text)}\n")


def make_big_articles(folder, count, length):
    """Articles that are in no feed, with a picture: what their pages cost is what the attack is about."""
    archive = folder / "content" / "archive"
    archive.mkdir()
    letters = random.Random(8)
    words = ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=letters.randint(3, 10))) for _ in range(20_000)]
    for number in range(count):
        parts, size = [], 0
        while size < length:
            part = " ".join(letters.choices(words, k=12))
            parts.append(f"{part} *{part[:20]}* [{part[:9]}](https://www.courier.example/{len(parts)})")
            size += len(parts[-1]) + 2
        head = f"title: Archive {number}\ndate: 2020-01-01 10:{number:02d}\nfeeds: false\nimage: crane.jpg\n"
        (archive / f"big-{number:02d}.md").write_text(f"---\n{head}---\n" + "\n\n".join(parts) + "\n")
    (archive / "crane.jpg").write_bytes(random.Random(9).randbytes(MEDIA_BYTES))


def big_paths(binary, folder):
    """The paths of their pages, as dateline names them."""
    paths = []
    for article in sorted((folder / "content" / "archive").glob("*.md")):
        command = [binary, "--config", str(folder / "config" / "dateline.toml"), "explain", f"content/archive/{article.name}"]
        told = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if not (link := re.search(r"^link +http://[^/]+(/articles/\S+)", told.stdout, re.M)):
            raise Unusable(f"dateline names no page of {article.name}:\n{told.stdout[-500:]}{told.stderr[-500:]}")
        paths.append(link[1])
    return paths


def make_certificate(folder):
    """A self-signed pair beside the configuration."""
    if not shutil.which("openssl"):
        raise Unusable("the `openssl` command is not there; install it, or leave tls-garbage out with --only")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
               "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode != 0:
        raise Unusable(f"openssl made no certificate: {made.stderr.strip()[-500:]}")


Sample = collections.namedtuple("Sample", "rss_mb fds threads cpu_s kernel_mb")


def configure(folder, server=""):
    """Articles have pages of their own here where some are there to be attacked."""
    has_pages = (folder / "content" / "archive").is_dir()
    content = "" if has_pages else 'article_url = "https://www.courier.example/{section}/{slug}/"'
    (folder / "config" / "dateline.toml").write_text(CONFIG % {"server": server, "content": content})


class Daemon:
    """A running daemon, seen from outside: its addresses, its figures in /proc and its log."""

    def __init__(self, binary, folder, server="", descriptors=None, wanted=("http",)):
        configure(folder, server)
        self.folder, self.descriptors = folder, descriptors
        self.output, self.log = folder / "stdout", folder / "stderr"
        environment = {name: value for name, value in os.environ.items() if name != "DATELINE_LOG"}
        # As in the unit that is shipped: memory is given back from 10 ms on, and not from a second on.
        environment["MIMALLOC_PURGE_DELAY"] = "10"

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        with open(self.output, "w") as output, open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [binary, "--config", str(folder / "config" / "dateline.toml"), "serve"],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=environment, preexec_fn=limit)
        try:
            self.addresses = self.announced(wanted)
            self.http = self.addresses["http"]
            self.wait_ready()
        except BaseException:
            self.kill()
            raise

    def logged(self):
        return self.log.read_text(errors="replace")

    def announced(self, wanted):
        """The address of each listener, by its scheme."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = {}
            for line in self.output.read_text().splitlines():
                if match := re.match(r"(feeds|admin)  (https?)://127\.0\.0\.1:(\d+)/", line):
                    found.setdefault("admin" if match[1] == "admin" else match[2], ("127.0.0.1", int(match[3])))
            if all(scheme in found for scheme in wanted):
                return found
            if self.process.poll() is not None:
                raise Unusable(f"exit {self.process.returncode} before it listened:\n{self.logged()[-2000:]}")
            time.sleep(0.02)
        raise Unusable(f"no address for {', '.join(wanted)} was printed within 60 s, only {sorted(found)}")

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, Unusable), Http(self.http) as client:
                if client.get("/readyz")[0] == 200:
                    return
            time.sleep(0.02)
        raise Unusable(f"dateline was not ready within 60 s:\n{self.logged()[-2000:]}")

    def sample(self):
        proc = f"/proc/{self.process.pid}"
        try:
            status = open(f"{proc}/status").read()
            spent = open(f"{proc}/stat").read().rsplit(")", 1)[1].split()[11:13]
            fds = len(os.listdir(f"{proc}/fd"))
            # What all sockets of this network namespace hold, those of the attackers too, which read little.
            kernel = int(re.search(r"^TCP:.* mem (\d+)", open("/proc/net/sockstat").read(), re.M)[1])
            rss, threads = (int(re.search(rf"^{name}:\s+(\d+)", status, re.M)[1]) for name in ("VmRSS", "Threads"))
        except (OSError, TypeError):
            raise Unusable(f"dateline is gone (exit {self.process.poll()}):\n{self.logged()[-2000:]}") from None
        return Sample(rss / 1024, fds, threads, sum(map(int, spent)) / os.sysconf("SC_CLK_TCK"),
                      kernel * os.sysconf("SC_PAGE_SIZE") / 2**20)

    def open_files(self):
        """What the descriptors stand for, without the numbers of sockets and pipes."""
        folder, files = f"/proc/{self.process.pid}/fd", collections.Counter()
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                files[re.sub(r"\[\d+\]", "", os.readlink(f"{folder}/{name}"))] += 1
        # SQLite keeps the descriptors of closed connections for reuse while another connection has a lock.
        return collections.Counter({name: count for name, count in files.items() if not name.endswith("/ledger.sqlite")})

    def forget_peak(self):
        """Lets the kernel measure the peak of memory from now on; where that is not allowed, samples have to do."""
        with contextlib.suppress(OSError):
            open(f"/proc/{self.process.pid}/clear_refs", "w").write("5")
            return True
        return False

    def peak_mb(self):
        return int(re.search(r"^VmHWM:\s+(\d+)", open(f"/proc/{self.process.pid}/status").read(), re.M)[1]) / 1024

    def stop(self):
        """SIGTERM; the exit code, or None if there was none in time, and the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        return code, time.monotonic() - started

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


# The honest client


class Http:
    """One HTTP/1.1 connection at a time, kept open between requests."""

    def __init__(self, address, tls=None, timeout=10):
        self.address, self.tls, self.timeout = address, tls, timeout
        self.socket, self.buffer = None, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def connect(self):
        self.close()
        plain = socket.create_connection(self.address, self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.tls.wrap_socket(plain, server_hostname=self.address[0]) if self.tls else plain

    def get(self, path, headers=""):
        """Status, fields of the head by their names in lower case, and body."""
        if not self.socket:
            self.connect()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = 0 if status in (204, 304) else int(fields["content-length"])
        parts, have = [self.buffer], len(self.buffer)
        while have < length:
            self.buffer = b""
            self.more()
            parts.append(self.buffer)
            have += len(self.buffer)
        whole = b"".join(parts)
        body, self.buffer = whole[:length], whole[length:]
        if fields.get("connection", "").lower() == "close":
            self.close()
        return status, fields, body

    def more(self):
        got = self.socket.recv(262_144)
        if not got:
            raise ConnectionError("closed in the middle of an exchange")
        self.buffer += got


def trusting(certificate):
    """What an honest client needs to talk to the TLS port; None for the one in clear text."""
    return ssl.create_default_context(cafile=certificate) if certificate else None


def honest_client(address, certificate, connections, fresh_every, stop, report):
    """Polls until it is told to stop, and reports when each request began (s), how long it took (ms), and what was wrong."""
    gc.disable()
    tls = trusting(certificate)
    clients = [Http(address, tls) for _ in range(connections)]
    for client in clients:
        client.connect()
    known = {}

    def fault_of(status, fields, body):
        """What is wrong with a 200; a feed that is not known yet is looked at as a whole."""
        nonlocal tag
        tag = fields.get("etag", "")
        if status != 200 or fields.get("content-encoding") != "gzip" or not tag:
            return f"{status} instead of 200 in gzip with a tag"
        if tag not in known:
            with contextlib.suppress(OSError, EOFError, ValueError):
                if gzip.decompress(body).rstrip().endswith(b"</rss>"):
                    known[tag] = body
        return None if known.get(tag) == body else f"{len(body)} bytes that are not the feed {tag}"

    records, tag = [], ""
    first = fault_of(*clients[0].get(FEED, "Accept-Encoding: gzip\r\n"))
    report.send(first)
    if first:
        return
    for number in itertools.count():
        if stop.is_set():
            break
        client = clients[number % connections]
        begun, error = time.monotonic(), None
        try:
            if fresh_every and number % fresh_every == fresh_every - 1:
                client.close()
            if number // connections % 2:
                got = client.get(FEED, f"Accept-Encoding: gzip\r\nIf-None-Match: {tag}\r\n")
                error = None if got[0] == 304 else fault_of(*got)
            else:
                error = fault_of(*client.get(FEED, "Accept-Encoding: gzip\r\n"))
        except (OSError, ValueError, KeyError, IndexError) as fault:
            error = f"{type(fault).__name__}: {fault}"
        records.append((begun, (time.monotonic() - begun) * 1000, error))
        if error:
            client.close()
            time.sleep(0.1)
        time.sleep(0.003)
    report.send(records)


def publisher(address, folder, stop, report):
    """Publishes one small article after the other until it is told to stop, and reports when each was written (s), and how long it took
    to appear (ms)."""
    records, client = [], Http(address)
    for number in itertools.count():
        if stop.is_set():
            break
        token = f"wire-{number}-of-{random.randrange(10**6)}"
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        draft = folder / "wire.md"
        draft.write_text(f"---\ntitle: {token}\ndate: {date}\n---\nA flash.\n")
        begun = time.monotonic()
        draft.rename(folder / "content" / "wire" / f"{token}.md")
        while time.monotonic() - begun < PUBLISH_SECONDS * 2:
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
                if token.encode() in client.get(WIRE)[2]:
                    break
            time.sleep(0.002)
        records.append((begun, (time.monotonic() - begun) * 1000))
        time.sleep(0.05)
    client.close()
    report.send(records)


def quantile(values, share):
    """The value that this share of all does not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)] if values else None


# Attackers: each function runs in a process of its own and returns what it reached. "wrong" in it lists broken rules.


def source(number):
    """One of many loopback addresses, so that there are ports enough for all connections."""
    return f"127.0.0.{2 + number % 200}"


def attacking_socket(number, receive_buffer=None):
    attacker = socket.socket()
    # IP_BIND_ADDRESS_NO_PORT: the port is chosen when the other end is known, and so can be in use for another end already.
    attacker.setsockopt(socket.IPPROTO_IP, 24, 1)
    if receive_buffer:
        attacker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    attacker.bind((source(number), 0))
    return attacker


class Swarm:
    """Many connections in one thread, each opened anew when the server closes it (unless `reopen` is off)."""

    def __init__(self, address, count, per_second, greeting, *, receive_buffer=None, deaf=False, reopen=True,
                 kind=lambda slot: "all"):
        self.address, self.count, self.per_second, self.greeting = address, count, per_second, greeting
        self.receive_buffer, self.deaf, self.reopen, self.kind = receive_buffer, deaf, reopen, kind
        self.poll = select.epoll()
        self.sockets, self.slots, self.connected = {}, {}, set()
        self.waiting = collections.deque(range(count))
        self.opened, self.most = 0, 0
        self.dropped, self.heard = collections.Counter(), collections.defaultdict(collections.Counter)
        self.due, self.last = 0.0, time.monotonic()

    def open(self, slot):
        try:
            attacker = attacking_socket(slot, self.receive_buffer)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self.waiting.append(slot)
            return False
        attacker.setblocking(False)
        if attacker.connect_ex(self.address) not in (0, errno.EINPROGRESS):
            attacker.close()
            self.waiting.append(slot)
            return False
        self.sockets[attacker.fileno()], self.slots[slot] = (attacker, slot), attacker
        self.poll.register(attacker, select.EPOLLOUT)
        self.opened += 1
        return True

    def drop(self, slot):
        attacker = self.slots.pop(slot)
        del self.sockets[attacker.fileno()]
        attacker.close()
        if slot in self.connected:
            self.connected.remove(slot)
            self.dropped[self.kind(slot)] += 1
        if self.reopen:
            self.waiting.append(slot)

    def send(self, slot, data):
        try:
            return self.slots[slot].send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.drop(slot)
            return 0

    def step(self, seconds):
        """Opens what is due and looks at what the server did."""
        now = time.monotonic()
        self.due, self.last = min(self.due + (now - self.last) * self.per_second, self.per_second * 0.1 + 1), now
        while self.waiting and self.due >= 1:
            self.due -= 1
            if not self.open(self.waiting.popleft()):
                break
        deadline = time.monotonic() + seconds
        while True:
            for descriptor, events in self.poll.poll(max(0, deadline - time.monotonic())):
                if descriptor in self.sockets:
                    self.look(self.sockets[descriptor][1], events)
            if time.monotonic() >= deadline:
                break
        self.most = max(self.most, len(self.connected))

    def look(self, slot, events):
        attacker = self.slots[slot]
        if slot not in self.connected:
            if events & (select.EPOLLERR | select.EPOLLHUP):
                self.drop(slot)
                return
            self.connected.add(slot)
            self.poll.modify(attacker, select.EPOLLRDHUP if self.deaf else select.EPOLLIN)
            if data := self.greeting(slot):
                self.send(slot, data)
            return
        if self.deaf:
            self.drop(slot)
            return
        try:
            data = attacker.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.heard[self.kind(slot)][data[:12]] += 1
        else:
            self.drop(slot)

    def run(self, seconds, each_tick=None):
        """Runs for a while; `each_tick` is called twenty times a second with the number of the tick."""
        begun = time.monotonic()
        for tick in itertools.count():
            if time.monotonic() - begun >= seconds:
                break
            self.step(0.02)
            if each_tick and tick % 2 == 0:
                each_tick(tick // 2)
            ahead = begun + (tick + 1) * 0.025 - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
        return time.monotonic() - begun

    def close(self):
        for attacker in self.slots.values():
            attacker.close()
        self.slots, self.sockets = {}, {}


def pace(count, seconds):
    """Connections a second, so that all are there after a third of the time."""
    return max(count * 3 / seconds, 50)


def slowloris(address, count, seconds):
    head = b"GET /rss.xml HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 1000
    sent, positions = 0, {}
    swarm = Swarm(address, count, pace(count, seconds), lambda slot: positions.update({slot: 0}))

    def tick(number):
        nonlocal sent
        for slot in range(number % 20, count, 20):
            if slot in swarm.connected:
                gone = swarm.send(slot, head[positions[slot]:positions[slot] + 1])
                positions[slot] += gone
                sent += gone

    took = swarm.run(seconds, tick)
    swarm.close()
    return {"connections": swarm.most, "opened": swarm.opened, "dropped": swarm.dropped.total(),
            "reached": f"{swarm.most} at a time, {swarm.opened} opened, {sent / took:.0f} B/s, {swarm.dropped.total()} dropped"}


def slow_readers(address, count, seconds):
    # Every fourth asks ten times at once: more than the kernel takes over from the daemon.
    request = f"GET {FEED} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n".encode()
    swarm = Swarm(address, count, pace(count, seconds), lambda slot: request * (1 if slot % 4 else 10),
                  receive_buffer=4096, deaf=True)
    read = 0

    def tick(number):
        nonlocal read
        # Half of them read nothing at all.
        for slot in range(number % 20, count, 20):
            if slot // 4 % 2:
                continue
            if slot in swarm.connected:
                try:
                    read += len(swarm.slots[slot].recv(1))
                except BlockingIOError:
                    pass
                except OSError:
                    swarm.drop(slot)

    took = swarm.run(seconds, tick)
    swarm.close()
    return {"connections": swarm.most, "opened": swarm.opened, "dropped": swarm.dropped.total(),
            "reached": f"{swarm.most} at a time, {read / took:.0f} B/s read, {swarm.dropped.total()} seen dropped"}


def abandoned(address, paths, per_second, seconds):
    """Asks for something large, and leaves before it is there."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\n\r\n".encode()
                for path in paths for coding in ("gzip", "br", "identity")]
    count, held, begun = 0, collections.deque(), time.monotonic()
    while (now := time.monotonic()) - begun < seconds:
        # Each is held for a tenth of a second.
        while held and held[0][0] < now - 0.1:
            held.popleft()[1].close()
        ahead = begun + count / per_second - now
        if ahead > 0:
            time.sleep(min(ahead, 0.02))
            continue
        connection = attacking_socket(count)
        connection.setblocking(False)
        connection.connect_ex(address)
        select.select([], [connection], [], 1)
        with contextlib.suppress(OSError):
            connection.send(requests[count % len(requests)])
        held.append((now, connection))
        count += 1
    took = time.monotonic() - begun
    for _, connection in held:
        connection.close()
    return {"connections": 0, "opened": count, "reached": f"{count} abandoned, {count / took:.0f}/s"}


def slow_takers(address, paths, count, seconds):
    """Ask for something large, and read a byte a second of it."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n".encode() for path in paths]
    swarm = Swarm(address, count, pace(count, seconds), lambda slot: requests[slot % len(requests)],
                  receive_buffer=4096, deaf=True)

    def tick(number):
        for slot in range(number % 20, count, 20):
            if slot in swarm.connected:
                try:
                    swarm.slots[slot].recv(1)
                except BlockingIOError:
                    pass
                except OSError:
                    swarm.drop(slot)

    swarm.run(seconds, tick)
    swarm.close()
    return {"connections": swarm.most, "opened": swarm.opened, "dropped": swarm.dropped.total(),
            "reached": f"{swarm.most} slow ones at a time"}


def idle(address, count, seconds):
    greetings = [None, b"GET /rss", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    kinds = ["silent", "half a line", "one request"]
    swarm = Swarm(address, count, pace(count, seconds), lambda slot: greetings[slot % 3], kind=lambda slot: kinds[slot % 3])
    swarm.run(seconds)
    swarm.close()
    answered = swarm.heard["one request"][b"HTTP/1.1 200"]
    wrong = [] if answered else ["no connection that asked for something got its answer"]
    return {"connections": swarm.most, "opened": swarm.opened, "dropped": dict(swarm.dropped), "wrong": wrong,
            "reached": f"{swarm.most} at a time, {swarm.opened} opened, {swarm.dropped.total()} dropped, {answered} answered"}


def many_connections(address, count, seconds, first):
    """Its share of more connections than the daemon has descriptors for; none is given up before the end."""
    swarm = Swarm(address, count, pace(count, seconds), lambda slot: None, reopen=False)
    swarm.waiting = collections.deque(range(first, first + count))
    swarm.run(seconds)
    tried, connected, dropped = swarm.opened, len(swarm.connected), swarm.dropped.total()
    swarm.close()
    counts = {"tried": tried, "never let in": tried - connected - dropped, "dropped": dropped}
    return {"connections": 0, "opened": tried, "dropped": dropped, "counts": counts, "reached": ""}


FIRST = b"GET /first/x HTTP/1.1\r\nHost: localhost\r\n"
INNER = b"GET /inner/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = b"GET /smuggled/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# What may come back: F, I and S are the redirects of the three requests, E is any 4xx or 5xx. After the last of them the server
# has to hang up.
REFUSED, ONCE, IN_STEP = "E?", "[EF]?", "[EF]?|[EF]S"


def smuggling_table():
    def first(fields, body=b""):
        return FIRST + fields + b"\r\n\r\n" + body

    size = str(len(INNER)).encode()
    chunk = b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"
    empty = b"0\r\n\r\n"
    coding = b"Transfer-Encoding: chunked"
    return [
        ("nothing wrong", first(b"X: y"), "FS"),
        ("CL and TE", first(b"Content-Length: %d\r\n" % (len(INNER) + 5) + coding, empty + INNER), ONCE),
        ("TE and CL", first(coding + b"\r\nContent-Length: 4", chunk), ONCE),
        ("TE and CL, POST", first(coding + b"\r\nContent-Length: 4", chunk).replace(b"GET", b"POST", 1), ONCE),
        ("CL only", first(b"Content-Length: " + size, INNER), IN_STEP),
        ("two CLs that differ", first(b"Content-Length: 0\r\nContent-Length: " + size, INNER), REFUSED),
        ("two CLs in one line", first(b"Content-Length: 0, " + size, INNER), REFUSED),
        ("two CLs that agree", first(b"Content-Length: " + size + b"\r\nContent-Length: " + size, INNER), IN_STEP),
        ("CL with a plus", first(b"Content-Length: +" + size, INNER), REFUSED),
        ("CL below nothing", first(b"Content-Length: -1", INNER), REFUSED),
        ("CL in hexadecimal", first(b"Content-Length: 0x2b", INNER), REFUSED),
        ("CL with a blank in it", first(b"Content-Length: 4 3", INNER), REFUSED),
        ("CL without a number", first(b"Content-Length: ", INNER), REFUSED),
        ("CL beyond 64 bits", first(b"Content-Length: 18446744073709551616", INNER), REFUSED),
        ("TE folded", first(b"X: y\r\nTransfer-Encoding:\r\n chunked", chunk), REFUSED),
        ("TE as a folded line", first(b"X: y\r\n " + coding, chunk), REFUSED),
        ("TE after two blanks", first(b"Transfer-Encoding:  chunked", chunk), IN_STEP),
        ("TE after a vertical tab", first(b"Transfer-Encoding: \x0bchunked", chunk), REFUSED),
        ("TE xchunked", first(b"Transfer-Encoding: xchunked", chunk), REFUSED),
        ("TE identity and CL", first(b"Transfer-Encoding: identity\r\nContent-Length: " + size, INNER), ONCE),
        ("TE chunked, identity", first(b"Transfer-Encoding: chunked, identity", chunk), REFUSED),
        ("TE chunked twice", first(coding + b", chunked", chunk), ONCE),
        ("TE in two lines", first(coding + b"\r\nTransfer-Encoding: x", chunk), ONCE),
        ("TE quoted", first(b'Transfer-Encoding: "chunked"', chunk), REFUSED),
        ("TE with a blank before the colon", first(b"Transfer-Encoding : chunked", chunk), REFUSED),
        ("TE with a NUL", first(b"Transfer-Encoding\0: chunked", chunk), REFUSED),
        ("TE with CR before CRLF", first(b"Transfer-Encoding: chunked\r", chunk), REFUSED),
        ("TE with an underscore", first(b"Transfer_Encoding: chunked\r\nContent-Length: " + size, INNER), IN_STEP),
        ("TE in HTTP/1.0", first(coding + b"\r\nConnection: keep-alive", chunk).replace(b"1.1", b"1.0", 1), ONCE),
        ("chunk beyond 64 bits", first(coding, b"FFFFFFFFFFFFFFFFF\r\n" + INNER), ONCE),
        ("chunk below nothing", first(coding, b"-1\r\n" + INNER), ONCE),
        ("chunk with 0x", first(coding, b"0x2b\r\n" + INNER + b"\r\n" + empty), ONCE),
        ("chunk after a blank", first(coding, b" " + chunk), ONCE),
        ("chunk with an extension", first(coding, b"1;name=value\r\na\r\n" + empty), IN_STEP),
        ("chunk, LF in its extension", first(coding, b"1;\nxx\r\n" + INNER + b"\r\n" + empty), ONCE),
        ("chunk longer than it says", first(coding, b"1\r\naXX" + empty + INNER), ONCE),
        ("trailer with CL", first(coding, b"0\r\nContent-Length: " + size + b"\r\n\r\n"), IN_STEP),
        ("LF ends lines", FIRST.replace(b"\r", b"") + b"X: y\n\n", IN_STEP),
        ("LF ends the head", FIRST + b"X: y\n\n", IN_STEP),
        ("CR ends lines", FIRST.replace(b"\n", b"") + b"X: y\r\r", REFUSED),
        ("NUL in a name", first(b"X\0Y: y"), REFUSED),
        ("NUL in a value", first(b"X: y\0z"), REFUSED),
        ("CR in a name", first(b"X\rY: y"), REFUSED),
        ("CR in a value", first(b"X: y\rInjected: yes"), REFUSED),
        ("blank in a name", first(b"X Y: y"), REFUSED),
        ("field without a name", first(b": y"), REFUSED),
        ("line without a colon", first(b"no colon"), REFUSED),
        ("folded first line", b"GET /first/x HTTP/1.1\r\n Host: localhost\r\n\r\n", REFUSED),
        ("two hosts", first(b"Host: evil.example"), "E?|ES"),
        ("whole URL, other host", FIRST.replace(b"/first", b"http://evil.example/first") + b"\r\n", IN_STEP),
        ("host as a path", FIRST.replace(b"/first/x", b"//evil.example/news") + b"\r\n", IN_STEP),
        ("backslash as a host", FIRST.replace(b"/first/x", b"/\\evil.example/news") + b"\r\n", IN_STEP),
        ("CRLF in the path", FIRST.replace(b"/x", b"/%0d%0aInjected:%20yes") + b"\r\n", IN_STEP),
        ("CRLF in the query", FIRST.replace(b"/x", b"/x?a=%0d%0aInjected:%20yes%0d%0a%0d%0a") + b"\r\n", IN_STEP),
        ("CRLF in the query, no slash", FIRST.replace(b"/first/x", b"/news?%0d%0aInjected:%20yes") + b"\r\n", IN_STEP),
        ("CRLF as the low bytes of letters", FIRST.replace(b"/x", "/x?嘍嘊Injected:yes".encode()) + b"\r\n", IN_STEP),
        ("bare CR in the query", FIRST.replace(b"/x", b"/x?\rInjected:yes") + b"\r\n", REFUSED),
        ("two targets", b"GET /first/x /inner/x HTTP/1.1\r\nHost: localhost\r\n\r\n", REFUSED),
        ("HTTP/0.9", b"GET /first/x\r\n", REFUSED),
        ("HTTP/9.9", FIRST.replace(b"1.1", b"9.9") + b"\r\n", REFUSED),
        ("CONNECT", b"CONNECT inner.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "E?|ES"),
        ("Expect", first(b"Expect: 100-continue\r\nContent-Length: " + size, INNER), IN_STEP),
        ("Upgrade to h2c", first(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"), IN_STEP),
        ("HTTP/2 in the middle", first(b"X: y", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "FE*S?|E"),
    ]


def read_out(connection, seconds):
    """All that the server sends, and whether it hung up in time."""
    got, deadline = [], time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            data = connection.recv(65_536)
        except TimeoutError:
            break
        except OSError:
            data = b""
        if not data:
            return b"".join(got), True
        got.append(data)
    return b"".join(got), False


def responses(got):
    """The letters of the responses one after another, `?` for what is none, and their heads."""
    letters, heads = "", []
    while got:
        head, end, rest = got.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3})[ \r]", head + b"\r")
        if not end or not status:
            return letters + "?", heads
        heads.append(head)
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        if status[1] == b"100":
            got = rest
            continue
        where = re.match(rb"https://(first|inner|smuggled)\.example/", fields.get(b"location", b""))
        if where:
            letters += where[1][:1].decode().upper()
        else:
            # A redirect within the site stands for the first request too: it is what `/news` gets.
            letters += "E" if status[1] >= b"400" else "F" if fields.get(b"location", b"").startswith(b"./") else "?"
        length = fields.get(b"content-length", b"0")
        if not length.isdigit() or len(rest) < int(length) or b"transfer-encoding" in fields:
            return letters + "?", heads
        got = rest[int(length):]
    return letters, heads


def smuggling(address, seconds):
    table, wrong, rounds, asked = smuggling_table(), [], 0, 0
    begun = time.monotonic()
    seen = {}
    for piece, gap in itertools.cycle([(1_000_000, 0), (7, 0), (40, 0.001)]):
        if rounds >= 3 and time.monotonic() - begun > seconds:
            break
        rounds += 1
        for name, request, rule in table:
            asked += 1
            with attacking_socket(asked) as connection:
                connection.settimeout(5)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                data = request + SMUGGLED
                with contextlib.suppress(OSError):
                    for start in range(0, len(data), piece):
                        connection.send(data[start:start + piece])
                        if gap:
                            time.sleep(gap)
                got, closed = read_out(connection, 5)
            letters, heads = responses(got)
            seen.setdefault(name, set()).add(letters)
            faults = []
            if not re.fullmatch(rule, letters):
                faults.append(f"was answered {letters or 'with nothing'}, which is not {rule}")
            if not closed:
                faults.append(f"left the connection open after {letters or 'no answer'}")
            for head in heads:
                if re.search(rb"(?i)[\r\n]\s*injected|\0|\r(?!\n)|(?<!\r)\n|evil\.example", head):
                    faults.append(f"came back in the head of the answer: {head!r}")
            wrong += [f"{name} (in pieces of {piece} bytes) {fault}" for fault in faults]
            time.sleep(0.002)
    return {"connections": 1, "opened": asked, "wrong": sorted(set(wrong)),
            "answers": {name: "/".join(sorted(letters)) for name, letters in seen.items()},
            "reached": f"{len(table)} requests, {asked} connections, {asked / (time.monotonic() - begun):.0f}/s"}


def huge_headers(address, seconds, megabytes, lines):
    start = b"GET /rss.xml HTTP/1.1\r\nHost: localhost\r\n"
    big = megabytes * 1_000_000
    shapes = [
        ("one long value", [start, b"X: ", b"a" * big, b"\r\n\r\n"]),
        ("one long name", [start, b"a" * big, b": x\r\n\r\n"]),
        ("long lines", [start, (b"X: " + b"a" * 7_995 + b"\r\n") * (big // 8_000), b"\r\n"]),
        ("long request line", [b"GET /", b"a" * big, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"]),
        ("long method", [b"A" * big, b" / HTTP/1.1\r\nHost: localhost\r\n\r\n"]),
        ("no line at all", [b"\r\n" * (big // 2)]),
        ("many lines", [start, b"".join(b"X-%d: y\r\n" % number for number in range(lines)), b"\r\n"]),
    ]
    outcomes, wrong, sent = collections.Counter(), [], 0
    lock, parallel = threading.Lock(), 4

    def send(name, parts):
        nonlocal sent
        gone = 0
        with attacking_socket(0) as connection:
            connection.settimeout(10)
            connection.connect(address)
            hung = False
            try:
                for part in parts:
                    view = memoryview(part)
                    while view:
                        step = connection.send(view[:65_536])
                        gone, view = gone + step, view[step:]
            except TimeoutError:
                hung = True
            except OSError:
                pass
            # No end of the request for those that have none: the server has to give up by itself.
            got, closed = read_out(connection, 30)
        status = re.match(rb"HTTP/1\.[01] (\d{3})", got)
        outcome = status[1].decode() if status else "closed" if closed else "open"
        with lock:
            sent += gone
            outcomes[f"{name}: {outcome}"] += 1
            if hung or not closed:
                wrong.append(f"{name}: the connection was still open 30 s later")
            elif outcome not in ("closed", "400", "408", "413", "414", "431", "501", "505"):
                wrong.append(f"{name}: answered with {outcome}")

    begun = time.monotonic()
    for number in itertools.count():
        if number >= len(shapes) and time.monotonic() - begun > seconds:
            break
        threads = [threading.Thread(target=send, args=shapes[number % len(shapes)]) for _ in range(parallel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(0.2)
    took = time.monotonic() - begun
    return {"connections": parallel, "opened": sum(outcomes.values()), "outcomes": dict(outcomes), "wrong": sorted(set(wrong)),
            "reached": f"{sum(outcomes.values())} requests, {sent / 1e6:.0f} MB taken in {took:.1f} s"}


# HTTP/2 by hand (RFC 9113, and RFC 7541 without Huffman)

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# A PING; what was sent before it has been dealt with when its answer is there.
CAUGHT_UP = b"caughtup"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, bits, first):
    """An HPACK integer behind the bits of `first`."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def text(value):
    return integer(len(value), 7, 0) + value


def head_block(path=b"/", method=b"\x82"):
    """:method GET, :scheme http, :path, :authority; the last two as literals that no table takes up."""
    where = b"\x84" if path == b"/" else b"\x04" + text(path)
    return method + b"\x86" + where + b"\x01" + text(b"localhost")


GET_ROOT = head_block()
POST_ROOT = head_block(method=b"\x83")


class Http2:
    """A connection that sends any frames at all, and notes what comes back."""

    def __init__(self, address, number, settings=b"", piece=1_000):
        self.socket = attacking_socket(number)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.unread, self.seen = b"", collections.Counter()
        self.goaway, self.closed, self.has_caught_up = None, False, False
        # An answer to SETTINGS must not come between the parts of another frame; after half a frame nothing can be sent.
        self.owed, self.torn = b"", False
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = PREFACE + frame(SETTINGS, 0, 0, settings)
        for place in range(0, len(start), piece):
            time.sleep(0.02 if place else 0)
            self.push(start[place:place + piece], False)

    def read(self):
        try:
            data = self.socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        self.unread += data
        while len(self.unread) >= 9:
            length = int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < 9 + length:
                break
            kind, flags, payload = self.unread[3], self.unread[4], self.unread[9:9 + length]
            self.unread = self.unread[9 + length:]
            self.seen[kind] += 1
            self.has_caught_up |= kind == PING and payload == CAUGHT_UP
            if kind == GOAWAY:
                self.goaway = int.from_bytes(payload[4:8], "big")
            if kind == SETTINGS and not flags & ACK:
                self.owed += frame(SETTINGS, ACK, 0)

    def push(self, data, listen, patience=3):
        """Sends all of it; False when the server has ended the connection or takes no more."""
        if self.torn:
            return False
        view, deadline = memoryview(self.owed + data), time.monotonic() + patience
        self.owed = b""
        while view and not self.closed and not (listen and self.goaway is not None):
            readable, writable, _ = select.select([self.socket] if listen else [], [self.socket], [], 0.2)
            if readable:
                self.read()
            if writable and not self.closed:
                try:
                    view = view[self.socket.send(view):]
                    deadline = time.monotonic() + patience
                except BlockingIOError:
                    pass
                except OSError:
                    self.closed = True
            if time.monotonic() > deadline:
                break
        self.torn = len(view) > 0
        return not view and not self.closed and self.goaway is None

    def wait(self, seconds, until=lambda: False):
        """Listens until the server ends the connection, or something else is there, or the time is over."""
        deadline = time.monotonic() + seconds
        while not self.closed and not until() and (left := deadline - time.monotonic()) > 0:
            if self.owed:
                self.push(b"", False)
            if select.select([self.socket], [], [], left)[0]:
                self.read()

    def outcome(self):
        if self.goaway is not None:
            return f"GOAWAY {self.goaway}"
        return "closed" if self.closed else "taken" if self.has_caught_up else "stalled"

    def close(self):
        self.socket.close()


def http2_works(address):
    """One request as it should be, its preface in pieces; without an answer, floods would show nothing."""
    connection = Http2(address, 0, piece=7)
    connection.push(frame(HEADERS, END_STREAM | END_HEADERS, 1, GET_ROOT), True)
    connection.wait(5, lambda: connection.seen[HEADERS] and connection.seen[SETTINGS])
    works = connection.seen[HEADERS] > 0 and connection.goaway is None
    connection.close()
    return works


def floods(frames):
    """Name, settings of the client, whether it listens, and the frames in batches of bytes and number of frames."""
    request, both = END_STREAM | END_HEADERS, struct.pack
    cancel = both(">I", 8)

    def of_streams(make, each):
        for batch in range(0, frames // each, 100):
            numbers = range(batch, min(batch + 100, frames // each))
            yield b"".join(make(2 * number + 1) for number in numbers), each * len(numbers)

    def same(one, first=b""):
        if first:
            yield first, 1
        for batch in range(0, frames, 200):
            number = min(200, frames - batch)
            yield one * number, number

    def continued(piece, most):
        yield frame(HEADERS, END_STREAM, 1, GET_ROOT), 1
        for batch in range(0, most, 20):
            yield frame(CONTINUATION, 0, 1, piece) * min(20, most - batch), min(20, most - batch)

    def bomb():
        """A field of 4,000 bytes in the table, and a byte for each time that it is meant."""
        field = b"\x40" + text(b"a") + text(b"b" * 4_000)
        for number in range(max(1, frames // 1_000)):
            block = GET_ROOT + (field if number == 0 else b"") + b"\xbe" * 12_000
            yield frame(HEADERS, request, 2 * number + 1, block), 1

    open_post = frame(HEADERS, END_HEADERS, 1, POST_ROOT)
    field = b"\x00" + text(b"x-a") + text(b"b" * 100)
    small_window = both(">HI", 4, 0)
    feed = head_block(FEED.encode())
    return [
        ("rapid reset", b"", True,
         of_streams(lambda stream: frame(HEADERS, request, stream, GET_ROOT) + frame(RST_STREAM, 0, stream, cancel), 2)),
        ("rapid reset, deaf", b"", False,
         of_streams(lambda stream: frame(HEADERS, request, stream, feed) + frame(RST_STREAM, 0, stream, cancel), 2)),
        ("resets made by the server", b"", True,
         of_streams(lambda stream: frame(HEADERS, END_HEADERS, stream, POST_ROOT)
                    + frame(WINDOW_UPDATE, 0, stream, both(">I", 0)), 2)),
        ("CONTINUATION, 16 KB", b"", True, continued(field * 150, max(20, frames // 50))),
        ("CONTINUATION, small", b"", True, continued(b"\x00\x01a\x01b", frames)),
        ("CONTINUATION, empty", b"", True, continued(b"", frames)),
        ("SETTINGS", b"", True, same(frame(SETTINGS, 0, 0, both(">HI", 4, 65_535)))),
        ("SETTINGS, deaf", b"", False, same(frame(SETTINGS, 0, 0, both(">HI", 4, 65_535)))),
        ("PING", b"", True, same(frame(PING, 0, 0, b"abcdefgh"))),
        ("PING, deaf", b"", False, same(frame(PING, 0, 0, b"abcdefgh"))),
        ("PRIORITY", b"", True,
         of_streams(lambda stream: frame(PRIORITY, 0, stream, both(">IB", stream - 1 if stream > 1 else 3, 7)), 1)),
        ("DATA, empty", b"", True, same(frame(DATA, 0, 1), open_post)),
        ("WINDOW_UPDATE", b"", True, same(frame(WINDOW_UPDATE, 0, 0, both(">I", 1)))),
        ("WINDOW_UPDATE of 0", b"", True, iter([(frame(WINDOW_UPDATE, 0, 0, both(">I", 0)), 1)])),
        ("WINDOW_UPDATE too far", b"", True, iter([(frame(WINDOW_UPDATE, 0, 0, both(">I", 2**31 - 1)) * 2, 2)])),
        ("unknown frames", b"", True, same(frame(0xbb, 0, 0, b"abcdefgh"))),
        ("HPACK bomb", b"", True, bomb()),
        ("closed window", small_window, True,
         iter([(b"".join(frame(HEADERS, request, 2 * number + 1, feed) for number in range(min(100, frames // 50))), 100)])),
    ]


# A connection that breaks these rules has to end (RFC 9113, section 6.9); the other floods may be taken, if all else is well.
MUST_END = ("WINDOW_UPDATE of 0", "WINDOW_UPDATE too far")
ONCE_ONLY = (*MUST_END, "HPACK bomb", "closed window")


def http2_floods(address, frames, per_second, parallel):
    if not http2_works(address):
        raise Unusable("the daemon does not answer a request over HTTP/2 by prior knowledge")
    outcomes, wrong, sent, lock = collections.defaultdict(collections.Counter), [], collections.Counter(), threading.Lock()

    def flood(place, number):
        """Sends its frames over one connection after the other, each until the server has had enough of it."""
        begun, gone, tries = time.monotonic(), 0, 0
        while tries == 0 or (name not in ONCE_ONLY and gone < frames and tries < frames // 100):
            tries += 1
            name, settings, listen, batches = floods(frames)[place]
            connection = Http2(address, number, settings)
            # Nothing but the flood is sent once it has begun: an answer to SETTINGS would end a row of CONTINUATION.
            connection.wait(2, lambda: connection.seen[SETTINGS])
            connection.push(b"", False)
            for data, count in batches:
                if not connection.push(data, listen):
                    break
                gone += count
                ahead = begun + gone * parallel / per_second - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
            connection.push(frame(PING, 0, 0, CAUGHT_UP), True)
            connection.wait(3, lambda: connection.has_caught_up)
            if name in MUST_END:
                connection.wait(1)
            outcome = connection.outcome()
            with lock:
                outcomes[name][outcome] += 1
            connection.close()
            if outcome in ("taken", "stalled"):
                break
        with lock:
            sent[name] += gone

    begun = time.monotonic()
    for place, (name, *_) in enumerate(floods(frames)):
        threads = [threading.Thread(target=flood, args=(place, number)) for number in range(parallel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if name in MUST_END and any(outcome in ("taken", "stalled") for outcome in outcomes[name]):
            wrong.append(f"{name} did not end the connection: {dict(outcomes[name])}")
    took = time.monotonic() - begun
    if not http2_works(address):
        wrong.append("a request over HTTP/2 is not answered any more")
    opened = sum(counts.total() for counts in outcomes.values())
    return {"connections": parallel * 200, "opened": opened, "frames": dict(sent), "wrong": wrong,
            "outcomes": {name: dict(counts) for name, counts in outcomes.items()},
            "reached": f"{len(outcomes)} floods, {opened} connections, {sent.total()} frames, {sent.total() / took:.0f}/s"}


# TLS


def client_hello():
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def tls_noise(address, count, seconds):
    """A quarter each: noise, half a ClientHello, plain HTTP, nothing."""
    hello = client_hello()
    greetings = [random.Random(5).randbytes(4_000), hello[:len(hello) // 2], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", None]
    kinds = ["noise", "half a ClientHello", "plain HTTP", "nothing"]
    # What is refused at once comes back four times a second and not as fast as it can.
    swarm = Swarm(address, count, max(count / 4, 50), lambda slot: greetings[slot % 4], kind=lambda slot: kinds[slot % 4])
    swarm.run(seconds)
    swarm.close()
    wrong = [f"{kind} got {start!r}" for kind, starts in swarm.heard.items() for start in starts
             if start.startswith(b"HTTP/1.1 2")]
    for kind in ("noise", "plain HTTP"):
        if not swarm.dropped[kind]:
            wrong.append(f"no connection with {kind} was closed")
    return {"connections": swarm.most, "opened": swarm.opened, "dropped": dict(swarm.dropped), "wrong": wrong,
            "reached": f"{swarm.most} at a time, {swarm.opened} opened, {swarm.dropped.total()} dropped"}


def tls_handshakes(address, certificate, abandoned, silent, seconds):
    """Handshakes that are given up after the server's answer, and then whole ones after which nothing is said."""
    hello, begun = client_hello(), time.monotonic()
    pace = seconds / 2 / (abandoned + silent)
    answered, held = 0, []
    for number in range(abandoned):
        with contextlib.suppress(OSError), attacking_socket(number) as connection:
            connection.settimeout(10)
            connection.connect(address)
            connection.send(hello)
            answered += bool(connection.recv(1))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(max(0, begun + (number + 1) * pace - time.monotonic()))
    context = trusting(certificate)
    for number in range(silent):
        plain = attacking_socket(number)
        try:
            plain.settimeout(10)
            plain.connect(address)
            held.append(context.wrap_socket(plain, server_hostname="127.0.0.1"))
        except OSError:
            plain.close()
        time.sleep(max(0, begun + (abandoned + number + 1) * pace - time.monotonic()))
    time.sleep(max(0, begun + seconds - time.monotonic()))
    ended = 0
    for connection in held:
        connection.setblocking(False)
        try:
            ended += not connection.recv(1)
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except OSError:
            ended += 1
        connection.close()
    wrong = [] if answered == abandoned else [f"{abandoned - answered} of {abandoned} handshakes were not answered"]
    if len(held) < silent:
        wrong.append(f"{silent - len(held)} of {silent} handshakes failed")
    return {"connections": len(held), "opened": abandoned + silent, "dropped": ended, "wrong": wrong,
            "reached": f"{abandoned} handshakes abandoned, {silent} silent ones, {ended} of them dropped"}


def churn(address, seconds, per_second):
    """Connections that end in every way there is, one after the other."""
    start = f"GET {FEED} HTTP/1.1\r\nHost: localhost\r\n".encode()
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Http(address) as client:
        tag = client.get(FEED)[1]["etag"].encode()
    conditional = start + b"If-None-Match: " + tag + b"\r\n\r\n"
    ways = [
        ("answered, then closed here", conditional, b"HTTP/1.1 304", False),
        ("answered, then closed there", conditional[:-2] + b"Connection: close\r\n\r\n", b"HTTP/1.1 304", False),
        ("answered, then reset", whole, b"HTTP/1.1 200", True),
        ("closed in the middle of the feed", start + b"\r\n", b"HTTP/1.1 200", False),
        ("closed in the middle of the request", start, None, False),
        ("reset in the middle of the request", start, None, True),
        ("closed at once", None, None, False),
        ("refused", b"nonsense\r\n\r\n", b"HTTP/1.1 400", False),
    ]
    reset = struct.pack("ii", 1, 0)
    failed, count, begun = collections.Counter(), 0, time.monotonic()
    while (now := time.monotonic()) - begun < seconds:
        ahead = begun + count / per_second - now
        if ahead > 0:
            time.sleep(ahead)
        name, request, expected, with_reset = ways[count % len(ways)]
        try:
            with attacking_socket(count // 8) as connection:
                connection.settimeout(10)
                connection.connect(address)
                if request:
                    connection.send(request)
                if expected and not (got := connection.recv(1024)).startswith(expected):
                    failed[f"{name}: {got[:12]!r} instead of {expected!r}"] += 1
                if "closed there" in name and connection.recv(1):
                    failed[f"{name}: the connection goes on"] += 1
                if with_reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        except OSError as error:
            failed[f"{name}: {type(error).__name__}: {error}"] += 1
        count += 1
    took = time.monotonic() - begun
    return {"connections": 1, "opened": count, "wrong": [f"{what}, {times} times" for what, times in failed.items()],
            "reached": f"{count} connections, {count / took:.0f}/s"}


# One attack from start to end


def child(attack, arguments, report):
    """The life of an attacker's process."""
    gc.disable()
    try:
        result = attack(*arguments)
    except Unusable as error:
        result = {"connections": 0, "opened": 0, "reached": "", "wrong": [str(error)]}
    except Exception:
        wrong = f"the attacker failed: {traceback.format_exc()[-1500:]}"
        result = {"connections": 0, "opened": 0, "reached": "", "wrong": [wrong]}
    report.send(result)


class Processes:
    """Starts processes that report over a pipe, and leaves none behind."""

    def __init__(self):
        self.all = []

    def start(self, target, *arguments):
        ours, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=target, args=(*arguments, theirs), daemon=True)
        process.start()
        theirs.close()
        self.all.append(process)
        return ours

    def end(self):
        for process in self.all:
            # Those that have reported are about to end; the others never will, once something has gone wrong.
            process.join(1)
            if process.is_alive():
                process.kill()
                process.join()


def received(pipe, seconds, who):
    if not pipe.poll(seconds):
        raise Unusable(f"{who} did not report within {seconds} s")
    try:
        return pipe.recv()
    except EOFError:
        raise Unusable(f"{who} ended before its report") from None


def served_again(address):
    """Seconds until a new connection is served; many are tried, since one that came too early is told late."""
    begun = time.monotonic()
    while time.monotonic() - begun < SETTLE_SECONDS:
        with contextlib.suppress(OSError, Unusable), Http(address, timeout=0.25) as client:
            if client.get("/healthz")[0] == 200:
                return time.monotonic() - begun
    return None


class Publication:
    """A new article, and the way of finding out when the feed has it."""

    def __init__(self, daemon, client):
        self.client, self.took = client, None
        self.token = f"published-{random.randrange(10**9)}"
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        draft = daemon.folder / "draft.md"
        draft.write_text(f"---\ntitle: {self.token}\ndate: {date}\n---\nStill here.\n")
        self.begun = time.monotonic()
        draft.rename(daemon.folder / "content" / "news" / f"{self.token}.md")

    def look(self):
        """Whether it need not be looked for any more."""
        waited = time.monotonic() - self.begun
        if self.took is None and self.token.encode() in self.client.get(FEED)[2]:
            self.took = waited
        return self.took is not None or waited > 2 * PUBLISH_SECONDS

    def fault(self, when):
        if self.took is not None and self.took <= PUBLISH_SECONDS:
            return []
        took = "not at all" if self.took is None else f"{self.took:.1f} s later"
        return [f"a new article {when} was in the feed {took}, {PUBLISH_SECONDS} s asked for"]


def answers(address):
    """Whether a new connection gets an answer, whichever it is."""
    with contextlib.suppress(OSError), socket.create_connection(address, 5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return connection.recv(16).startswith(b"HTTP/1.1 ")
    return False


def kind_of(line):
    """A log line without its time and its numbers."""
    return re.sub(r"\d+", "N", re.sub(r"^\S+Z\s+", "", line))[:120]


def measure(plan, binary, folder, options):
    """Runs one attack; its figures, and what was wrong."""
    processes, missed, figures = Processes(), [], {"attack": plan["name"]}
    daemon = Daemon(binary, folder, plan.get("server", ""), plan.get("descriptors"), plan.get("wanted", ("http",)))
    late, opened = [], contextlib.ExitStack()
    try:
        scheme = "https" if plan.get("certificate") else "http"
        with Http(daemon.http) as client:
            figures["feed_bytes"] = len(client.get(FEED)[2])
            # What is opened for the first change stays open.
            first = Publication(daemon, client)
            while not first.look():
                time.sleep(0.05)
            missed += first.fault("before the attack")
            client.get(FEED, "Accept-Encoding: gzip\r\n")
        time.sleep(0.3)
        open_before = daemon.open_files()
        fds_before = open_before.total()
        stop = PROCESSES.Event()
        honest = processes.start(
            honest_client, daemon.addresses[scheme], plan.get("certificate"), plan.get("honest_connections", 1),
            plan.get("fresh_every", 10), stop)
        if fault := received(honest, 15, "the honest client"):
            raise Unusable(f"the feed is not what it should be: {fault}")
        if plan.get("publishes"):
            publishing = processes.start(publisher, daemon.http, folder, stop)
        time.sleep(plan.get("quiet_seconds", options.quiet_seconds))
        before = daemon.sample()
        exact = daemon.forget_peak()

        # When there are no descriptors left, an article still has to be published; who looks has come before.
        watcher, published = None, None
        if "publish_after" in plan:
            watcher = opened.enter_context(Http(daemon.http))
            watcher.get("/healthz")
        started = time.monotonic()
        pipes = {}
        for attack, address, *arguments in plan["attackers"]:
            pipes[processes.start(child, attack, (daemon.addresses[address], *arguments))] = attack.__name__
        samples, results = [before], []
        deadline, publish_at = started + plan["longest"], started + plan.get("publish_after", math.inf)
        while pipes:
            for pipe in multiprocessing.connection.wait(list(pipes), 0.5):
                name = pipes.pop(pipe)
                results.append(received(pipe, 1, name))
            samples.append(daemon.sample())
            if watcher:
                try:
                    watcher.get("/healthz")
                    if not published and pipes and time.monotonic() > publish_at:
                        published = Publication(daemon, watcher)
                    if published:
                        published.look()
                except OSError as error:
                    missed.append(f"a connection that was there before is not served any more: {error}")
                    watcher = None
            if time.monotonic() > deadline:
                raise Unusable(f"{', '.join(pipes.values())} did not end within {plan['longest']} s")
        ended = time.monotonic()
        if plan.get("descriptors"):
            figures["served_again_s"] = served_again(daemon.http)
        stop.set()
        records = received(honest, 30, "the honest client")
        publications = received(publishing, 30, "the publisher") if plan.get("publishes") else []

        opened.close()
        settled = daemon.sample()
        allowed_mb = before.rss_mb + max(KEPT_MB, before.rss_mb * KEPT_SHARE) + plan.get("cache_mb", 0)
        settling = time.monotonic()
        while (left_open := daemon.open_files() - open_before) or settled.rss_mb > allowed_mb:
            if time.monotonic() - settling > SETTLE_SECONDS:
                break
            time.sleep(0.25)
            settled = daemon.sample()
        figures["settle_s"] = time.monotonic() - settling
        peak = max(sample.rss_mb for sample in samples)
        if exact:
            peak = max(peak, daemon.peak_mb())
        with Http(daemon.http) as client:
            afterwards = Publication(daemon, client)
            while not afterwards.look():
                time.sleep(0.05)
        figures["publish_s"] = afterwards.took
        missed += afterwards.fault("after the attack")
        if "publish_after" in plan:
            figures["publish_under_attack_s"] = published and published.took
            missed += published.fault("under attack") if published else ["there was no time to publish under attack"]
        if plan["name"] == "admin" and not answers(daemon.addresses["admin"]):
            missed.append("nothing is answered on the admin port any more")
        if plan["name"] == "slow-readers" and not options.quick:
            # They must not keep the daemon from ending.
            late = [attacking_socket(number, 4096) for number in range(20)]
            for connection in late:
                connection.settimeout(5)
                connection.connect(daemon.http)
                connection.send(f"GET {FEED} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 10)
            time.sleep(0.2)
        code, figures["stop_s"] = daemon.stop()
    finally:
        opened.close()
        processes.end()
        daemon.kill()
        for connection in late:
            connection.close()

    log = daemon.logged()
    lines = log.splitlines()
    during = [(ms, error) for begun, ms, error in records if started <= begun < ended]
    quiet = [ms for begun, ms, error in records if begun < started]
    times = [ms for ms, error in during]
    errors = collections.Counter(error for _, _, error in records if error)
    counts = sum((collections.Counter(result.get("counts")) for result in results), collections.Counter())
    figures |= {
        "reached": "; ".join([*(result["reached"] for result in results if result["reached"]),
                              *([", ".join(f"{number} {what}" for what, number in counts.items())] if counts else [])]),
        "seconds": ended - started, "polls": len(times), "quiet_p99_ms": quantile(quiet, 0.99),
        "p50_ms": quantile(times, 0.5), "p99_ms": quantile(times, 0.99), "max_ms": max(times, default=None),
        "errors": errors.total(), "what_errors": dict(errors.most_common(5)),
        "rss_before_mb": before.rss_mb, "rss_peak_mb": peak, "rss_after_mb": settled.rss_mb,
        "fds_before": fds_before, "fds_peak": max(sample.fds for sample in samples), "fds_last": samples[-1].fds,
        "fds_after": settled.fds,
        "kernel_before_mb": before.kernel_mb, "kernel_peak_mb": max(sample.kernel_mb for sample in samples),
        "threads_before": before.threads, "threads_peak": max(sample.threads for sample in samples),
        "threads_after": settled.threads, "cpu_s": samples[-1].cpu_s - before.cpu_s,
        "log_lines": len(lines), "log_most": dict(collections.Counter(map(kind_of, lines)).most_common(4)),
        "panics": sum("panic" in line for line in lines), "exit": code,
        "details": [{key: value for key, value in result.items() if key not in ("wrong", "reached")} for result in results],
    }

    if plan.get("publishes"):
        quiet_ms = [ms for begun, ms in publications if begun < started - 0.2]
        attack_ms = [ms for begun, ms in publications if started + 0.2 <= begun < ended]
        figures |= {"publications": len(attack_ms), "publish_quiet_p99_ms": quantile(quiet_ms, 0.99),
                    "publish_p99_ms": quantile(attack_ms, 0.99)}
        if len(quiet_ms) < 5 or len(attack_ms) < 5:
            missed.append(f"only {len(quiet_ms)} and {len(attack_ms)} articles were published: this shows nothing")
        else:
            quiet_p99, attack_p99 = figures["publish_quiet_p99_ms"], figures["publish_p99_ms"]
            print(f"  publication: p99 {quiet_p99:.0f} ms of {len(quiet_ms)} in quiet, "
                  f"{attack_p99:.0f} ms of {len(attack_ms)} under attack")
            if attack_p99 > max(2 * quiet_p99, quiet_p99 + options.publish_slack):
                missed.append(f"a new article took {attack_p99:.0f} ms to appear (p99), {quiet_p99:.0f} ms in quiet: at most twice that "
                              "asked for")
        threads = figures["threads_peak"] - figures["threads_before"]
        if threads > options.max_threads:
            missed.append(f"{threads} more threads than before, at most {options.max_threads} asked for")
    for result in results:
        missed += result.get("wrong", [])
    growth = options.max_growth_mb + plan.get("cache_mb", 0) + sum(result["connections"] for result in results) * BYTES_PER_CONNECTION / 2**20
    if plan.get("descriptors"):
        growth += plan["descriptors"] * BYTES_PER_CONNECTION / 2**20
    figures["rss_allowed_mb"] = before.rss_mb + growth
    max_p99 = options.max_p99
    if plan.get("publishes"):
        # Each new article is a new feed of 1 MB, which somebody has to wait for.
        max_p99 = max(max_p99, 2 * (figures["quiet_p99_ms"] or 0))
    if not times:
        missed.append("the honest client asked nothing while the attack lasted")
    elif figures["p99_ms"] >= max_p99:
        missed.append(f"p99 {figures['p99_ms']:.1f} ms, less than {max_p99:g} ms asked for "
                      f"({figures['quiet_p99_ms'] or 0:.1f} ms in quiet)")
    if errors:
        missed.append(f"{errors.total()} errors of the honest client: {dict(errors.most_common(3))}")
    if peak > before.rss_mb + growth:
        missed.append(f"memory grew by {peak - before.rss_mb:.1f} MB, at most {growth:.0f} MB asked for")
    if settled.rss_mb > allowed_mb:
        missed.append(f"{settled.rss_mb:.1f} MB of memory are kept, {before.rss_mb:.1f} MB were used before; "
                      f"at most {allowed_mb:.0f} MB asked for")
    if left_open:
        missed.append(f"descriptors that weren't open before are open {SETTLE_SECONDS} s later: {dict(left_open)}")
    if plan.get("descriptors"):
        again = figures["served_again_s"]
        if again is None or again > RETURN_SECONDS:
            missed.append(f"new connections were served {again and round(again, 2)} s after the attackers had left, "
                          f"{RETURN_SECONDS} s asked for")
        if figures["fds_peak"] < plan["descriptors"] / 2:
            missed.append(f"only {figures['fds_peak']} of {plan['descriptors']} descriptors were taken: this shows nothing")
    if figures["log_lines"] > options.max_log_lines:
        missed.append(f"{len(lines)} lines in the log, at most {options.max_log_lines} asked for; most of them: "
                      f"{next(iter(figures['log_most']))}")
    if figures["panics"]:
        missed.append("a panic: " + next(line for line in lines if "panic" in line))
    if code != 0:
        missed.append(f"exit {code} {figures['stop_s']:.1f} s after SIGTERM, 0 in {STOP_SECONDS} s asked for:\n{log[-1000:]}")
    return figures, missed


# Where big articles are there, their pages take the place of this.
PAGES = ["pages"]
MEDIA = ["/media/archive/crane.jpg"]


def plans(options, limit):
    """What each attack is made of, and notes on what the limit on descriptors has taken from it."""
    notes = []
    scale = 10 if options.quick else 1

    def count(name, number, most):
        number //= scale
        if number > most:
            notes.append(f"{name}: {most} instead of {number} connections at a time, since the limit on descriptors is {limit}")
        return min(number, most)

    room = limit - 200 if limit != resource.RLIM_INFINITY else 1_000_000
    hold = 2 if options.quick else 25
    stay, siege = (2, 4) if options.quick else (40, hold)
    besieged = 4 if options.quick else 25
    helpers = 1 if options.quick else 4
    share = count("descriptors", 20_000, room * helpers) // helpers
    allowed = min(1_000, share * helpers // 2)
    frames = 50_000 // scale
    all_plans = {
        "slowloris": {"attackers": [(slowloris, "http", count("slowloris", 2_000, room), hold)]},
        "slow-readers": {"attackers": [(slow_readers, "http", count("slow-readers", 500, room), stay)]},
        "idle": {"attackers": [(idle, "http", count("idle", 5_000, room), hold)]},
        "descriptors": {
            "descriptors": allowed, "honest_connections": 5, "fresh_every": None, "publish_after": siege / 2,
            "attackers": [(many_connections, "http", share, siege, number * share) for number in range(helpers)]},
        "smuggling": {"attackers": [(smuggling, "http", hold * 0.6)]},
        "huge-headers": {"attackers": [(huge_headers, "http", hold * 0.6, 10 // scale, 100_000 // scale)]},
        "http2-floods": {
            "server": "http2 = true\n",
            "attackers": [(http2_floods, "http", frames // (2 if options.quick else 4), 20_000, 2 if options.quick else 4),
                          (smuggling, "http", hold * 0.6)]},
        "tls-garbage": {
            "server": '[server.tls]\nlisten = "127.0.0.1:0"\ncertificate = "cert.pem"\nkey = "key.pem"\n', "tls": True,
            "wanted": ("http", "https"),
            "attackers": [(tls_noise, "https", count("tls-garbage", 800, room), hold),
                          (tls_handshakes, "https", 500 // scale, 200 // scale, hold)]},
        "article-pages": {
            "cache_mb": PAGE_CACHE_MB, "publishes": True, "quiet_seconds": besieged, "big": True,
            "attackers": [(abandoned, "http", PAGES, 600 // scale, besieged),
                          (slow_takers, "http", PAGES, count("article-pages", 200, room), besieged)]},
        "media": {
            "publishes": True, "quiet_seconds": besieged, "big": True,
            "attackers": [(abandoned, "http", MEDIA, 600 // scale, besieged),
                          (slow_takers, "http", MEDIA, count("media", 200, room), besieged)]},
        "churn": {"attackers": [(churn, "http", options.churn_seconds, options.churn_rate)]},
        "admin": {
            "wanted": ("http", "admin"),
            "attackers": [(slowloris, "admin", count("admin", 500, room), hold),
                          (huge_headers, "admin", hold * 0.6, 10 // scale, 100_000 // scale)]},
    }
    for name, plan in all_plans.items():
        plan |= {"name": name, "longest": 120 + options.churn_seconds + 10 * hold}
    return all_plans, notes


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if column in (0, len(row) - 1) else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))).rstrip())


def row_of(figures):
    def ms(name):
        return "-" if figures[name] is None else f"{figures[name]:.1f}"

    def three(name, places):
        return " / ".join(f"{figures[key]:.{places}f}" for key in name)

    return [
        figures["attack"], str(figures["polls"]), ms("quiet_p99_ms"), ms("p50_ms"), ms("p99_ms"), ms("max_ms"),
        str(figures["errors"]), three(("rss_before_mb", "rss_peak_mb", "rss_after_mb"), 1),
        three(("fds_before", "fds_peak", "fds_after"), 0), f"{figures['kernel_peak_mb']:.0f}",
        three(("threads_before", "threads_peak", "threads_after"), 0), f"{figures['cpu_s']:.1f}/{figures['seconds']:.0f}",
        f"{figures['settle_s']:.1f}", str(figures["log_lines"]), f"{figures['stop_s']:.1f}", figures["reached"]]


HEADINGS = [
    "attack", "polls", "quiet p99", "p50", "p99", "max ms", "errors", "RSS before / peak / after MB", "descriptors",
    "kernel MB", "threads", "CPU s", "settled s", "log", "stop s", "reached"]


def rounded(value):
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME[,NAME]", help="these attacks, in the order of the list above")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--dateline", default=str(ROOT / "target" / "dist" / "dateline"), metavar="PATH", help="the binary; without it, target/dist/dateline")
    parser.add_argument("--max-p99", type=float, default=50, metavar="MS", help="of the honest client")
    parser.add_argument("--max-growth-mb", type=float, default=32, metavar="MB", help="of memory, beside 64 KiB a connection")
    parser.add_argument("--publish-slack", type=float, metavar="MS", help="see above: 50, or 400 with --quick")
    parser.add_argument("--max-threads", type=int, default=16, metavar="N", help="more than before, under attack")
    parser.add_argument("--max-log-lines", type=int, default=100, metavar="N")
    parser.add_argument("--churn-seconds", type=float, metavar="S", help="60, or 5 with --quick")
    parser.add_argument("--churn-rate", type=float, default=2_500, metavar="N", help="the most connections a second of churn")
    options = parser.parse_args()
    options.churn_seconds = options.churn_seconds or (5 if options.quick else 60)
    # With --quick a few articles of a debug build decide, on whatever else the machine does.
    options.publish_slack = options.publish_slack or (400 if options.quick else 50)
    options.quiet_seconds = 0.5 if options.quick else 3
    binary = os.path.abspath(options.dateline)
    if not os.access(binary, os.X_OK):
        parser.error(f"{binary} is not there; build it with `cargo build --profile dist --locked`, or pass its path with --dateline")
    if platform.system() != "Linux":
        parser.error("this reads /proc and needs 127.0.0.0/8, which only Linux has")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    all_plans, notes = plans(options, limit)
    chosen = options.only.split(",") if options.only else list(all_plans)
    if unknown := [name for name in chosen if name not in all_plans]:
        parser.error(f"there is no attack `{unknown[0]}`; there are {', '.join(all_plans)}")
    for note in notes:
        if note.split(":")[0] in chosen:
            print(f"note: {note}")

    begun, results, missed = time.monotonic(), [], []
    with tempfile.TemporaryDirectory(prefix="dateline-abuse-") as scratch:
        scratch = pathlib.Path(scratch)
        make_newsroom(scratch / "newsroom")
        for name, plan in all_plans.items():
            if name not in chosen:
                continue
            folder = scratch / name
            shutil.copytree(scratch / "newsroom", folder)
            (folder / "content" / "wire").mkdir()
            try:
                if plan.get("big"):
                    size = (QUICK_BIG_ARTICLES, QUICK_BIG_ARTICLE_BYTES) if options.quick else (BIG_ARTICLES, BIG_ARTICLE_BYTES)
                    make_big_articles(folder, *size)
                    configure(folder)
                    pages = big_paths(binary, folder)
                    plan["attackers"] = [(attack, address, pages if paths is PAGES else paths, *rest)
                                         for attack, address, paths, *rest in plan["attackers"]]
                if plan.get("tls"):
                    make_certificate(folder / "config")
                    plan["certificate"] = str(folder / "config" / "cert.pem")
                    plan["attackers"] = [(attack, address, plan["certificate"], *rest) if attack is tls_handshakes
                                         else (attack, address, *rest) for attack, address, *rest in plan["attackers"]]
                figures, wrong = measure(plan, binary, folder, options)
                results.append(figures)
                print(f"{name}: p99 {figures['p99_ms'] or 0:.1f} ms, {figures['errors']} errors; {figures['reached']}",
                      flush=True)
            except (Unusable, OSError, LookupError, ValueError) as error:
                wrong = [str(error) if isinstance(error, Unusable) else f"{type(error).__name__}: {error}"]
                print(f"{name}: not measured", flush=True)
            missed += [f"{name}: {reason}" for reason in wrong]
            shutil.rmtree(folder, ignore_errors=True)
    print()
    table([HEADINGS, *map(row_of, results)])
    for reason in missed:
        print(f"MISSED: {reason}")
    summary = {"quick": options.quick, "cores": os.cpu_count(), "machine": platform.machine(), "descriptors_limit": limit,
               "max_p99_ms": options.max_p99, "seconds": time.monotonic() - begun, "notes": notes, "missed": missed,
               "attacks": {figures.pop("attack"): figures for figures in results}}
    print(json.dumps(rounded(summary), ensure_ascii=False))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
