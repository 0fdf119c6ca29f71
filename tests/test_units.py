"""Units: what is one, which two are the same, what is converted, and what `forecast` says of a file in another one."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.reading import read_signal
from forecaster.reading.text.cells import unit_of
from forecaster.signal import synthesis, units
from tests import commands, units_table
from tests.units_table import SMALL, write

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
    "pair",
    [
        "mW MW",
        "nm Nm",
        "mN MN",
        "PA Pa",
        "ms MS",
        "s S",
        "Mbar mbar",
        "kw kW",
        "K k",
        "m M",
        "mg Mg",
        "l/min l",
        "m m2",
    ],
)
def test_units_that_differ_in_case_or_power_are_two(pair):
    assert not units.are_one_unit(*pair.split())


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


def test_no_file_in_another_unit_is_forecast(tmp_path):
    rows = list(units_table.said(tmp_path))
    assert len(rows) >= 40
    for model_unit, spelling, code, message in rows:
        assert code == 2, (spelling, model_unit)
        assert message.startswith(f"column 'acc': it is in {spelling}; expected {model_unit}, as the model was trained")
        assert ("--convert" in message) == units.are_convertible(spelling, model_unit)


@pytest.mark.parametrize("text", SPELLINGS[0])
def test_other_spellings_of_the_unit_are_forecast(folder, tmp_path, text):
    path = write(tmp_path / "file.csv", text, "()")
    done = commands.ok("forecast", folder / "model", path, "-o", tmp_path / "out", "-n", 2)
    assert "unit" not in done.stderr


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


def test_of_many_files_a_note_says_how_many_name_no_unit(folder, tmp_path):
    rows = synthesis.to_csv("sine", 400, 100.0, 1).decode().splitlines()[1:]
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("\n".join(["time [s],acc", *rows]) + "\n")
    write(tmp_path / "c.csv", "m/s2")
    done = commands.ok("forecast", folder / "model", *tmp_path.glob("?.csv"), "-o", tmp_path / "out")
    assert "note: 2 of 3 files: it names no unit: acc in m/s^2, as the model was trained" in done.stderr


def planned(path, unit, factor=1.0):
    """Write 300 hourly rows of a load and a plan, and 20 more of the plan alone."""
    stamps = pd.date_range("2024-03-04", periods=320, freq="h").astype(str)
    plan = np.sin(np.arange(320) * 2 * np.pi / 24) + np.arange(320) % 5
    load = [f"{value + k % 3:.4f}" if k < 300 else "" for k, value in enumerate(plan)]
    rows = [f"{stamp},{a},{factor * b:.9g}" for stamp, a, b in zip(stamps, load, plan, strict=True)]
    path.write_text("\n".join([f"time,load,plan{unit}", *rows]) + "\n")
    return path


@pytest.mark.parametrize("role", ["--exogenous", "--known"])
def test_units_of_covariates_are_compared_and_converted(tmp_path, role):
    kilowatts, watts = planned(tmp_path / "a.csv", " [kW]"), planned(tmp_path / "b.csv", " [W]", 1000)
    covariates = ("--column", "load", role, "plan", "--calendar", "hour-of-day")
    more = ("--missing", "split") if role == "--exogenous" else ()
    commands.ok("train", kilowatts, "-o", tmp_path / "m", *covariates, *more, *SMALL)
    assert "plan [kW]" in commands.ok("inspect", tmp_path / "m").stdout
    message = commands.refused("forecast", tmp_path / "m", watts, "-o", tmp_path / "out")
    assert "column 'plan': it is in W; expected kW" in message
    assert "Add --convert to convert it to kW." in message
    args = ("-o", tmp_path / "out", "--overwrite", "-n", 15)
    done = commands.ok("forecast", tmp_path / "m", watts, *args, "--convert")
    assert "plan converted from W to kW" in done.stderr
    commands.ok("forecast", tmp_path / "m", kilowatts, "-o", tmp_path / "plain", "-n", 15)
    in_watts, plain = (pd.read_csv(tmp_path / path)["y_hat"] for path in ("out/b.forecast.csv", "plain/a.forecast.csv"))
    np.testing.assert_allclose(in_watts, plain, rtol=1e-6, atol=1e-6)
    bare = commands.ok("forecast", tmp_path / "m", planned(tmp_path / "c.csv", ""), *args)
    assert "it names no unit: plan in kW, as the model was trained" in bare.stderr


def test_a_model_that_does_not_know_its_units_says_so(tmp_path):
    commands.ok("train", planned(tmp_path / "a.csv", ""), "-o", tmp_path / "m", "--known", "plan", *SMALL)
    done = commands.ok("forecast", tmp_path / "m", planned(tmp_path / "b.csv", " [W]"), "-o", tmp_path / "out")
    assert "plan in W: the model does not say in which unit it was trained" in done.stderr


def test_a_unit_told_of_the_training_does_not_hide_that_of_a_file(folder, tmp_path):
    rows = synthesis.to_csv("sine", 400, 100.0, 1).decode().splitlines()[1:]
    (tmp_path / "bare.csv").write_text("\n".join(["time [s],acc", *rows]) + "\n")
    commands.ok("train", tmp_path / "bare.csv", "-o", tmp_path / "m", "--unit", "g", *SMALL)
    done = commands.ok("forecast", tmp_path / "m", tmp_path / "bare.csv", "-o", tmp_path / "out")
    assert "bare [g]" in done.output
    assert "note: it" not in done.stderr
    message = commands.refused("forecast", tmp_path / "m", folder / "trained.csv", "-o", tmp_path / "out")
    assert "it is in m/s^2; expected g" in message
    assert "trained with --unit g" in message


MODEL = Path(__file__).parent / "format1" / "ridge-headers" / "model"
HEADERS = ("v [mm/s^2]", "vib [furlongs]", "acc (x)", "acc (y)", '"Temp, inlet"')


@pytest.mark.parametrize(
    ("place", "header", "says"),
    [
        (0, "v [m/s^2]", "column 'v': it is in m/s^2; expected mm/s^2"),
        (0, "v (m/s^2)", "column 'v': it is in m/s^2; expected mm/s^2"),
        (0, "v", "it names no unit: v in mm/s^2"),
        (0, "v (mm/s2)", ""),
        (1, "vib [m]", "column 'vib': it is in m; expected furlongs"),
        (2, "acc (z)", "expected v [mm/s^2], vib [furlongs], acc (x), acc (y), Temp, inlet"),
        (4, '"Temp, outlet"', "expected v [mm/s^2], vib [furlongs], acc (x), acc (y), Temp, inlet"),
    ],
)
def test_a_folder_of_version_1_has_units_in_its_names(tmp_path, place, header, says):
    lines = (MODEL.parents[1] / "signals" / "headers.csv").read_text().splitlines()[1:]
    headers = [header if k == place else text for k, text in enumerate(HEADERS)]
    (tmp_path / "f.csv").write_text("\n".join([",".join(["time (s)", *headers]), *lines]) + "\n")
    done = commands.run("forecast", MODEL, tmp_path / "f.csv", "-o", tmp_path / "out")
    assert says in done.stderr
    assert done.exit_code == (0 if "expected" not in says else 2)


def test_parentheses_that_alone_tell_two_columns_apart_hold_no_unit(tmp_path):
    rows = "".join(f"{k},{k * k % 7 + 0.5},{k * k % 11 + 0.25}\n" for k in range(50))
    for first, second, channels, named in (
        ("phase (A)", "phase (B)", ("phase (A)", "phase (B)"), ("", "")),
        ("T (min)", "T (max)", ("T (min)", "T (max)"), ("", "")),
        ("T [min]", "T [max]", ("T [min]", "T [max]"), ("min", "max")),
        ("acc (g)", "T (C)", ("acc", "T"), ("g", "C")),
        ("acc [g]", '"T, °C"', ("acc", "T"), ("g", "°C")),
    ):
        (tmp_path / "f.csv").write_text(f"time [s],{first},{second}\n{rows}")
        signal = read_signal(tmp_path / "f.csv")
        assert (signal.channels, signal.units) == (channels, named)


# The table of units is loaded within the first example.
@settings(deadline=None)
@given(
    values=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20),
    pair=st.sampled_from(
        [
            ("mm/s^2", "m/s^2"),
            ("kW", "W"),
            ("g", "m/s^2"),
            ("degF", "degC"),
            ("psi", "kPa"),
            ("m/s", "km/h"),
            ("K", "C"),
        ]
    ),
)
def test_converted_values_are_exact_to_a_double(values, pair):
    factor, offset = units.conversion(*pair)
    exact = np.array([float(Fraction(value) * factor + offset) for value in values])
    computed = units.converted(np.array(values), *pair)
    # Where a sum takes most digits away, the last place is that of its terms.
    places = np.spacing(np.maximum(np.abs(exact), abs(float(offset))))
    assert (np.abs(computed - exact) <= places).all()
    if not offset and 1 in (factor.numerator, factor.denominator):
        np.testing.assert_array_equal(computed, exact)


def test_pint_is_loaded_only_where_two_units_differ(folder, tmp_path):
    write(tmp_path / "same.csv", "m/s²")
    code = (
        "import sys\nfrom forecaster.commands.group import cli\n"
        "cli(sys.argv[1:], standalone_mode=False)\nassert 'pint' not in sys.modules\n"
    )
    args = ["forecast", folder / "model", tmp_path / "same.csv", "-o", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
