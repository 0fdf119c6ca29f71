"""Run `forecaster` from the source folder."""

from forecaster.__main__ import main

main()
