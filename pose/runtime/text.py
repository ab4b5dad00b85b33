"""Words of messages: hints at the name that was meant, short lists, plurals."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterable


def did_you_mean(name: object, valid: Iterable[str]) -> str:
    """ "did you mean 'relu'?" where a valid name is close, else "valid: relu, prelu"."""
    names = list(valid)
    close = difflib.get_close_matches(str(name)[:80], names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"valid: {', '.join(names)}"


def first_few(items: Iterable[object], most: int = 5) -> str:
    """The first items, and how many more there are: "a, b and 3 more"."""
    texts = [str(item) for item in items]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def plural(count: int, noun: str, plural_noun: str | None = None) -> str:
    """ "1 image", "1,200 images"; irregular plurals are given."""
    return f"{count:,} {noun if count == 1 else plural_noun or noun + 's'}"


def visible(text: str, *, keep: str = "") -> str:
    """Write control characters as their escapes: names come from files of others, and a terminal obeys them.

    Args:
        keep: characters that are left as they are, such as line breaks.
    """
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def resume_command(run: str | os.PathLike[str]) -> str:
    """What to type to go on with a training, for a shell; its folder may have spaces."""
    return f"pose train --resume {shell_word(run)}"


def shell_word(path: str | os.PathLike[str]) -> str:
    """A path as it is typed into a shell, for commands in messages: with spaces or other signs in quotes."""
    return shlex.quote(str(path))


def as_message(text: str) -> str:
    """A message whose lines after the first are indented, so that no name in it looks like a message of its own."""
    first, *more = visible(text, keep="\n").split("\n")
    return "\n".join([first, *(line if line.startswith("  ") else f"  {line}" for line in more)])
