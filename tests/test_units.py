"""Units: what is one, which two are the same, what is converted, and what `forecast` says of a file in another one."""

import numpy as np
import pytest

from forecaster.reading.text.cells import unit_of
from forecaster.signal import synthesis, units
from tests import commands

SMALL = ("--predictor", "ridge", "--n-step", 4, "--n-input", 10)
# A unit in several spellings a line: all that stand in one line are the same, no two lines are.
SPELLINGS = [
    ("m/s^2", "m/s2", "m/s**2", "m/s²", "m s^-2", "m·s^-2"),
    ("mm/s^2", "mm/s2", "mm/s²", "mm/s/s"),
    ("g", "G"),
    ("Gal", "cm/s^2"),
    ("degC", "°C", "C", "Celsius", "deg C"),
    ("degF", "°F", "F"),
    ("K", "kelvin"),
    ("kW", "1000 W"),
    ("W", "watts"),
    ("MW",),
    ("mW",),
    ("um", "µm", "μm"),
    ("1/min", "rpm"),
    ("Hz", "1/s"),
    ("Nm", "N·m"),
    ("furlongs",),
]


def test_spellings_are_told_apart_and_together():
    lines = [(line, text) for line, texts in enumerate(SPELLINGS) for text in texts if not text.startswith("1000")]
    assert len(lines) >= 36
    for line, text in lines:
        for other_line, other in lines:
            assert units.are_one_unit(text, other) == (line == other_line), (text, other)


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("v [mm/s^2]", "v", "mm/s^2"),
        ("vib [furlongs]", "vib", "furlongs"),
        ("acc (x)", "acc (x)", ""),
        ("acc (L)", "acc (L)", ""),
        ("CO(GT)", "CO(GT)", ""),
        ("Temp, inlet", "Temp, inlet", ""),
        ("Temp, °C", "Temp", "°C"),
        ("flow (m3/h)", "flow", "m3/h"),
        ("rho (kg·m^-3)", "rho", "kg·m^-3"),
        ("speed (1/min)", "speed", "1/min"),
        ("run (A1)", "run (A1)", ""),
    ],
)
def test_units_of_headers(header, name, unit):
    assert unit_of(header) == (name, unit)


@pytest.mark.parametrize(
    ("value", "unit", "other", "expected"),
    [
        (1000.0, "mm/s^2", "m/s^2", 1.0),
        (1.0, "g", "m/s^2", 9.80665),
        (1.0, "mg", "mm/s^2", 9.80665),
        (1.0, "g", "kg", 1e-3),
        (100.0, "Gal", "m/s^2", 1.0),
        (212.0, "degF", "°C", 100.0),
        (20.0, "C", "K", 293.15),
        (60.0, "rpm", "Hz", 1.0),
        (1.0, "mbar", "Pa", 100.0),
        (180.0, "deg/s", "rad/s", np.pi),
    ],
)
def test_conversions(value, unit, other, expected):
    assert units.converted(np.array([value]), unit, other) == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "other"), [("VA", "W"), ("rpm", "deg/s"), ("m/s", "m/s^2"), ("dB", "%"), ("furlongs", "m"), ("%RH", "%")]
)
def test_what_is_not_converted(unit, other):
    assert not units.are_convertible(unit, other)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model in m/s^2."""
    folder = tmp_path_factory.mktemp("units")
    write(folder / "trained.csv", "m/s^2")
    commands.ok("train", folder / "trained.csv", "-o", folder / "model", *SMALL)
    return folder


def write(path, unit):
    rows = synthesis.to_csv("sine", 400, 100.0, 1).decode().splitlines()[1:]
    path.write_text("\n".join([f"time [s],acc [{unit}]", *rows]) + "\n", encoding="utf-8")


def test_no_file_in_another_unit_is_forecast(folder, tmp_path):
    spellings = [text for texts in SPELLINGS for text in texts]
    for text in spellings:
        write(tmp_path / "file.csv", text)
        done = commands.run(
            "forecast", folder / "model", tmp_path / "file.csv", "-o", tmp_path / "out", "--overwrite", "-n", 2
        )
        assert done.exit_code == (0 if text in SPELLINGS[0] else 2), text
        if done.exit_code:
            assert f"it is in {text}; expected m/s^2" in done.stderr
            assert ("--convert" in done.stderr) == units.are_convertible(text, "m/s^2")


def test_converting_gives_the_forecast_of_the_values_in_the_models_unit(folder, tmp_path):
    rows = synthesis.to_csv("sine", 400, 100.0, 1).decode().splitlines()[1:]
    in_mm = [f"{row.partition(',')[0]},{1000 * float(row.partition(',')[2]):.9g}" for row in rows]
    (tmp_path / "mm.csv").write_text("\n".join(["time [s],acc [mm/s^2]", *in_mm]) + "\n")
    done = commands.ok("forecast", folder / "model", tmp_path / "mm.csv", "-o", tmp_path / "mm", "--convert", "-n", 5)
    assert "acc converted from mm/s^2 to m/s^2" in done.stderr
    commands.ok("forecast", folder / "model", folder / "trained.csv", "-o", tmp_path / "plain", "-n", 5)
    made, plain = (
        np.genfromtxt(tmp_path / path, delimiter=",", skip_header=1)[:, 2:]
        for path in ("mm/mm.forecast.csv", "plain/trained.forecast.csv")
    )
    np.testing.assert_allclose(made, plain, rtol=1e-6)
    scores = commands.ok("evaluate", folder / "model", tmp_path / "mm.csv", "--convert", "--json")
    assert '"nmse"' in scores.stdout


def test_a_unit_that_cannot_be_converted_is_refused_by_convert(folder, tmp_path):
    write(tmp_path / "file.csv", "kW")
    message = commands.refused("forecast", folder / "model", tmp_path / "file.csv", "-o", tmp_path / "o", "--convert")
    assert "kW cannot be converted to m/s^2" in message
    assert not (tmp_path / "o").exists() or not list((tmp_path / "o").glob("*.csv"))


def test_a_file_without_a_unit_gets_a_note(folder, tmp_path):
    rows = synthesis.to_csv("sine", 400, 100.0, 1).decode().splitlines()[1:]
    (tmp_path / "bare.csv").write_text("\n".join(["time [s],acc", *rows]) + "\n")
    done = commands.ok("forecast", folder / "model", tmp_path / "bare.csv", "-o", tmp_path / "out")
    assert "it names no unit: acc in m/s^2, as the model was trained" in done.stderr


def test_units_of_covariates_are_compared(tmp_path):
    lines = [f"{k},{k % 7},{k % 5}" for k in range(300)]
    for unit in ("kW", "W"):
        (tmp_path / f"{unit}.csv").write_text("\n".join([f"t [s],load,plan [{unit}]", *lines]) + "\n")
    commands.ok("train", tmp_path / "kW.csv", "-o", tmp_path / "m", "--exogenous", "plan", *SMALL)
    message = commands.refused("forecast", tmp_path / "m", tmp_path / "W.csv", "-o", tmp_path / "out")
    assert "column 'plan': it is in W; expected kW" in message
    assert "--convert" in message
    commands.ok("forecast", tmp_path / "m", tmp_path / "W.csv", "-o", tmp_path / "out", "--convert", "--overwrite")
