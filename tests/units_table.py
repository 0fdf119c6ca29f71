"""What `forecast` says of files in one unit for a model in another: `python -m tests.units_table` prints the table.

A line of `SPELLINGS` is one unit in several spellings, and another unit, in which a model is trained.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from forecaster.signal import synthesis
from tests import commands

SPELLINGS = {
    "mm/s^2": ("m/s^2", "m/s2", "m/s**2", "m/s²", "m·s^-2", "m s^-2"),
    "m/s^2": ("mm/s^2", "mm/s2", "mm/s²", "mm/s/s"),
    "m/s²": ("g", "G"),
    "mGal": ("Gal", "cm/s^2"),
    "°F": ("°C", "degC", "C", "Celsius", "deg C", "DegC"),
    "degC": ("°F", "degF", "F", "Fahrenheit"),
    "C": ("K", "kelvin"),
    "W": ("kW", "kWh", "kVA"),
    "MW": ("mW", "kW", "W", "watts"),
    "mm": ("µm", "μm", "um"),
    "Hz": ("1/min", "rpm", "min^-1"),
    "%RH": ("%", "percent", "furlongs", "mbar"),
}
SMALL = ("--predictor", "ridge", "--n-step", 4, "--n-input", 10)


def write(path: Path, unit: str, brackets: str = "[]") -> Path:
    """Write a signal whose channel has `unit` in `brackets` behind its name."""
    rows = synthesis.to_csv("sine", 400, 100.0, 1).decode().splitlines()[1:]
    path.write_text("\n".join([f"time [s],acc {brackets[0]}{unit}{brackets[1]}", *rows]) + "\n", encoding="utf-8")
    return path


def said(folder: Path) -> Iterator[tuple[str, str, int, str]]:
    """Yield for each spelling the model's unit, the spelling, the exit code and the message of `forecast`."""
    for number, (model_unit, spellings) in enumerate(SPELLINGS.items()):
        model = folder / f"model-{number}"
        commands.ok("train", write(folder / "trained.csv", model_unit), "-o", model, *SMALL)
        for spelling in spellings:
            path = write(folder / "file.csv", spelling)
            result = commands.run("forecast", model, path, "-o", folder / "out", "--overwrite", "-n", 2)
            yield model_unit, spelling, result.exit_code, result.stderr.strip().removeprefix(f"Error: {path}: ")


def main() -> None:
    """Print the table; exit with 1 if a file in another unit was forecast."""
    passed = count = 0
    with tempfile.TemporaryDirectory() as folder:
        for model_unit, spelling, code, message in said(Path(folder)):
            print(f"model {model_unit:7} file {spelling:11} exit {code}  {message}")
            count += 1
            passed += code == 0
    print(f"{count} spellings of {len(SPELLINGS)} units: {passed} were forecast")
    sys.exit(min(passed, 1))


if __name__ == "__main__":
    main()
