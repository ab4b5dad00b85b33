"""Run the command in this process, and see that it does nothing it may not: files elsewhere, programs, memory."""

from __future__ import annotations

import contextlib
import io
import os
import re
import resource
import sys
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import cv2

import pose.cli.main

from .streams import broken_stream
from .trial import Trial

MEMORY_MB = 1024  # more than a command may need on these small files: above it allocations fail
CODES = (0, 1, 2)
ALLOCATION = re.compile(r"alloc|MemoryError|OutOfMemory|out of memory|memory is full", re.IGNORECASE)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = (
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.unpack_archive"),
)
PROGRAMS = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "subprocess.Popen", "pty.spawn"),
    *("socket.connect", "socket.getaddrinfo", "socket.bind", "urllib.Request"),
)
MODULES = ("os", "posix", "nt", "builtins", "subprocess", "sys")


@dataclass
class Outcome:
    """What a command did.

    Attributes:
        faults: what it may not do; empty if all is well.
        peak_mb: memory at its most, above what was held before.
    """

    code: int
    out: str
    err: str
    faults: list[str] = field(default_factory=list)
    peak_mb: int = 0


class Guard:
    """The audit hook of this process, which stays for good; `run` says what it may do meanwhile."""

    def __init__(self) -> None:
        self.inside: str | None = None  # where it may write
        self.secret = ""  # what it may not read
        self.seen: list[str] = []
        self.trial, self.opened = Trial([]), 0
        sys.addaudithook(self._audit)
        read = cv2.imread  # opens files by itself, unseen by the hook

        def imread(path: Any, *args: Any) -> Any:
            self._opened(str(path), writing=False)
            return read(path, *args)

        cv2.imread = imread
        limit = _status("VmSize") * 1024 + MEMORY_MB * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def run(self, trial: Trial, *, inside: Path, secret: Path) -> Outcome:
        """`pose ARGUMENTS`, with `inside` as the working directory.

        Args:
            inside: the only folder to write into.
            secret: a folder that is not to be read.
        """
        out, err = _stream(trial, "out", "strict"), _stream(trial, "err", "backslashreplace")
        before = _reset_peak()
        self.inside, self.secret, self.seen = os.path.realpath(inside), os.path.realpath(secret), []
        self.trial, self.opened = trial, 0
        code, crash, argv = 0, "", sys.argv
        home = os.getcwd()
        os.chdir(inside)
        sys.argv = ["pose", *trial.arguments]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
                warnings.simplefilter("default")
                pose.cli.main.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:
            crash, code = traceback.format_exc(), 70
        finally:
            self.inside, sys.argv = None, argv
            os.chdir(home)
        peak = max(0, _status("VmHWM") - before) // 1024
        texts = [_text(out), _text(err)]
        outcome = Outcome(code, texts[0], texts[1] + crash, list(dict.fromkeys(self.seen)), peak)
        if crash:
            outcome.faults.append(f"traceback: {crash.strip().splitlines()[-1]:.200}")
        elif "Traceback (most recent call last)" in outcome.out + outcome.err:
            outcome.faults.append("traceback in the output")
        elif code not in CODES and not trial.streams:
            outcome.faults.append(f"exit code {code}")
        elif code and not trial.streams and not (outcome.out + outcome.err).strip():
            outcome.faults.append(f"exit code {code} without a word")
        elif code == 2 and ALLOCATION.search(outcome.err):
            outcome.faults.append(f"huge allocation: {outcome.err.strip().splitlines()[-1]:.200}")
        if peak > trial.peak_mb:
            outcome.faults.append(f"memory: {peak} MB")
        outcome.faults += trial.check(code, outcome.err)
        return outcome

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self.inside is None:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(path, str | bytes):
                self._opened(os.fsdecode(path), writing=bool(flags & WRITES))
        elif event in CHANGES:
            for path in args[:2]:
                if isinstance(path, str | bytes):
                    self._opened(os.fsdecode(path), writing=True, what=event)
        elif event in PROGRAMS or (event == "pickle.find_class" and args[0] in MODULES):
            self.seen.append(f"{event}: {args!r:.200}")
        elif event == "ctypes.dlopen":
            self._loaded(args[0])

    def _loaded(self, library: Any) -> None:
        if library and os.path.exists(library) and _is_below(os.path.realpath(library), self.inside or ""):
            self.seen.append(f"loads a library: {library}")

    def _opened(self, path: str, *, writing: bool, what: str = "open") -> None:
        assert self.inside is not None
        try:
            real = os.path.realpath(path)
        except ValueError:  # a NUL, which the system refuses too
            return
        if _is_below(real, self.inside):
            self.opened += 1
            if self.trial.trouble is not None and self.opened == self.trial.at + 1:
                inside, self.inside = self.inside, None
                self.trial.trouble()
                self.inside = inside
        if writing and real != "/dev/null" and not _is_below(real, self.inside):
            self.seen.append(f"writes outside: {what} {real}")
        elif not writing and (_is_below(real, self.secret) or real == "/etc/passwd"):
            self.seen.append(f"reads outside: {real}")


def _stream(trial: Trial, name: str, errors: str) -> IO[str] | None:
    """A stream that keeps what it gets, or one that breaks."""
    if name in trial.streams:
        return broken_stream(*trial.streams[name])
    return io.TextIOWrapper(io.BytesIO(), "utf-8", errors=errors)


def _text(stream: IO[str] | None) -> str:
    """What a stream has kept."""
    if stream is None:
        return ""
    if not isinstance(stream.buffer, io.BytesIO):  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):
            stream.close()
        return ""
    stream.flush()
    return stream.buffer.getvalue().decode(errors="replace")


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _status(key: str) -> int:
    """A line of this process's status, in KiB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{key}:"))


def _reset_peak() -> int:
    """Let the peak start anew; what is held now, in KiB."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _status("VmRSS")
