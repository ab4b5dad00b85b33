"""`python -m pose`, and the command `pose` of an installation."""

import signal
import sys


def main() -> None:
    """Run the command; Ctrl-C while Python starts or ends is no traceback."""
    try:
        from pose.cli.main import main as run_command

        run_command()
    except KeyboardInterrupt:  # before the command had begun
        print("stopped by SIGINT; to start again, give the same command", file=sys.stderr)
        sys.exit(130)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # what is left is Python's own end
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
