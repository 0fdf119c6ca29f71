"""Symbols through the commands: a column of labels is trained on, scored, forecast and refused."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from forecaster.batch.tables import encode
from forecaster.config import RunConfig
from forecaster.errors import ModelError, SignalError
from forecaster.model import Forecaster
from forecaster.plots import learning_curve, symbols
from forecaster.reading import read_signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.tasks import TASKS, SymbolForecast
from tests.commands import ok, refused, run
from tests.readme import blocks

SYMBOLS = RunConfig(predictor="markov").reading.model_copy(update={"symbols": True})


def column(path, labels, header="weather"):
    path.write_text("\n".join([header, *labels]) + "\n")
    return path


@pytest.fixture(scope="module")
def weather(tmp_path_factory):
    return column(tmp_path_factory.mktemp("symbols") / "weather.csv", "SCRT" * 25)


@pytest.fixture(scope="module")
def model(weather, tmp_path_factory):
    """The softmax RNN trained on the lecture's sequence with the defaults."""
    path = tmp_path_factory.mktemp("models") / "m"
    ok("train", weather, "-o", path, "--predictor", "symbol-rnn", "--steps", "400")
    return path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def second_order(count, seed=0):
    """The next symbol is the sum of the last two modulo 3, nine times in ten: one symbol tells nothing."""
    rng, found = np.random.default_rng(seed), [0, 1]
    for _ in range(count):
        found.append((found[-1] + found[-2]) % 3 if rng.random() < 0.9 else int(rng.integers(3)))
    return ["abc"[code] for code in found]


def test_the_forecast_continues_the_sequence(model, weather, tmp_path):
    ok("forecast", model, weather, "-o", tmp_path, "-n", "10")
    found = rows(tmp_path / "weather.forecast.csv")
    assert list(found[0]) == ["unique_id", "ds", "y_hat", "p", "p-S", "p-C", "p-R", "p-T"]
    assert "".join(row["y_hat"] for row in found) == "SCRTSCRTSC"
    assert [row["ds"] for row in found] == [str(k) for k in range(100, 110)]
    for row in found:
        chances = {symbol: float(row[f"p-{symbol}"]) for symbol in "SCRT"}
        assert sum(chances.values()) == pytest.approx(1)
        assert float(row["p"]) == max(chances.values()) == chances[row["y_hat"]] > 0.9


def test_the_lectures_network_of_three_units_predicts_t_after_s_c_r(weather, tmp_path):
    size = ("--n-step", "3", "--set", "units=3", "--steps", "1500")
    ok("train", weather, "-o", tmp_path / "m", "--predictor", "symbol-rnn", *size)
    forecaster = Forecaster.load(tmp_path / "m")
    assert sum(tensor.size for tensor in forecaster.predictor.tensors().values()) == 12 + 9 + 3 + 3 + 12
    for labels, after in (("SCR", "T"), ("CRT", "S"), ("RTS", "C"), ("TSC", "R")):
        (found,) = forecaster.forecast([read_signal(column(tmp_path / "x.csv", labels), SYMBOLS)])[0]
        assert found.symbols[int(found.mean[0])] == after
        assert found.probabilities.max() > 0.8


def test_where_the_next_symbol_depends_on_two_the_network_beats_the_markov_chain(tmp_path):
    file = column(tmp_path / "sums.csv", second_order(900))
    size = ("--n-step", "8", "--steps", "500", "--json")
    result = json.loads(ok("train", file, "-o", tmp_path / "m", "--predictor", "symbol-rnn", *size).stdout)
    (part,) = result["evaluations"][0]["parts"]
    scores = part["scores"]
    assert list(scores) == ["model", "last-symbol", "most-frequent", "markov"]
    assert scores["model"]["accuracy"] > 0.8
    assert scores["markov"]["accuracy"] < 0.6
    assert scores["model"]["cross_entropy"] < 0.7 * scores["markov"]["cross_entropy"]
    assert part["verdict"].startswith("Better than every baseline: ")
    assert {"step", "accuracy", "cross_entropy"} == set(part["by_step"]["model"][0])


def test_the_scores_stand_in_the_report_in_inspect_and_in_the_card(model, weather):
    text = ok("evaluate", model, weather).stdout
    assert all(name in text for name in ("accuracy", "cross_entropy", "perplexity", "markov", "the Markov chain"))
    text = ok("inspect", model).stdout
    assert "4: S, C, R, T" in text
    assert "symbols have probabilities, not bands" in text
    card = next(model.glob("data-*/README.md")).read_text()
    assert "- Symbols: S, C, R, T" in card
    assert "nmse" not in card
    assert json.loads(ok("inspect", model, "--json").stdout)["task"] == "symbols"


def test_the_closed_loop_says_what_its_probabilities_are(model, weather, tmp_path):
    assert "given the symbols forecast before" in ok("forecast", model, weather, "-o", tmp_path / "a", "-n", "5").stderr
    assert "given the symbols forecast" not in ok("forecast", model, weather, "-o", tmp_path / "b").stderr


