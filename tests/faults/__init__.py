"""Fault and fuzzing tools: each module is a command, counts what it tried, and exits with 1 if anything went wrong."""
