"""Runs `dateline serve` on a port of its own, for the scripts that look at it from outside."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\]):\d+/")


class Daemon:
    """A running daemon: its process, its address and what it logged."""

    def __init__(self, process, urls, log, ready_after):
        self.process, self.url, self.log = process, urls[0], log
        # Where operators look.
        self.admin = urls[1]
        # Seconds from its start until it was ready, and from SIGTERM until its end.
        self.ready_after, self.stopped_after = ready_after, None
        self.killed = False

    def status(self, field):
        """A field of /proc/PID/status in MB, or as the number that it is."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        value, *unit = text.split(f"\n{field}:")[1].splitlines()[0].split()
        return int(value) / 1024 if unit == ["kB"] else int(value)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def kill(self):
        """Ends it as a power cut would; `serve` then expects no exit 0."""
        self.killed = True
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serve(binary, config, ready_seconds=60, stop_seconds=30, before=()):
    """Starts the daemon, waits until it is ready, and stops it with SIGTERM; any other end than exit 0 is an error.

    Both its listeners take free ports. `before` is a command that runs the one that follows as itself, like strace -D.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            [*before, str(pathlib.Path(binary).resolve()), "--config", str(config), "serve",
             "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
        )

        def logged():
            log.seek(0)
            return log.read()[-4000:]

        daemon = None
        try:
            urls = []
            while len(urls) < 2 and (line := process.stdout.readline()):
                if found := ADDRESS.search(line):
                    urls.append(found.group(0))
            if len(urls) < 2:
                raise SystemExit(f"dateline ended before it printed its address (exit {process.wait()}):\n{logged()}")
            # What it prints later must not fill the pipe and stop it.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            wait_ready(process, urls[0], ready_seconds, logged)
            daemon = Daemon(process, urls, logged, time.monotonic() - begun)
            yield daemon
            if daemon.killed:
                return
            if process.poll() is not None:
                raise SystemExit(f"dateline ended by itself (exit {process.returncode}):\n{logged()}")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                asked = time.monotonic()
                try:
                    process.wait(stop_seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    raise SystemExit(f"dateline did not stop within {stop_seconds} s of SIGTERM:\n{logged()}") from None
                if daemon:
                    daemon.stopped_after = time.monotonic() - asked
        if process.returncode != 0:
            raise SystemExit(f"dateline ended with exit {process.returncode} after SIGTERM:\n{logged()}")


def wait_ready(process, url, seconds, logged):
    """Readiness is 503 until the first snapshot is there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url + "readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.01)
    raise SystemExit(f"dateline was not ready within {seconds} s:\n{logged()}")
