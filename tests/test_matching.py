"""Files that do not fit a model: 5 mg are no 5 g; of several the others are scored."""

import pytest

from forecaster.signal import synthesis
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
        assert "--unit acc=g" in message
    commands.ok(
        "forecast", folder / "of g", folder / "mg.csv", "-o", tmp_path / "out", "--unit", "acc=g", "--overwrite"
    )


def test_files_in_two_units_do_not_train_one_model(folder, tmp_path):
    message = commands.refused("train", folder / "g.csv", folder / "mg.csv", "-o", tmp_path / "m", *SMALL)
    assert "it is in mg; expected g, as" in message


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
