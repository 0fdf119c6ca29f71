"""Write all that is kept here, with a checkout of version 1: `python tests/format1/make.py CHECKOUT [NAME...]`.

The version is imported from the checkout, and its commands are run within this process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from fixtures import FIXTURES, HERE, Fixture

SIGNALS = HERE / "signals"
UNITS = 4
README = """# Model folders of format 1

Written by version 1 of the program (0.1.0, on Python 3.11.7, NumPy 2.4.6, TensorFlow 2.21.0), before its parts
were set up anew: whatever comes later must load them and forecast the same. `tests/test_format1.py` checks it.

Each folder holds

- `model`: the model folder, as `train` wrote it;
- `forecast.csv`: what `forecast` wrote with it;
- `inspect.txt`: what `inspect` printed;
- `inspect.json`: what `inspect --json` printed, without its `evaluations`: they are the model's own `metrics.json`.

`signals/` holds made-up signals: `machine.csv`, a period of eight samples with harmonics and noise; `coupled.csv`, a
channel that wanders and one that follows it; `plan.csv`, an oven with a set-point that is known 20 rows ahead, and a
draught; `runs.csv`, two recordings in one file with a decimal comma and a hole; `states.csv`, symbols; `headers.csv`,
five channels with units, directions and a comma in their names, none of which version 1 took for a unit.

`python tests/format1/make.py CHECKOUT` writes all of it again, with the version of the program that is checked out in
CHECKOUT. The time of day, `created`, is another one then, and on another processor the last bits. The networks of
`auto`, whose sizes no option sets, are made with 4 units in place of 100 and 128, so that their folders are small.
`stacked-lstm-interrupted` was ended by Ctrl-C after its first look at the validation part.

The commands, as given within this folder:

```
"""


def main() -> None:
    """Write the signals, the models or those that are named, and what comes of them."""
    checkout, *names = sys.argv[1:]
    sys.path.insert(0, str(Path(checkout).resolve()))
    sys.argv = ["forecaster"]  # what the commands call themselves where they suggest another
    os.chdir(HERE)
    write_signals()
    small_networks_in_auto()
    for name in names or FIXTURES:
        keep(name, FIXTURES[name])
        print(name, flush=True)
    check_coverage()
    write_readme()


def keep(name: str, fixture: Fixture) -> None:
    """Train a model, and keep what `forecast` and `inspect` make of it."""
    folder = Path(name)
    shutil.rmtree(folder, ignore_errors=True)
    if fixture.interrupted:
        interrupt_soon()
    forecaster(*fixture.train(name), code=130 if fixture.interrupted else 0)
    forecaster(*fixture.forecast(name, f"{name}/forecasts"))
    (forecast,) = folder.glob("forecasts/*.csv")
    forecast.rename(folder / "forecast.csv")
    shutil.rmtree(folder / "forecasts")
    (folder / "inspect.txt").write_text(forecaster(*fixture.inspect(name)), "utf-8")
    document = json.loads(forecaster(*fixture.inspect(name), "--json"))
    (metrics,) = folder.glob("model/data-*/metrics.json")
    assert document.pop("evaluations") == json.loads(metrics.read_bytes()), name
    (folder / "inspect.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def write_readme() -> None:
    """Write what stands here, and the commands."""
    commands = (
        " ".join(["forecaster", *words])
        for name, fixture in FIXTURES.items()
        for words in (fixture.train(name), fixture.forecast(name, f"{name}/forecasts"))
    )
    (HERE / "README.md").write_text(README + "\n".join(commands) + "\n```\n", "utf-8")


def forecaster(*args: str, code: int = 0) -> str:
    """Run a command of the checkout; return what it printed."""
    from click.testing import CliRunner

    from forecaster.commands.group import cli

    result = CliRunner().invoke(cli, args, prog_name="forecaster")
    assert result.exit_code == code, result.output
    return result.stdout


def check_coverage() -> None:
    """Check that every kind of predictor is in some model."""
    manifests = [json.loads(path.read_bytes()) for path in Path().glob("*/model/model.json")]
    stored = {state["name"] for manifest in manifests for state in manifest["predictors"]}
    assert stored == {row["name"] for row in json.loads(forecaster("predictors", "--json"))["predictors"]}


def small_networks_in_auto() -> None:
    """Lower the default sizes of the networks that the combination trains."""
    from forecaster.networks import segment_gru, stacked_lstm

    sizes = {stacked_lstm.Parameters: ("units_1", "units_2", "hidden"), segment_gru.Parameters: ("units",)}
    for parameters, names in sizes.items():
        for name in names:
            parameters.model_fields[name].default = UNITS
        parameters.model_rebuild(force=True)


