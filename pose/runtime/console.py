"""What a command shows while it works: a console on stderr and a live progress line."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console

from pose.runtime.lasting_stream import TerminalStream
from pose.runtime.text import visible

if TYPE_CHECKING:
    import rich.progress


class Progress:
    """One live line on a terminal; elsewhere a plain line every `interval` seconds.

    Args:
        total: number of steps of the whole task; the ETA is the time left until all are done.
        done: number of steps that are done already.
        interval: seconds between two plain lines.
    """

    def __init__(self, console: Console, total: int, *, done: int = 0, interval: float = 30.0) -> None:
        self.console, self.total, self.done = console, total, done
        self.first, self.interval = done, interval
        self.start = self.last_line = time.monotonic()
        self.bar: rich.progress.Progress | None = None
        if console.is_terminal:
            import rich.progress

            self.bar = rich.progress.Progress(
                rich.progress.TextColumn("{task.description}", markup=False),
                rich.progress.BarColumn(bar_width=None),
                rich.progress.TaskProgressColumn(),
                rich.progress.TextColumn("ETA"),
                rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
                console=console,
                transient=True,
            )
            self.task = self.bar.add_task("", total=total, completed=done)

    def __enter__(self) -> Progress:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def reach(self, text: str, done: int, *, total: int | None = None) -> None:
        """Show that `done` steps from the start are done, of another `total` if the work itself knows better."""
        if total is not None and total != self.total:
            self.total = total
            if self.bar is not None:
                self.bar.update(self.task, total=total)
        self.update(text, steps=done - self.done)

    def update(self, text: str, *, steps: int = 1) -> None:
        """Show the text, and that so many more steps are done."""
        self.done += steps
        if self.bar is not None:
            self.bar.update(self.task, advance=steps, description=visible(text))
        elif time.monotonic() - self.last_line >= self.interval:
            self.last_line = time.monotonic()
            pace = (self.last_line - self.start) / max(1, self.done - self.first)
            self.console.print(
                f"{text}  {self.done}/{self.total}  ETA {duration(pace * (self.total - self.done))}", highlight=False
            )


def duration(seconds: float) -> str:
    """Write seconds as 1:02:03 or 2:03."""
    minutes, secs = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


class PlainConsole(Console):
    """A console that shows text as it is: brackets and colons mean nothing, control characters are escapes.

    Where nobody can read it any more, nothing is printed.

    Args:
        stream: of Python; None where it was closed.
        width: of lines; None for that of the terminal.
        wrap: leave it to the terminal to break lines.
        quiet: print nothing.
    """

    def __init__(
        self, stream: TextIO | None, *, width: int | None = None, wrap: bool = False, quiet: bool = False
    ) -> None:
        file = None if stream is None else cast(TextIO, TerminalStream(stream))
        super().__init__(file=file, width=width, soft_wrap=wrap, quiet=quiet, markup=False, emoji=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does; who gives its `Text` has to make names in it `visible`."""
        super().print(*(visible(o, keep="\n\t") if isinstance(o, str) else o for o in objects), **options)


def make_console(*, quiet: bool = False) -> Console:
    """The console for messages and progress, on stderr, so that stdout holds results only."""
    return PlainConsole(sys.stderr, wrap=True, quiet=quiet)
