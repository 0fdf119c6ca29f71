"""Files that do not fit a model: 5 mg are no 5 g, 1,049 Hz no 1,000; of several the others are scored."""

import shlex
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from forecaster import compatibility
from forecaster.errors import SignalError
from forecaster.signal import synthesis, time_axis
from forecaster.signal.signal import Signal
from tests import commands


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("units")
    rows = synthesis.to_csv("sine", 400, 100.0, 1).decode().splitlines()[1:]
    for unit in ("g", "mg", "m/s^2", "m/s\u00b2", "\u00b5m", "um", ""):
        name = f"acc [{unit}]" if unit else "acc"
        path = folder / f"{unit.replace('/', '_') or 'none'}.csv"
        path.write_text("\n".join([f"time [s],{name}", *rows]) + "\n", encoding="utf-8")
    for unit in ("g", "m_s^2", "\u00b5m"):
        commands.ok("train", folder / f"{unit}.csv", "-o", folder / f"of {unit}", *SMALL)
    return folder


SMALL = ("--predictor", "ridge", "--n-step", 4, "--n-input", 10)


def test_a_file_in_another_unit_is_neither_forecast_nor_scored(folder, tmp_path):
    for command in (("forecast", folder / "of g", folder / "mg.csv", "-o", tmp_path / "out"),
                    ("evaluate", folder / "of g", folder / "mg.csv")):  # fmt: skip
        message = commands.refused(*command)
        assert "column 'acc': it is in mg; expected g, as the model was trained" in message
        assert "Add --convert to convert it to g." in message
        assert "--unit" not in message
    commands.ok(
        "forecast", folder / "of g", folder / "mg.csv", "-o", tmp_path / "out", "--unit", "acc=g", "--overwrite"
    )


def test_files_in_two_units_do_not_train_one_model(folder, tmp_path):
    message = commands.refused("train", folder / "g.csv", folder / "mg.csv", "-o", tmp_path / "m", *SMALL)
    assert "it is in mg; expected g, as" in message


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [("g", "none", "note: none: it names no unit: acc in g, as g is"), ("none", "g", "note: g: acc is in g, and none")],
)
def test_files_of_a_training_of_which_one_alone_names_a_unit(folder, tmp_path, first, second, says):
    paths = (folder / f"{name}.csv" for name in (first, second))
    assert says in commands.ok("train", *paths, "-o", tmp_path / "m", *SMALL).stderr


@pytest.mark.parametrize(("trained", "name"), [("g", "none"), ("m_s^2", "m_s\u00b2"), ("\u00b5m", "um")])
def test_no_unit_and_other_spellings_pass(folder, tmp_path, trained, name):
    commands.ok("forecast", folder / f"of {trained}", folder / f"{name}.csv", "-o", tmp_path / "out")


def test_of_several_the_ones_that_fit_are_scored(folder, tmp_path):
    done = commands.run("evaluate", folder / "of g", folder / "mg.csv", folder / "none.csv", tmp_path / "lacking.csv")
    assert done.exit_code == 1
    assert done.stderr.count("Error: ") == 2
    assert "it is in mg" in done.stderr
    assert "none / acc" in done.output
    alone = commands.run("evaluate", folder / "of g", folder / "mg.csv", tmp_path / "lacking.csv")
    assert (alone.exit_code, alone.stdout) == (1, "")


# --- rates ---------------------------------------------------------------------------------