def test_a_new_file_is_coded_with_the_models_alphabet(model, tmp_path):
    other = column(tmp_path / "other.csv", "TSCR" * 8)
    ok("forecast", model, other, "-o", tmp_path / "out", "-n", "3")
    assert [row["y_hat"] for row in rows(tmp_path / "out" / "other.forecast.csv")] == ["T", "S", "C"]
    unknown = column(tmp_path / "unknown.csv", ["S", "C", "R", "fog"] * 8)
    message = refused("forecast", model, unknown, "-o", tmp_path / "out2")
    assert "unknown.csv:5: column 'weather': the symbol 'fog'" in message
    assert "S, C, R, T" in message


def test_json_and_parquet_hold_the_same(model, weather, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for form in ("csv", "json", "parquet"):
        ok("forecast", model, weather, "-o", tmp_path / form, "-n", "3", "--format", form)
    expected = rows(tmp_path / "csv" / "weather.forecast.csv")
    listed = json.loads((tmp_path / "json" / "weather.forecast.json").read_text())
    table = parquet.read_table(tmp_path / "parquet" / "weather.forecast.parquet").to_pylist()
    for row, one, other in zip(expected, listed, table, strict=True):
        assert one == other
        assert {key: str(value) for key, value in one.items()} == row


def test_text_that_a_spreadsheet_would_run_is_made_safe(tmp_path):
    file = column(tmp_path / "odd.csv", ["=1+1", '"a,b"', "-x"] * 12, "@state")
    ok("train", file, "-o", tmp_path / "m", "--predictor", "markov", "--n-step", "4")
    ok("forecast", tmp_path / "m", file, "-o", tmp_path / "out", "-n", "3")
    text = (tmp_path / "out" / "odd.forecast.csv").read_text()
    assert text.splitlines()[0] == 'unique_id,ds,y_hat,p,p-=1+1,"p-a,b",p--x'
    assert [row["y_hat"] for row in rows(tmp_path / "out" / "odd.forecast.csv")] == ["'=1+1", "a,b", "'-x"]


@pytest.mark.bits
def test_one_file_alone_or_among_others_gives_the_same_bytes(model, tmp_path):
    rng = np.random.default_rng(0)
    labels = ["".join(rng.choice(list("SCRT"), 30)) for _ in range(20)]
    signals = [read_signal(column(tmp_path / f"{k}.csv", text), SYMBOLS) for k, text in enumerate(labels)]
    forecaster = Forecaster.load(model)
    together = forecaster.forecast(signals, horizon=4)
    for signal, found in zip(signals, together, strict=True):
        assert encode(found, [], "csv") == encode(forecaster.forecast([signal], horizon=4)[0], [], "csv")


def test_several_files_and_their_alphabets_train_one_model(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    column(folder / "a.csv", ["on", "off"] * 20)
    column(folder / "b.csv", ["off", "fault", "on"] * 15)
    ok("train", folder, "-o", tmp_path / "m", "--predictor", "markov", "--n-step", "3")
    assert Forecaster.load(tmp_path / "m").manifest.channels.labels == ("on", "off", "fault")


def test_time_goes_on(tmp_path):
    text = "".join(f"2024-01-01 {k:02d}:00:00,{'ab'[k % 2]}\n" for k in range(24))
    (tmp_path / "t.csv").write_text(f"time,state\n{text}")
    ok("train", tmp_path / "t.csv", "-o", tmp_path / "m", "--predictor", "markov", "--n-step", "3")
    ok("forecast", tmp_path / "m", tmp_path / "t.csv", "-o", tmp_path / "out", "-n", "2")
    found = rows(tmp_path / "out" / "t.forecast.csv")
    assert [(row["ds"], row["y_hat"]) for row in found] == [("2024-01-02 00:00:00", "a"), ("2024-01-02 01:00:00", "b")]


def test_the_forecast_and_the_learning_curve_are_drawn(model, weather, tmp_path):
    ok("forecast", model, weather, "-o", tmp_path / "o", "-n", "8", "--plot")
    assert (tmp_path / "o" / "weather.forecast.png").read_bytes().startswith(b"\x89PNG")
    figure = learning_curve([{"step": 1, "loss": 1.0}], TASKS["symbols"].loss_label)
    assert figure.axes[0].get_ylabel() == "loss (cross-entropy, nats)"


def test_the_picture_shows_the_likeliest_symbols_of_a_large_alphabet():
    names, history = tuple(f"s{k}" for k in range(40)), np.arange(30.0)
    probabilities = np.full((5, 40), 0.1 / 39)
    probabilities[:, 35] = 0.9
    made = {"mean": np.full(5, 35.0), "history": history, "symbols": names, "probabilities": probabilities}
    axes = symbols([SymbolForecast("x", "state", "", TimeAxis(), 30, **made)]).axes[0]
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(shown) == 16
    assert "s35" in shown
    assert "16 of 40 symbols" in axes.get_title("left")


def test_what_means_nothing_for_symbols_is_refused(model, weather, tmp_path):
    assert "--level" in refused("forecast", model, weather, "-o", tmp_path / "o", "--level", "80")
    assert "--plot" in refused("evaluate", model, weather, "--plot", tmp_path / "p.png")
    train = ("train", weather, "-o", tmp_path / "m", "--predictor", "symbol-rnn")
    assert "one at a time" in refused(*train, "--n-input", "5")
    assert "--carry-state" in refused(*train, "--carry-state")


def test_a_file_too_short_gets_a_command_that_fits(model, tmp_path):
    short = column(tmp_path / "short.csv", "SCRT" * 5)
    message = refused("train", short, "-o", tmp_path / "m", "--predictor", "markov")
    command = message.partition("This fits: ")[2].split()
    assert ok(*command[command.index("train") :]).exit_code == 0
    message = refused("forecast", model, short, "-o", tmp_path / "o")
    assert "--n-step 2 --predictor symbol-rnn" in message


def test_check_says_what_the_labels_are_and_how_to_train_on_them(weather, tmp_path):
    text = ok("check", weather).stdout
    assert "labels: column 'weather' holds 4 (S 25.0%, C 25.0%, R 25.0%, T 25.0%)" in text
    assert f"train {weather} -o models/weather --n-step 14 --predictor symbol-rnn" in text
    mixed = tmp_path / "mixed.csv"
    mixed.write_text("speed,state\n" + "".join(f"{k % 7},{'ab'[k % 2]}\n" for k in range(60)))
    assert "--predictor symbol-rnn --column state" in ok("check", mixed).stdout
    document = json.loads(ok("check", mixed, "--json").stdout)["signals"][0]
    assert document["labels"][0]["symbols"] == ["a", "b"]
    broken = column(tmp_path / "broken.csv", ["1.5", "2.5", "x", "4.5"] * 5, "speed")
    assert "broken.csv:4: column 'speed': 'x'" in run("check", broken).stderr


def test_the_docs_example_runs_and_continues_as_it_says(tmp_path, monkeypatch):
    text = (Path(__file__).resolve().parents[1] / "docs" / "SYMBOLS.md").read_text()
    monkeypatch.chdir(tmp_path)
    column(tmp_path / "weather.csv", "SCRT" * 25)
    for line in blocks(text)["symbols"]:
        ok(*line.removeprefix("python cli.py ").split())
    shown = list(csv.DictReader(re.search(r"```\n(unique_id.*?)```", text, re.DOTALL)[1].splitlines()))
    found = rows(tmp_path / "forecasts" / "weather.forecast.csv")
    for row, expected in zip(found, shown, strict=True):
        assert [row[key] for key in ("unique_id", "ds", "y_hat")] == [
            expected[key] for key in ("unique_id", "ds", "y_hat")
        ]
        assert float(row["p"]) == pytest.approx(float(expected["p"]), abs=1e-3)


def test_the_predictors_say_their_task():
    listed = json.loads(ok("predictors", "--json").stdout)["predictors"]
    tasks = {one["name"]: one["task"] for one in listed}
    assert {name for name, task in tasks.items() if task == "symbols"} >= {"symbol-rnn", "markov", "last-symbol"}
    assert tasks["ridge"] == "forecast"


def test_signals_of_the_other_task_are_refused_by_the_model(model, weather):
    forecaster = Forecaster.load(model)
    numbers = read_signal(weather, SYMBOLS)
    with pytest.raises(SignalError, match="a column of symbols, as in training"):
        forecaster.forecast([type(numbers)("n", ("weather",), numbers.recordings)])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task", "forecast"),
        ("task", "labels"),
        ("labels", ["S", "C", "R"]),
        ("labels", ["S", "C", "R", "R"]),
        ("scaler", {"mean": [0.5], "scale": [1.0]}),
    ],
)
def test_a_manifest_that_does_not_agree_is_refused(model, tmp_path, field, value):
    from forecaster.bundle.gate import parse_manifest

    document = json.loads((model / "model.json").read_text())
    (document["channels"] if field == "labels" else document)[field] = value
    with pytest.raises(ModelError):
        parse_manifest(json.dumps(document).encode(), "model.json")


def test_a_predictor_of_numbers_in_a_model_of_symbols_is_refused(model):
    from forecaster.bundle.gate import parse_manifest
    from forecaster.bundle.tensors import implied

    document = json.loads((model / "model.json").read_text())
    document["predictors"].append({"name": "last-value", "parameters": {}, "tensors": []})
    with pytest.raises(ModelError, match=r"'last-value'.*one of the task symbols"):
        implied(parse_manifest(json.dumps(document).encode(), "model.json"), "model.json")
