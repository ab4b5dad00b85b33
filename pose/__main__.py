"""`python -m pose`, and the command `pose` of an installation."""

import gc
import signal

from pose.runtime.allocator import keep_freed_memory
from pose.runtime.ctrl_c import leave

# Importing PyTorch leaves 300,000 objects. By default Python looks through them for garbage over and over while they
# are made, and several times when it ends, which together takes a fourth of the time of a short command.
COLLECT_EVERY = 50_000


def main() -> None:
    """Run the command; Ctrl-C while Python imports it, or takes it down, is no traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as in a background
        signal.signal(signal.SIGINT, leave)
    keep_freed_memory()
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    from pose.cli.main import main as run_command

    try:
        run_command()
    except KeyboardInterrupt:  # while it passed on its results
        leave(signal.SIGINT)
    finally:  # what is left is Python's own end; it takes the handlers away, and SIGINT would end it without a word
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        exec("")  # Python, which ends by SIGINT if one went through the last text that was executed, forgets it
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()


if __name__ == "__main__":
    main()
