"""Start-up: wall time of whole commands from a cold shell, and the processor time that they took.

How long until `--help`, and until one file is forecast 100 samples ahead and written, beside a
bare Python start, `import click`, `import tensorflow`, and the same forecast by a script of a
few lines that loads a Keras model of the same network, reads with pandas and predicts.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import _measure as measure

SIGNAL = measure.ROOT / "data" / "rotor.csv"

BUILD_KERAS = """
import sys, keras
lstm = keras.layers.LSTM
model = keras.Sequential([keras.Input((25, 100)), lstm(100, return_sequences=True), lstm(100),
                          keras.layers.Dense(100, "relu"), keras.layers.Dense(100)])
model.save(sys.argv[1])
"""

BARE_KERAS = """
import sys, keras, pandas
model = keras.models.load_model(sys.argv[1])
values = pandas.read_csv(sys.argv[2]).iloc[:, -1].to_numpy("float32")
mean, scale = values.mean(), values.std()
forecast = model.predict((values[-2500:].reshape(1, 25, 100) - mean) / scale, verbose=0)[0] * scale + mean
pandas.DataFrame({"y_hat": forecast}).to_csv(sys.argv[3], index=False)
"""

PYTHON, CLICK, HELP = "python -c pass", 'python -c "import click"', "forecaster --help"
FORECAST, TENSORFLOW = "forecaster forecast, one file", 'python -c "import tensorflow"'
KERAS = "Keras load, predict, write"


def main() -> None:
    """Time the commands in turns."""
    options = measure.arguments(__doc__, rounds=5)
    measure.heading(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        commands = prepare(work, model_folder(work))
        results = {name: measure.Result() for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                shutil.rmtree(work / "out", ignore_errors=True)
                results[name].runs.append(measure.child(command))
    print(f"{options.rounds} alternating run(s) each, medians; {installed()}\n")
    report(results)


def model_folder(work: Path) -> Path:
    """Return the model that is shipped; without one, train the default network for a few steps."""
    shipped = sorted((measure.ROOT / "models").glob("*/model.json"))
    if shipped:
        return shipped[0].parent
    measure.child([sys.executable, "cli.py", "train", str(SIGNAL), "-o", str(work / "model"), "--steps", "10", "-q"])
    return work / "model"


def prepare(work: Path, model: Path) -> dict[str, list[str]]:
    """Return every command by its name; write the Keras model that one of them loads."""
    python = sys.executable
    measure.child([python, "-c", BUILD_KERAS, str(work / "bare.keras")])
    forecast = ["cli.py", "forecast", str(model), str(SIGNAL), "-n", "100", "-o", str(work / "out")]
    return {
        PYTHON: [python, "-c", "pass"],
        CLICK: [python, "-c", "import click"],
        HELP: [python, "cli.py", "--help"],
        FORECAST: [python, *forecast],
        TENSORFLOW: [python, "-c", "import tensorflow"],
        KERAS: [python, "-c", BARE_KERAS, str(work / "bare.keras"), str(SIGNAL), str(work / "bare.csv")],
    }


def installed() -> str:
    """Return the versions of what is started."""
    return ", ".join(f"{name} {measure.metadata.version(name)}" for name in ("click", "numpy", "tensorflow", "keras"))


def report(results: dict[str, measure.Result]) -> None:
    """Print the times beside those of `import click` and `import tensorflow`."""
    click, tensorflow = results[CLICK].median(), results[TENSORFLOW].median()
    rows = [
        (name, one.median(), one.spread(), one.median("cpu"), one.median() / click, one.median() / tensorflow)
        for name, one in results.items()
    ]
    measure.table(("command", "s", "range", "CPU s", "/ import click", "/ import tensorflow"), rows)


if __name__ == "__main__":
    main()
