"""Faults and fuzzing as tools: each module is run by `python -m tests.faults.NAME`, and prints what it counted."""
