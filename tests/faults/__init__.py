"""Faults and fuzzing: tools that break things on purpose, and count what becomes of it."""
