"""`python -m pose` is the command `pose`."""

from pose.cli.main import main

if __name__ == "__main__":
    main()