def at_rate(path, hz, *, decimals=9, rows=2000):
    values = np.sin(np.arange(rows) / 5)
    lines = [f"{k / hz:.{decimals}f},{value:.6f}" for k, value in enumerate(values)]
    path.write_text("\n".join(["time [s],v", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def kilohertz(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rates")
    commands.ok("train", at_rate(folder / "f.csv", 1000), "-o", folder / "m", *SMALL)
    return folder / "m"


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (0.05, "5 % too fast"),
        (-0.01, "1 % too slow"),
        (0.002, "0.2 % too fast"),
        (5e-4, "500 ppm from the 1000 Hz of the training"),
        (1e-4, "100 ppm from the 1000 Hz of the training"),
        (1e-5, ""),
        (0.0, ""),
    ],
)
def test_a_rate_that_differs_by_more_than_clocks_do_is_refused(kilohertz, tmp_path, share, says):
    path = at_rate(tmp_path / "f.csv", 1000 * (1 + share))
    done = commands.run("forecast", kilohertz, path, "-o", tmp_path / "out", "-n", 2)
    assert done.exit_code == (2 if abs(share) > 1e-3 else 0)
    assert says in done.stderr
    assert ("its rate" in done.stderr or "sampled at" in done.stderr) == bool(says)
    if done.exit_code:
        assert "--no-time --rate 1000" in done.stderr


def test_stamps_that_cannot_tell_a_rate_are_no_reason_to_refuse(kilohertz, tmp_path):
    # Whole milliseconds over a tenth of a second tell the rate to a per cent.
    path = at_rate(tmp_path / "f.csv", 1004, decimals=3, rows=120)
    done = commands.run("forecast", kilohertz, path, "-o", tmp_path / "out", "-n", 2)
    assert done.exit_code == 0, done.stderr


def test_recordings_of_two_rates_do_not_train_one_model(tmp_path):
    first, second = at_rate(tmp_path / "a.csv", 1000), at_rate(tmp_path / "b.csv", 1048)
    message = commands.refused("train", first, second, "-o", tmp_path / "m", *SMALL)
    assert "it is sampled at 1048 Hz, 4.8 % too fast; expected 1000 Hz" in message
    slower, near = at_rate(tmp_path / "c.csv", 999.9), at_rate(tmp_path / "d.csv", 1000.1)
    done = commands.ok("train", slower, near, "-o", tmp_path / "m", *SMALL)
    assert "note: d: its rate is 1000.1 Hz, 200 ppm from the 999.9 Hz of c" in done.stderr


def test_a_rate_is_said_as_far_as_stamps_tell_it():
    def error(stamps):
        return time_axis.rate_error(stamps, np.diff(stamps).astype(float))

    milliseconds = np.round(np.arange(1000) / 1024, 3)
    assert error(milliseconds) == pytest.approx(1e-3, rel=0.05)
    assert error(np.arange(20_000) / 1000) == pytest.approx(0.001 / 19.999)
    assert error(np.arange(1000) * 3_600_000_000_000) < 1e-6
    # Doubles hold seconds since 1970 to a quarter of a microsecond.
    epochs = 1_700_000_000 + np.arange(6000) / 204_800
    assert 2e-7 / 0.03 < error(epochs) < 2e-6 / 0.03


@pytest.mark.parametrize("error", [0.0, 1e-5, 3e-4, 0.02])
@pytest.mark.parametrize("share", [0.0, 1e-5, 2e-4, 9e-4, 1.1e-3, 0.01, -0.03, 0.5])
def test_a_rate_is_refused_remarked_or_passed(share, error):
    signal = Signal("s", ("v",), (), sample_rate_hz=100 * (1 + share), rate_error=error)
    tells = abs(share) > max(2e-5, error)
    assert bool(compatibility.rate_difference(signal, 100.0)) == tells
    refused = pytest.raises(SignalError, match="sampled at") if tells and abs(share) > 1e-3 else nullcontext()
    with refused:
        compatibility.check_rate(signal, 100.0, "the model was trained")


def test_a_stored_rate_does_not_hide_that_of_the_stamps(tmp_path):
    (tmp_path / "bare.csv").write_text("\n".join(["v", *(str(np.sin(k / 5)) for k in range(900))]) + "\n")
    commands.ok("train", tmp_path / "bare.csv", "-o", tmp_path / "m", "--rate", 1000, *SMALL)
    path = at_rate(tmp_path / "f.csv", 1049)
    message = commands.refused("forecast", tmp_path / "m", path, "-o", tmp_path / "out")
    assert "its stamps are those of 1049 Hz, and --rate says 1000 Hz" in message
    assert "--no-time --rate 1000" in message
    commands.ok("forecast", tmp_path / "m", path, "-o", tmp_path / "out", "--no-time", "--rate", 1000, "--overwrite")
    commands.ok("forecast", tmp_path / "m", at_rate(tmp_path / "g.csv", 1000.001), "-o", tmp_path / "again")


def test_a_horizon_in_time_spans_it(kilohertz, tmp_path):
    done = commands.ok("forecast", kilohertz, at_rate(tmp_path / "f.csv", 1000.5), "-o", tmp_path / "o", "-n", "0.05s")
    assert "the next 50 samples (50 ms)" in done.output
    stamps = np.genfromtxt(tmp_path / "o/f.forecast.csv", delimiter=",", skip_header=1)[:, 1]
    assert stamps[-1] - 1999 / 1000.5 == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize(("step", "says"), [("D", "a row every 24 hours"), ("h", "a row every 60 minutes")])
def test_slow_rates_are_said_in_time(tmp_path, step, says):
    for name, other in (("a", step), ("b", "3h")):
        stamps = pd.date_range("2024-01-01", periods=400, freq=other).astype(str)
        rows = [f"{stamp},{k % 24 + k % 5}" for k, stamp in enumerate(stamps)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["time,v", *rows]) + "\n")
    commands.ok("train", tmp_path / "a.csv", "-o", tmp_path / "m", *SMALL)
    message = commands.refused("forecast", tmp_path / "m", tmp_path / "b.csv", "-o", tmp_path / "out")
    assert says in message
    assert "a row every 3 hours" in message


def test_months_are_of_many_lengths(tmp_path):
    months = [f"{2000 + k // 12}-{k % 12 + 1:02d}-01,{k % 12 + k % 5}" for k in range(240)]
    (tmp_path / "long.csv").write_text("\n".join(["time,v", *months]) + "\n")
    commands.ok("train", tmp_path / "long.csv", "-o", tmp_path / "m", "--predictor", "ridge", "--n-step", 2,
                "--n-input", 2)  # fmt: skip
    for name, rows in (("spring", months[121:126]), ("winter", months[24:28])):
        (tmp_path / f"{name}.csv").write_text("\n".join(["time,v", *rows]) + "\n")
        commands.ok("forecast", tmp_path / "m", tmp_path / f"{name}.csv", "-o", tmp_path / name)


def test_a_file_without_time_gets_a_note(kilohertz, tmp_path):
    (tmp_path / "f.csv").write_text("\n".join(["v", *(str(np.sin(k / 5)) for k in range(100))]) + "\n")
    done = commands.ok("forecast", kilohertz, tmp_path / "f.csv", "-o", tmp_path / "out")
    assert "its rows are taken to be 0.001 s apart" in done.stderr


# --- names ---------------------------------------------------------------------------------


def two_channels(path, first, second):
    lines = [f"{k},{k * k % 7 + 0.5},{k * k % 11 + 0.25}" for k in range(300)]
    path.write_text("\n".join([f"t [s],{first},{second}", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("first", "second", "proposed"),
    [
        ("Temperature [degC]", "P [kW]", "--rename Temperature=temp --rename P=power"),
        ("temp [degC]", "P [kW]", "--rename P=power"),
        ("T [degF]", "P [W]", "--rename T=temp --rename P=power --convert"),
        ("temp [degC]", "P=1 [kW]", "--rename P=1=power"),
        ("Temp [degC]", "Power", "--rename Temp=temp --rename Power=power"),
        ("A [kW]", "B [kW]", ""),
        ("TEMP [kW]", "POWER [degC]", ""),
        ("x", "y", ""),
    ],
)
def test_names_of_another_machine(tmp_path, first, second, proposed):
    trained = two_channels(tmp_path / "a.csv", "temp [degC]", "power [kW]")
    commands.ok("train", trained, "-o", tmp_path / "m", *SMALL)
    other = two_channels(tmp_path / "b.csv", first, second)
    message = commands.refused("forecast", tmp_path / "m", other, "-o", tmp_path / "out")
    assert (f"Add `{proposed}` if they are the same." if proposed else "--rename OLD=NEW, once for each") in message
    if proposed:
        options = shlex.split(proposed)
        done = commands.ok("forecast", tmp_path / "m", other, "-o", tmp_path / "out", *options, "--overwrite")
        assert "b/power [kW]" in done.output


def test_a_model_keeps_the_names_that_it_was_trained_with(tmp_path):
    trained = two_channels(tmp_path / "a.csv", "Temperature [degC]", "P [kW]")
    renaming = ("--rename", "Temperature=temp", "--rename", "P=power")
    commands.ok("train", trained, "-o", tmp_path / "m", *renaming, *SMALL)
    shown = commands.ok("inspect", tmp_path / "m").stdout
    assert "temp [degC], power [kW]" in shown
    commands.ok("forecast", tmp_path / "m", trained, "-o", tmp_path / "same")
    other = two_channels(tmp_path / "b.csv", "power [kW]", "temp [degC]")
    done = commands.ok("forecast", tmp_path / "m", other, "-o", tmp_path / "out")
    assert "b/power [kW]" in done.output


@pytest.mark.parametrize(
    ("first", "second", "proposed"),
    [
        ("Temperature [degC]", "P [kW]", "--rename P=power --rename Temperature=temp"),
        ("temp [degC]", "Power", "--rename Power=power"),
        ("P1", "P2", ""),
        ("x", "y", ""),
    ],
)
def test_columns_that_the_training_named_are_found_by_their_names(tmp_path, first, second, proposed):
    trained = two_channels(tmp_path / "a.csv", "temp [degC]", "power [kW]")
    commands.ok("train", trained, "-o", tmp_path / "m", "--column", "power", "--exogenous", "temp", *SMALL)
    other = two_channels(tmp_path / "b.csv", first, second)
    message = commands.refused("forecast", tmp_path / "m", other, "-o", tmp_path / "out")
    assert ("Add `" in message) == bool(proposed)
    if proposed:
        assert f"Add `{proposed}` to read it." in message
        args = ("-o", tmp_path / "out", "--overwrite", *shlex.split(proposed))
        commands.ok("forecast", tmp_path / "m", other, *args)


def test_rename_says_which_name_it_does_not_find(tmp_path):
    path = two_channels(tmp_path / "a.csv", "temp", "power")
    message = commands.refused("check", path, "--rename", "heat=temperature")
    assert "--rename 'heat=temperature': no such column; expected one of 't [s]', 'temp', 'power'" in message
    assert "OLD=NEW" in commands.refused("check", path, "--rename", "heat")
    assert "two columns one name" in commands.refused("check", path, "--rename", "temp=power")
