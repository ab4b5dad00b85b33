"""One file for each command of `pose`; nothing heavy is imported until a command runs."""
