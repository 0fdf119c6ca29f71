"""The lectures' worked examples: every number to its digits, in Python and as printed, and the person's own numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from forecaster import lectures
from forecaster.commands.terminal import program
from forecaster.equations import activations as act
from forecaster.equations import lstm
from forecaster.equations.lstm import build_up
from forecaster.equations.recurrent import softmax_rnn
from forecaster.errors import UsageError
from forecaster.lectures import working as lecture_working
from tests import commands


def run(*args: object) -> Result:
    return commands.run("lecture", *args)


def printed(*args: object) -> str:
    return commands.ok("lecture", *args).stdout


def refused(*args: object) -> str:
    return commands.refused("lecture", *args)


def table(text: str, title: str) -> dict[str, list[str]]:
    """Return a printed table by the first cell of each row, the header included."""
    lines = text.split(f"\n{title}\n")[1].split("\n\n", maxsplit=1)[0].splitlines()
    cells = [re.split(r" {2,}", line.strip()) for line in lines]
    return {row[0]: row[1:] for row in cells}


def columns(text: str, title: str) -> dict[str, list[str]]:
    """Return a printed table by column."""
    rows = list(table(text, title).items())
    header = [rows[0][0], *rows[0][1]]
    return dict(zip(header, zip(*([name, *row] for name, row in rows[1:]), strict=True), strict=True))


def by_step(working: lectures.Working, name: str, title: str = "") -> list[float]:
    """Return a quantity at every step, as Python gives it, in four digits."""
    steps = [step for step in working.steps if step.title.startswith(title)]
    return [round(line.value, 4) for step in steps for line in step.lines if line.name == name]


BASIC = {"net": (0.59, 1.3720), "y": (0.5299, 0.8791), "error": (0.2299, 0.3791)}
LSTM = {
    "f": (0.6434, 0.7763),
    "i": (0.5842, 0.6669),
    "a": (0.5511, 0.7535),
    "s": (0.3220, 0.7525),
    "o": (0.6770, 0.8471),
    "y": (0.2107, 0.5393),
    "error": (-0.0893, 0.0393),
}
BUILD_UP = {
    "1. c = c- + a": {"c": (0.1194, 0.5554), "h": (0.0723, 0.4035)},
    "2. c = f c- + a": {"c": (0.1194, 0.5181), "h": (0.0723, 0.3808)},
    "3. c = f c- + i a": {"c": (0.0639, 0.3058), "h": (0.0388, 0.2369)},
}
SIGMOID_STATE = {"c": (0.5160, 0.6568), "h": (0.2887, 0.4648)}
GRU = {"update keeps (Keras)": (0.2292, 0.4025), "update takes": (0.3220, 0.6152)}
WEATHER = {
    "State h": [
        (0.1100, 0.7166, 0.9540, 0.9370),
        (0.2100, 0.9363, 0.9807, 0.9793),
        (0.3100, 0.9070, 0.9564, 0.9876),
    ],
    "Numbers under the softmax, y = Why h": [
        (0.5017, 1.9261, 2.0981, 2.1164),
        (0.3032, 1.1312, 1.2683, 1.2816),
        (0.2126, 0.9358, 1.1125, 1.1117),
        (0.2107, 1.0787, 1.3158, 1.3043),
    ],
    "Softmax": [
        (0.3015, 0.4441, 0.4412, 0.4456),
        (0.2472, 0.2006, 0.1924, 0.1934),
        (0.2258, 0.1650, 0.1646, 0.1632),
        (0.2254, 0.1903, 0.2018, 0.1978),
    ],
}


def deck(values: tuple[float, ...]) -> tuple[str, ...]:
    """Write numbers as the decks do: ``.5299``."""
    return tuple(re.sub(r"^(-?)0\.", r"\1.", f"{value:.4f}") for value in values)


class TestBasicRNN:
    def test_python(self) -> None:
        working = lectures.work("basic-rnn")
        nets = [round(line.total, 4) for step in working.steps for line in step.lines if line.total is not None]
        assert nets == list(BASIC["net"])
        assert by_step(working, "y") == list(BASIC["y"])
        assert by_step(working, "error") == list(BASIC["error"])

    def test_printed(self) -> None:
        text = printed("basic-rnn")
        assert "tanh(.7*.1 + .3*.4 + .4*0 + .4) = tanh(.59) = .5299" in text
        assert "tanh(.7*.7 + .3*.9 + .4*.5299 + .4) = tanh(1.3720) = .8791" in text
        shown = columns(text, "All steps")
        assert shown["y"] == deck(BASIC["y"])
        assert shown["error"] == deck(BASIC["error"])


class TestTraditionalLSTM:
    @pytest.mark.parametrize("name", LSTM)
    def test_python(self, name: str) -> None:
        assert by_step(lectures.work("traditional-lstm"), name) == list(LSTM[name])

    @pytest.mark.parametrize("name", LSTM)
    def test_printed(self, name: str) -> None:
        assert columns(printed("traditional-lstm"), "All steps")[name] == deck(LSTM[name])

    def test_the_sums_are_written_out(self) -> None:
        text = printed("traditional-lstm")
        assert "sig(.7*.1 + .3*.4 + .4*0 + .4) = sig(.59) = .6434" in text
        assert ".7763*.3220 + .6669*.7535 = .7525" in text
        assert ".2107 - .3 = -.0893" in text

    def test_the_traps_are_computed(self) -> None:
        text = re.sub(r"\s+", " ", printed("traditional-lstm"))
        assert "y = .2108 at t = 1" in text
        assert "y = .5595 at t = 2" in text
        other = lectures.work("traditional-lstm", ["bf=1.4"])
        assert by_step(other, "y")[1] == 0.5595
        raised = lectures.work("traditional-lstm", ["bf=-.6"]).notes[1].values["y_raised"]
        assert round(raised, 4) == LSTM["y"][1]


class TestBuildUp:
    @pytest.mark.parametrize("title", BUILD_UP)
    def test_three_forms(self, title: str) -> None:
        working, shown = lectures.work("lstm-build-up"), columns(printed("lstm-build-up"), title)
        for name, values in BUILD_UP[title].items():
            assert by_step(working, name, f"{title},") == list(values)
            assert shown[name] == deck(values)

    def test_the_sigmoid_around_the_state(self) -> None:
        working = lectures.work("lstm-sigmoid-state")
        shown = columns(printed("lstm-sigmoid-state"), "c = sig(f c- + i a)")
        for name, values in SIGMOID_STATE.items():
            assert by_step(working, name) == list(values)
            assert shown[name] == deck(values)

    def test_a_form_shows_the_gates_it_has(self) -> None:
        text = printed("lstm-build-up")
        assert [len(columns(text, title)) for title in BUILD_UP] == [7, 8, 9]

    def test_the_third_form_is_the_lstm_without_biases(self) -> None:
        rng = np.random.default_rng(0)
        weights = {f"W{gate}": rng.normal(size=(5, 3)) for gate in "fiao"}
        x = rng.normal(size=(4, 6, 2))
        zeros = {f"b{gate}": np.zeros(3) for gate in "fiao"}
        plain = lstm.lstm(x, *lstm.textbook_gates(weights | zeros))
        np.testing.assert_allclose(build_up(x, weights, "input").h, plain, rtol=0, atol=1e-14)


class TestGRU:
    @pytest.mark.parametrize("title", GRU)
    def test_both_conventions(self, title: str) -> None:
        assert by_step(lectures.work("gru"), "y", title) == list(GRU[title])
        assert columns(printed("gru"), title)["y"] == deck(GRU[title])


class TestWeather:
    @pytest.mark.parametrize("title", WEATHER)
    def test_the_table(self, title: str) -> None:
        worked = next(part for part in lectures.work("weather").tables if part.title == title)
        shown = table(printed("weather"), title)
        for row, expected in zip(worked.rows, WEATHER[title], strict=False):
            assert tuple(round(value, 4) for value in row[1:]) == expected
            assert tuple(shown[row[0]]) == deck(expected)

    def test_untrained_every_step_predicts_s(self) -> None:
        assert table(printed("weather"), "Softmax")["predicts"] == ["S", "S", "S", "S"]

    def test_exercise_1a_has_four_choices_and_the_first_is_right(self) -> None:
        rows = list(table(printed("weather"), "Exercise 1a: h(1) at t = 2, with each symbol's column of Whx").values())
        assert [row[0] for row in rows[1:]] == [".7166", ".8978", ".8308", ".8007"]
        assert [row[1].split(":")[0] for row in rows[1:]] == ["right", "wrong", "wrong", "wrong"]

    def test_slide_19_rounds_the_state_first(self) -> None:
        note = re.sub(r"\s+", " ", printed("weather"))
        assert "y(S) at t = 2 is 1.9262 from those, and 1.9261 at full precision" in note

    def test_own_symbols(self) -> None:
        working = lectures.work("weather", ["inputs=T,S"])
        assert len(working.steps) == 3
        assert working.steps[1].start.startswith("T was read")

    def test_the_network_takes_a_batch_and_a_start(self) -> None:
        rng = np.random.default_rng(1)
        shapes = {"Whx": (4, 3), "Whh": (3, 3), "Why": (3, 4), "bias": (3,)}
        weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        x, start = np.eye(4)[rng.integers(0, 4, (5, 7))], rng.normal(size=(5, 3))
        trace = softmax_rnn(x, weights, start)
        assert trace.h.shape == (5, 7, 3)
        assert trace.y.shape == (5, 7, 4)
        resumed = softmax_rnn(x[:, 3:], weights, trace.h[:, 2])
        np.testing.assert_array_equal(resumed.h, trace.h[:, 3:])
        np.testing.assert_allclose(softmax_rnn(x[2:3], weights, start[2]).y[0], trace.y[2], atol=1e-14)


class TestGradients:
    def test_quarter_to_the_power_of_the_lag(self) -> None:
        shown = columns(printed("vanishing-gradient"), "What is left of a gradient after so many steps")
        assert shown["sigmoid"] == ("9.8e-4", "9.5e-7", "8.9e-16")
        rows = lectures.work("vanishing-gradient").tables[0].rows
        assert [row[1] for row in rows] == [0.25**5, 0.25**10, 0.25**25]

    @given(st.floats(-700, 700))
    def test_no_slope_of_the_sigmoid_is_above_a_quarter(self, x: float) -> None:
        assert 0 < act.sigmoid_derivative(np.asarray(x)) <= np.nextafter(0.25, 1)  # one rounding

    @pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softplus"])
    def test_derivatives_are_slopes(self, name: str) -> None:
        x, step = np.array([-6.0, -2.0, -0.3, 0.4, 1.0, 5.0]), 1e-6
        function, derivative = getattr(act, name), getattr(act, f"{name}_derivative")
        np.testing.assert_allclose(derivative(x), (function(x + step) - function(x - step)) / (2 * step), atol=1e-9)

    def test_identities(self) -> None:
        x = np.linspace(-5, 5, 41)
        s = act.sigmoid(x)
        np.testing.assert_allclose(act.sigmoid_derivative(x), s * (1 - s), atol=1e-15)
        np.testing.assert_allclose(act.tanh(x), 2 * act.sigmoid(2 * x) - 1, atol=1e-15)
        np.testing.assert_allclose(act.softmax(np.stack([x, 0 * x], axis=1))[:, 0], s, atol=1e-15)

    @pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softplus", "softmax"])
    def test_far_out_nothing_overflows_and_float32_stays(self, name: str) -> None:
        x = np.array([-1e4, 0.0, 1e4], dtype=np.float32)
        assert getattr(act, name)(x).dtype == np.float32
        assert np.isfinite(getattr(act, name)(x)).all()
        if name != "softmax":
            assert getattr(act, f"{name}_derivative")(x).dtype == np.float32

    def test_activations_printed(self) -> None:
        text = printed("activations", "--set", "x=-2,0,3")
        values, slopes = columns(text, "Value"), columns(text, "Derivative")
        assert values["x"] == ("-2", "0", "3")
        assert values["sigmoid"] == (".1192", ".5000", ".9526")
        assert values["softplus"] == (".1269", ".6931", "3.0486")
        assert slopes["sigmoid'"] == (".1050", ".2500", ".0452")
        assert slopes["tanh'"] == (".0707", "1.0000", ".0099")
        assert slopes["ReLU'"] == (".0000", ".0000", "1.0000")


class TestEveryExample:
    @pytest.mark.parametrize("name", lectures.names())
    def test_json_holds_every_number_in_full(self, name: str) -> None:
        document = json.loads(printed(name, "--json"))
        working = lectures.work(name)
        assert document["name"] == name
        for step, written in zip(working.steps, document["steps"], strict=True):
            assert written["quantities"].keys() == {line.name for line in step.lines}
            for line in step.lines:
                assert written["quantities"][line.name]["value"] == line.value
                assert written["quantities"][line.name]["sum"] == line.total

    @pytest.mark.parametrize("name", lectures.names())
    def test_a_written_sum_leads_to_its_value(self, name: str) -> None:
        functions = {"sig": act.sigmoid, "tanh": np.tanh}
        for step in lectures.work(name).steps:
            for line in step.lines:
                if line.total is not None:
                    function = functions[line.written.split("(")[0]]
                    assert line.value == pytest.approx(float(function(np.asarray(line.total))), abs=1e-15)

    @pytest.mark.parametrize("name", lectures.names())
    def test_the_own_numbers_set_again_change_nothing(self, name: str) -> None:
        words = {
            p.name: [p.symbols[int(v)] if p.symbols else repr(float(v)) for v in p.value.ravel()]
            for p in lectures.example(name).parameters
        }
        again = [f"{key}={','.join(values)}" for key, values in words.items()]
        arguments = [part for setting in again for part in ("--set", setting)]
        assert printed(name, *arguments, "--json") == printed(name, "--json")
        assert printed(name, *arguments) == printed(name)

    @pytest.mark.parametrize("name", lectures.names())
    def test_extreme_numbers_are_still_worked(self, name: str) -> None:
        for k in (0, 1):
            settings = [
                f"{g.name}={','.join([g.symbols[-k] if g.symbols else repr((g.low, g.high)[k])] * g.value.size)}"
                for g in lectures.example(name).parameters
            ]
            arguments = [part for setting in settings for part in ("--set", setting)]
            json.loads(printed(name, *arguments, "--json"))
            assert printed(name, *arguments)

    @pytest.mark.parametrize("name", lectures.names())
    def test_the_docs_have_it(self, name: str) -> None:
        docs = (Path(__file__).parents[1] / "docs" / "LECTURES.md").read_text("utf-8")
        assert f"`forecaster lecture {name}`" in docs

    def test_the_list(self) -> None:
        text = printed()
        assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for name in lectures.names())
        assert text.splitlines()[-1].startswith(f"`{program()} lecture EXAMPLE` works one")
        listed = json.loads(printed("--json"))["examples"]
        assert [row["name"] for row in listed] == list(lectures.names())
        assert all(re.match("decks? [A-E]", row["slide"]) for row in listed)

    @given(st.floats(-3, 3), st.floats(-3, 3))
    def test_own_weights_are_used(self, weight: float, bias: float) -> None:
        working = lectures.work("basic-rnn", [f"W={weight!r},0,0", f"b={bias!r}"])
        for step, x in zip(working.steps, (0.1, 0.7), strict=True):
            assert step.lines[0].value == pytest.approx(np.tanh(weight * x + bias), abs=1e-12)


class TestSteps:
    def test_a_third_step(self) -> None:
        text = printed("traditional-lstm", "--set", "x3=.2,.5", "--set", "target3=.4")
        assert "t = 3: x = (.2, .5), y- = .5393, s- = .7525" in text
        assert columns(text, "All steps")["t"] == ("1", "2", "3")

    def test_given_numbers_are_listed_as_they_were_given(self) -> None:
        assert re.search(r"x1 +\.123456, 1 ", printed("gru", "--set", "x1=.123456,1"))

    def test_a_step_less(self) -> None:
        working = lectures.work("gru", ["x2=", "target2="])
        assert by_step(working, "y") == [0.2292, 0.3220]

    def test_a_step_without_target_has_no_error(self) -> None:
        text = printed("basic-rnn", "--set", "target1=")
        assert columns(text, "All steps")["error"] == ("-", ".3791")

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            (["x4=1,1"], "x1, x2, x4"),
            (["target3=1"], "target3 has no input x3"),
            (["x2="], "target2 has no input x2"),
            (["x1=", "x2=", "target1=", "target2="], "must be x1, x2"),
        ],
    )
    def test_steps_that_do_not_follow(self, settings: list[str], says: str) -> None:
        assert says in refused("basic-rnn", *(part for setting in settings for part in ("--set", setting)))


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "setting", "says"),
        [
            ("traditional-lstm", "Wg=1,2,3", "x1, target1, x2, target2, Wf, bf"),
            ("traditional-lstm", "wf=1,2,3", "no such number"),
            ("traditional-lstm", "Wf=.7,.3", "found 2 values; expected 3: forget gate: weights of x(1), x(2) and y-"),
            ("traditional-lstm", "bf=1,2", "found 2 values; expected 1"),
            ("traditional-lstm", "bf=", "found 0 values"),
            ("traditional-lstm", "Wf=.7,.3,half", "'half', not a number"),
            ("traditional-lstm", "Wf=.7,,.3", "'', not a number"),
            ("traditional-lstm", "Wf=.7,.3,nan", "not finite"),
            ("traditional-lstm", "Wf=.7,.3,inf", "not finite"),
            ("traditional-lstm", "Wf=.7,.3,1e9", "expected -1.0e6 to 1.0e6"),
            ("traditional-lstm", "Wf", "there is no ="),
            ("traditional-lstm", "x0=1,2", "no such number"),
            ("weather", "Whx=1,2,3", "12: 3 rows of 4, row by row"),
            ("weather", "inputs=S,X", "symbols among S, C, R, T"),
            ("weather", "x3=1,2", "no such number"),
            ("weather", "inputs=", "0 values; expected 1 to 100"),
            ("vanishing-gradient", "lags=1.5", "a whole number"),
            ("vanishing-gradient", "f=1.5", "expected 0 to 1"),
            ("activations", "x=" + ",".join(["1"] * 101), "101 values; expected 1 to 100"),
        ],
    )
    def test_numbers_that_do_not_fit(self, name: str, setting: str, says: str) -> None:
        assert says in refused(name, "--set", setting)

    def test_a_number_given_twice(self) -> None:
        assert "twice" in refused("basic-rnn", "--set", "b=1", "--set", "b=2")

    def test_an_example_that_is_not_there(self) -> None:
        assert "Did you mean traditional-lstm" in refused("tradional-lstm")
        assert "There are: basic-rnn" in refused("zzz")

    def test_the_list_takes_no_numbers(self) -> None:
        assert "need an EXAMPLE" in refused("--set", "b=1")

    def test_no_figure(self, tmp_path: Path) -> None:
        assert "activations, vanishing-gradient" in refused("gru", "--plot", tmp_path / "a.png")
        assert ".png" in refused("activations", "--plot", tmp_path / "a.gif")

    def test_python_raises(self) -> None:
        with pytest.raises(UsageError, match="not a number"):
            lectures.work("basic-rnn", ["b=x"])

    @given(st.text(max_size=30))
    def test_any_text_is_worked_or_refused(self, text: str) -> None:
        try:
            lectures.work("weather", [text])
            lectures.work("basic-rnn", [f"W={text}"])
        except UsageError:
            pass


class TestFigures:
    @pytest.mark.parametrize(
        ("name", "setting"),
        [("activations", "x=-2,0,3"), ("activations", "x=-1000,1000"), ("vanishing-gradient", "x=1"),
         ("vanishing-gradient", "lags=0"), ("vanishing-gradient", "w=0")],
    )  # fmt: skip
    def test_drawn(self, name: str, setting: str, tmp_path: Path) -> None:
        path = tmp_path / "figure.png"
        printed(name, "--set", setting, "--plot", path)
        assert path.read_bytes().startswith(b"\x89PNG")

    def test_the_curves_are_the_functions(self) -> None:
        from forecaster.plots.lectures import activations

        panels = activations({"x": np.array([0.0])}).axes
        for panel, name in zip(panels, ("sigmoid", "tanh", "relu", "softplus"), strict=True):
            curve = panel.get_lines()[0]
            np.testing.assert_allclose(curve.get_ydata(), getattr(act, name)(np.asarray(curve.get_xdata())))


@given(st.floats(-1e6, 1e6))
def test_what_is_written_can_be_read_back(value: float) -> None:
    for write in (lecture_working.four, lecture_working.short):
        assert float(write(value)) == pytest.approx(value, abs=0.51e-4, rel=0.06)


def test_the_command_needs_no_large_library() -> None:
    code = (
        "import sys; from forecaster.commands.group import cli\n"
        "try: cli.main(['lecture', 'weather'])\n"
        "except SystemExit: pass\n"
        "large = {'tensorflow', 'keras', 'pandas', 'scipy', 'matplotlib', 'rich', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(','.join(sorted(large)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
