"""What the exit code tells; see the README."""

DONE, INCOMPLETE, WRONG_USAGE, FAILED = 0, 1, 2, 3
