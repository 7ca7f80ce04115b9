"""What a process costs, counted by the kernel, and a file that keeps it at once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

WATCHED_EVERY = 0.2  # seconds
OK = "ok"


@dataclass(frozen=True)
class Cost:
    """What one process took, and how it ended."""

    wall: float  # seconds
    cpu: float  # seconds
    memory: float  # GB at its peak
    written: float  # GB handed to the file system
    status: str = OK

    def __str__(self) -> str:
        numbers = f"{self.wall:8.1f} s {self.cpu:8.1f} s CPU {self.memory:6.2f} GB"
        note = "" if self.status == OK else f"  {self.status}"
        return f"{numbers} {self.written:6.2f} GB written{note}"


def measure(
    command: list, folder: Path, memory_limit: float | None = None, timeout: float | None = None
) -> Cost:
    """Runs a command and counts what it took; one that goes beyond a limit (GB, s) is ended.

    `written` is the kernel's write_bytes: pages made dirty, spilled and overwritten ones included.
    wait4 gives them as ru_oublock (in 512 bytes) after the end, so nothing is missed as by polling
    /proc/<pid>/io; macOS counts otherwise. Memory is the resident peak, which the kernel takes over
    from the parent: the parent must stay small.
    """
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], cwd=folder)
    watch = Watch(process.pid, memory_limit, timeout)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    reason = watch.stop()
    if not reason and process.returncode == -signal.SIGKILL:
        reason = "killed, probably out of memory"
    elif not reason and process.returncode:
        reason = f"failed ({process.returncode})"
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss * unit / 1e9,
        written=usage.ru_oublock * 512 / 1e9,
        status=reason or OK,
    )


class Watch:
    """Kills a process that takes too much memory or time, from a thread of its own."""

    def __init__(self, pid: int, memory_limit: float | None, timeout: float | None):
        self._pid, self._memory_limit, self._timeout = pid, memory_limit, timeout
        self._reason, self._ended = None, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> str | None:
        """Why it was killed, if it was."""
        self._ended.set()
        self._thread.join()
        return self._reason

    def _look(self) -> None:
        started = time.perf_counter()
        while not self._ended.wait(WATCHED_EVERY):
            try:
                memory = psutil.Process(self._pid).memory_info().rss / 1e9
            except psutil.Error:
                return
            if self._memory_limit and memory > self._memory_limit:
                self._reason = f"out of memory ({self._memory_limit:.1f} GB)"
            elif self._timeout and time.perf_counter() - started > self._timeout:
                self._reason = f"out of time ({self._timeout:,.0f} s)"
            if self._reason:
                os.kill(self._pid, signal.SIGKILL)
                return


class Results:
    """A JSON-lines file: one line per measurement, written as soon as it is known."""

    def __init__(self, path: Path):
        self._path = path

    def add(self, cost: Cost, **about) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(about | asdict(cost)) + "\n")

    def read(self) -> list[dict]:
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
