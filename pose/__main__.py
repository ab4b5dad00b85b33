"""`python -m pose`, and the command `pose` of an installation."""

import signal

from pose.runtime.ctrl_c import leave


def main() -> None:
    """Run the command; Ctrl-C while Python imports it, or takes it down, is no traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as in a background
        signal.signal(signal.SIGINT, leave)
    from pose.cli.main import main as run_command

    try:
        run_command()
    except KeyboardInterrupt:  # while it passed on its results
        leave(signal.SIGINT)
    finally:  # what is left is Python's own end; it takes the handlers away, and SIGINT would end it without a word
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        exec("")  # Python, which ends by SIGINT if one went through the last text that was executed, forgets it
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    main()