def interrupt_soon() -> None:
    """Press Ctrl-C when a training first tells a validation loss."""
    from forecaster.commands.terminal import TrainingLines

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
    told = TrainingLines.update

    def update(self: Any, step: int, loss: float, validation_loss: float | None) -> None:
        told(self, step, loss, validation_loss)
        if validation_loss is not None:
            TrainingLines.update = told
            os.kill(os.getpid(), signal.SIGINT)

    TrainingLines.update = update


def write_signals() -> None:
    """Write the made-up signals; the noise is of NumPy's legacy RandomState, whose stream is frozen."""
    SIGNALS.mkdir(exist_ok=True)
    random = np.random.RandomState(1)
    write("machine.csv", "time (s),acceleration (m/s^2)", machine(random))
    write("coupled.csv", "leader [A],follower [K]", coupled(random))
    write("plan.csv", "time,oven [°C],draught,setpoint", plan(random))
    write("runs.csv", "run;speed", runs(random))
    write("states.csv", "state", states(random))
    write("headers.csv", 'time (s),v [mm/s^2],vib [furlongs],acc (x),acc (y),"Temp, inlet"', headers(random))


def write(name: str, header: str, rows: list[str]) -> None:
    """Write a signal's rows under a header."""
    (SIGNALS / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def headers(random: np.random.RandomState) -> list[str]:
    """Return 400 rows of five channels at 10 Hz."""
    waves = np.sin(2 * np.pi * np.arange(400)[:, None] / [7.3, 9.1, 11.7, 13.0, 50.0])
    values = waves + 0.1 * random.standard_normal((400, 5))
    return [",".join([f"{k / 10:.1f}", *(f"{value:.3f}" for value in row)]) for k, row in enumerate(values)]


def machine(random: np.random.RandomState) -> list[str]:
    """Return 600 rows of a period of eight samples, at 100 Hz."""
    angle = 2 * np.pi * np.arange(600) / 8.1
    values = np.sin(angle) + 0.4 * np.sin(2 * angle + 1) + 0.2 * random.standard_normal(600)
    return [f"{k / 100:.2f},{value:.3f}" for k, value in enumerate(values)]


def coupled(random: np.random.RandomState) -> list[str]:
    """Return 600 rows of a channel that wanders about 5, and one that follows it three samples later."""
    leader, shocks = np.zeros(603), random.standard_normal(603)
    for k in range(1, 603):
        leader[k] = 0.9 * leader[k - 1] + shocks[k]
    follower = 300 + 10 * leader[:-3] + 2 * random.standard_normal(600)
    return [f"{5 + a:.3f},{b:.2f}" for a, b in zip(leader[3:], follower, strict=True)]


def plan(random: np.random.RandomState) -> list[str]:
    """Return 600 rows, ten minutes apart, of an oven behind its set-point; it is not yet measured in the last 20."""
    setpoints = np.repeat(random.randint(100, 200, 120), 5)
    draughts = random.standard_normal(600)
    start, oven = np.datetime64("2024-03-01T00:00"), 150.0
    rows = []
    for k, (setpoint, draught) in enumerate(zip(setpoints, draughts, strict=True)):
        oven = 0.6 * oven + 0.4 * setpoint - draught
        measured = f"{oven:.1f},{draught:.2f}" if k < 580 else ","
        rows.append(f"{start + np.timedelta64(10 * k, 'm')},{measured},{setpoint}")
    return rows


def runs(random: np.random.RandomState) -> list[str]:
    """Return two recordings of 300 rows; one value is missing."""
    values = np.sin(np.arange(600) / 2) + 0.1 * random.standard_normal(600)
    cells = [f"{value:.3f}".replace(".", ",") for value in values]
    cells[100] = ""
    return [f"{'first' if k < 300 else 'second'};{cell}" for k, cell in enumerate(cells)]


def states(random: np.random.RandomState) -> list[str]:
    """Return 400 symbols of a machine that idles, runs and now and then stops."""
    following = {"idle": ("run", "run", "idle"), "run": ("run", "run", "run", "stop", "idle"), "stop": ("idle", "stop")}
    state, rows = "idle", []
    for _ in range(400):
        rows.append(state)
        state = following[state][random.randint(len(following[state]))]
    return rows


if __name__ == "__main__":
    main()
