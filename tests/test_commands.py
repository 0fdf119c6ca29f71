"""The commands through click: what they print, write and refuse, and their exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from forecaster import __version__, durations
from forecaster.commands import boundary, configure, demo, options
from forecaster.commands.group import COMMANDS, cli
from forecaster.commands.terminal import Terminal, program
from forecaster.commands.train import resized
from forecaster.config import ReadingOptions, Window
from forecaster.errors import ForecasterError, SignalError, UsageError
from forecaster.model import Forecaster
from forecaster.signal import synthesis
from tests.commands import ok, refused, run

SMALL = ("--n-step", "5", "--n-input", "20")


@pytest.fixture(scope="module")
def model(sine_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "m"
    ok("train", sine_csv, "-o", path, "--predictor", "ridge", *SMALL)
    return path


def wrapped(stop: BaseException) -> RuntimeError:
    """Return what Python makes of a signal that falls into the making of a class."""
    error = RuntimeError("Error calling __set_name__")
    error.__cause__ = stop
    return error


class TestGroup:
    def test_help_lists_every_command(self) -> None:
        text = ok("--help").stdout
        assert all(name in text for name in COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_the_listed_help_is_the_commands_own(self, name: str) -> None:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.help is not None
        assert command.help.splitlines()[0] == COMMANDS[name]
        assert command.name == name

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_option_says_what_it_does(self, name: str) -> None:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert all(param.help for param in command.params if isinstance(param, click.Option))

    def test_a_slip_is_answered_with_a_guess(self) -> None:
        assert "Did you mean forecast?" in refused("forcast")
        assert "check" in refused("xyzzy")

    def test_the_version(self) -> None:
        assert __version__ in ok("--version").stdout

    def test_an_unknown_option_is_refused(self) -> None:
        assert "--bogus" in refused("check", "--bogus", "x.csv")

    @pytest.mark.parametrize(
        "args",
        [
            ("train", "x.csv", "-o", ""),
            ("forecast", "m", "x.csv", "-o", ""),
            ("explain", "m", "x.csv", "-o", ""),
            ("compare", "x.csv", "-o", ""),
            ("synthesize", "-o", ""),
            ("demo", "-o", ""),
            ("inspect", ""),
        ],
    )
    def test_an_empty_name_is_not_the_current_folder(self, args: tuple[str, ...]) -> None:
        assert "the name is empty" in refused(*args)

    @pytest.mark.parametrize("absent", ["explain", "report", "export", "tune"])
    def test_commands_that_do_not_exist_yet_are_absent(self, absent: str) -> None:
        refused(absent)


class TestBoundary:
    @pytest.mark.parametrize(
        ("error", "code", "words"),
        [
            (ForecasterError("no luck"), 1, "no luck"),
            (SignalError("a hole", path="x.csv", line=3), 2, "x.csv:3"),
            (KeyboardInterrupt(), 130, "interrupted"),
            (boundary.Terminated(), 143, "terminated"),
            (wrapped(KeyboardInterrupt()), 130, "interrupted"),
            (wrapped(boundary.Terminated()), 143, "terminated"),
            (MemoryError(), 1, "memory"),
            (OSError(28, "No space left on device", "out/x"), 1, "disk is full: out/x"),
            (PermissionError(13, "Permission denied", "out/x"), 1, "Permission denied: out/x"),
            (ZeroDivisionError("\x1b[31m"), 1, "this is a bug: ZeroDivisionError: \\x1b[31m"),
        ],
    )
    def test_each_failure_has_its_message_and_code(
        self, error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail() -> None:
            raise error

        assert boundary.guarded(fail, Terminal()) == code
        shown = capsys.readouterr()
        assert shown.out == ""
        assert words in shown.err
        assert "Traceback" not in shown.err
        assert len(shown.err.strip().splitlines()) == 1

    def test_verbose_shows_where(self, capsys: pytest.CaptureFixture[str]) -> None:
        terminal = Terminal()
        terminal.verbose = True
        assert boundary.guarded(lambda: 1 // 0, terminal) == 1
        assert "test_commands.py" in capsys.readouterr().err

    def test_a_message_stays_within_two_kilobytes(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fail() -> None:
            raise RuntimeError("x" * 10**6)

        boundary.guarded(fail, Terminal())
        assert len(capsys.readouterr().err) <= 2100

    def test_the_exit_code_of_a_command_is_kept(self) -> None:
        assert boundary.guarded(lambda: 1, Terminal()) == 1
        assert boundary.guarded(lambda: None, Terminal()) == 0


class TestSpans:
    @pytest.mark.parametrize(
        ("text", "samples"), [("100", 100), ("0.5s", 50), ("100ms", 10), ("1 min", 6000), (".1S", 10), ("20000us", 2)]
    )
    def test_samples_and_times(self, text: str, samples: int) -> None:
        span = options.parse_span(text)
        assert span is not None
        assert span.resolve(100.0, "-n") == samples

    @pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "s", "5 parsecs", "0s", "1e3", "nan", "99999999999", "١٢x"])
    def test_nonsense_is_none(self, text: str) -> None:
        assert options.parse_span(text) is None

    def test_a_time_needs_a_rate(self) -> None:
        with pytest.raises(UsageError, match="--rate"):
            options.Span("2s", seconds=2.0).resolve(None, "-n")

    @pytest.mark.parametrize(("seconds", "rate"), [(1e-6, 100.0), (1e9, 100.0)])
    def test_a_time_of_no_sample_or_too_many_is_refused(self, seconds: float, rate: float) -> None:
        with pytest.raises(UsageError, match="samples"):
            options.Span("t", seconds=seconds).resolve(rate, "-n")

    def test_durations_are_in_the_unit_a_person_would_choose(self) -> None:
        assert durations.duration(2500, 1 / 3600) == "104 days"
        assert durations.duration(100, 12_000.0) == "8.33 ms"
        assert durations.duration(5, None) == ""


class TestConfigure:
    def test_an_unknown_key_is_named_with_the_nearest(self, tmp_path: Path) -> None:
        (tmp_path / "run.toml").write_text("[recipe]\nstepz = 3\n")
        message = refused("train", "x.csv", "-o", tmp_path / "m", "--config", tmp_path / "run.toml")
        assert "recipe.stepz" in message
        assert "steps" in message

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("seed = -1", "seed"),
            ("window = 3", "window"),
            ("[window]\nn_step = 0", "window.n_step"),
            ("[split]\ntraining = 50", "split"),
            ("a = ", "not TOML"),
            (f"seed = {'9' * 5000}", "not TOML"),
            (f"a = {'[' * 3000}", "not TOML"),
            ("[recipe]\nname = ['x']", "recipe.name"),
        ],
    )
    def test_wrong_values_are_named(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / "run.toml").write_text(text)
        assert words in refused("train", "x.csv", "-o", tmp_path / "m", "--config", tmp_path / "run.toml")

    def test_option_over_environment_over_file_over_default(self, sine_csv: Path, tmp_path: Path) -> None:
        (tmp_path / "run.toml").write_text(
            'predictor = "ridge"\nseed = 1\n[window]\nn_step = 4\nn_input = 10\nstride = 3\n'
        )
        env = {"FORECASTER_N_INPUT": "12", "FORECASTER_N_STEP": "6", "FORECASTER_CONFIG": str(tmp_path / "run.toml")}
        result = ok("train", sine_csv, "-o", tmp_path / "m", "--n-step", "7", "--json", env=env)
        config = json.loads(result.stdout)["config"]
        assert config["window"] == Window(n_step=7, n_input=12, stride=3).model_dump()
        assert (config["predictor"], config["seed"]) == ("ridge", 1)
        assert config["split"]["training"] == 70

    @pytest.mark.slow
    def test_the_model_json_of_a_model_repeats_its_run(self, sine_csv: Path, tmp_path: Path) -> None:
        args = (
            "--predictor",
            "gru",
            "--set",
            "units_1=4",
            "--steps",
            20,
            "--seed",
            3,
            "--split",
            "60/20/20",
            "--no-time",
        )
        ok("train", sine_csv, "-o", tmp_path / "one", *args, *SMALL)
        ok("train", sine_csv, "-o", tmp_path / "two", "--config", tmp_path / "one" / "model.json")
        tensors = [next((tmp_path / name).glob("data-*/tensors.safetensors")).read_bytes() for name in ("one", "two")]
        configs = [json.loads((tmp_path / name / "model.json").read_bytes())["config"] for name in ("one", "two")]
        assert tensors[0] == tensors[1]
        assert configs[0] == configs[1]

    @pytest.mark.parametrize("text", ["", "{}", '{"format": 2}', "[" * 3000])
    def test_another_json_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "run.json").write_text(text)
        assert "run.json" in refused("train", "x.csv", "-o", tmp_path / "m", "--config", tmp_path / "run.json")

    def test_several_names_in_the_environment_stand_between_commas(self) -> None:
        params = {param.name: param for param in (cli.get_command(click.Context(cli), "check") or cli).params}
        assert params["columns"].type.split_envvar_value("acc x,acc y") == ["acc x", "acc y"]

    @pytest.mark.parametrize("mark", ["tab", "\t", "\\t"])
    def test_the_command_that_check_suggests_spells_the_tab(self, tmp_path: Path, mark: str) -> None:
        (tmp_path / "x.csv").write_text("a\tb\n" + "".join(f"{k % 5}.5\t{k % 7}\n" for k in range(300)))
        assert "--delimiter=tab" in ok("check", tmp_path / "x.csv", "--delimiter", mark).stdout

    def test_the_lecture_recipe_is_the_lectures(self) -> None:
        recipe = configure.RunSettings.of({"recipe": "lecture", "steps": 9}, None).preliminary.recipe
        assert (recipe.learning_rate, recipe.schedule, recipe.clip_norm, recipe.noise) == (1e-4, "constant", None, 0)
        assert (recipe.epsilon, recipe.steps) == (1e-8, 9)

    def test_reading_options_replace_the_stored_ones_one_by_one(self) -> None:
        stored = ReadingOptions(time_columns=("t",), delimiter=";", na=("x",))
        merged = configure.reading({"no_time": True, "na": ("y",)}, stored)
        assert (merged.no_time, merged.time_columns, merged.delimiter, merged.na) == (True, (), ";", ("y",))

    @pytest.mark.parametrize("text", ["70/30", "a/b/c", "70/15/15/0", "50/15/15", "0/50/50"])
    def test_a_bad_split_is_refused(self, text: str, tmp_path: Path) -> None:
        assert "split" in refused("train", "x.csv", "-o", tmp_path / "m", "--split", text)

    def test_a_split_of_more_than_all_is_told_its_sum(self, tmp_path: Path) -> None:
        message = refused("train", "x.csv", "-o", tmp_path / "m", "--split", "70/15/20")
        assert "--split 70/15/20: the shares add up to 105, not 100." in message


class TestTrain:
    def test_it_says_what_was_done_and_what_to_run_next(self, sine_csv: Path, tmp_path: Path) -> None:
        result = ok("train", sine_csv, "-o", tmp_path / "m", "--predictor", "ridge", *SMALL)
        assert "context 100 samples (1 s)" in result.stdout
        assert "horizon 20 samples (0.2 s)" in result.stdout
        assert "1500 rows" in result.stdout
        assert "seasonal-naive" in result.stdout
        assert "forecast" in result.stdout.split("Next:")[1]

    def test_a_length_in_time_is_resolved_by_the_rate(self, sine_csv: Path, tmp_path: Path) -> None:
        args = ("--predictor", "ridge", "--n-input", "200ms", "--n-step", "1s", "--json")
        config = json.loads(ok("train", sine_csv, "-o", tmp_path / "m", *args).stdout)["config"]
        assert config["window"] == Window(n_step=5, n_input=20, stride=1).model_dump()

    def test_an_existing_model_is_refused_before_anything_is_read(self, model: Path) -> None:
        assert "--overwrite" in refused("train", "absent.csv", "-o", model)

    def test_a_folder_that_is_no_model_is_refused_even_with_overwrite(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("years")
        assert "other things than a model" in refused("train", "absent.csv", "-o", tmp_path, "--overwrite")
        assert (tmp_path / "thesis.txt").read_text() == "years"

    def test_overwrite_replaces_a_model(self, sine_csv: Path, tmp_path: Path) -> None:
        args = ("train", sine_csv, "-o", tmp_path / "m", "--predictor", "ridge", *SMALL)
        ok(*args)
        ok(*args, "--seed", 5, "--overwrite")
        assert json.loads(ok("inspect", tmp_path / "m", "--json").stdout)["seed"] == 5

    def test_an_unknown_predictor_is_refused(self, tmp_path: Path) -> None:
        assert "ridge" in refused("train", "x.csv", "-o", tmp_path / "m", "--predictor", "rigde")

    def test_a_short_file_gets_a_command_that_works(self, tmp_path: Path) -> None:
        short = tmp_path / "short file.csv"
        short.write_bytes(synthesis.to_csv("sine", 400, 100.0, 1))
        message = refused(
            "train", short, "-o", tmp_path / "m", "--predictor=ridge", "--n-step", "25", "--split", "60/20/20"
        )
        assert "400" in message
        command = shlex.split(message.split("This fits: ")[1])
        args = command[command.index("train") :]
        assert str(short) in args
        assert args[args.index("--split") + 1] == "60/20/20"
        ok(*args)

    def test_the_command_keeps_all_but_the_window(self) -> None:
        args = ["train", "--n-input=5", "a b.csv", "--n-step", "9", "-o", "m", "--", "--n-step"]
        expected = ["train", "--n-step", "2", "--n-input", "3", "a b.csv", "-o", "m", "--", "--n-step"]
        assert resized(args, 2, 3) == expected

    def test_quiet_says_nothing_on_stderr(self, sine_csv: Path, tmp_path: Path) -> None:
        assert ok("train", sine_csv, "-o", tmp_path / "m", "--predictor", "ridge", *SMALL, "-q").stderr == ""

    @pytest.mark.parametrize("place", ["m/x.png", "m/more/x.png", "m.png/../m/x.png"])
    def test_a_picture_has_no_place_in_a_model(self, tmp_path: Path, place: str) -> None:
        message = refused("train", "absent.csv", "-o", tmp_path / "m", "--plot", f"{tmp_path}/{place}")
        assert "in the folder of the model" in message
        models = ("-o", tmp_path, "--predictors", "ridge", "--plot", tmp_path / "ridge" / "x.png")
        assert "in the folder of the model" in refused("compare", "absent.csv", *models)
        assert "absent.csv" in refused("train", "absent.csv", "-o", tmp_path / "m", "--plot", tmp_path / "mx.png")

    def test_no_curve_is_drawn_where_there_is_none(self, sine_csv: Path, tmp_path: Path) -> None:
        args = ("--predictor", "ridge", *SMALL, "--plot", tmp_path / "curve.png")
        assert "no learning curve" in ok("train", sine_csv, "-o", tmp_path / "m", *args).stderr

    def test_a_network_trains_draws_its_curve_and_says_how_far_it_is(self, sine_csv: Path, tmp_path: Path) -> None:
        args = (*SMALL, "--steps", "20", "--seed", "3", "--plot", tmp_path / "curve.png")
        result = ok("train", sine_csv, "-o", tmp_path / "m", *args)
        assert "step 20/" in result.stderr or "loss" in result.stderr
        assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
        ok("forecast", tmp_path / "m", sine_csv, "-o", tmp_path / "out")


class TestEvaluate:
    def test_the_stored_scores_need_no_file(self, model: Path) -> None:
        result = ok("evaluate", model)
        assert "nmse" in result.stdout
        assert "ridge" in result.stdout
        assert result.stdout.strip().splitlines()[-1].endswith(".")

    def test_json_has_the_fields_that_scripts_rely_on(self, model: Path, sine_csv: Path) -> None:
        document = json.loads(ok("evaluate", model, sine_csv, "--json", "--stride", 7, "-n", "0.4s").stdout)
        assert set(document) == {"model", "horizon", "stride", "parts", "verdict", "warnings"}
        assert (document["horizon"], document["stride"]) == (40, 7)
        (part,) = document["parts"]
        assert {"signal", "channel", "origins", "scores", "by_step", "reasons", "verdict"} <= set(part)
        assert {"model", "last-value", "repeat-segment", "seasonal-naive", "ridge"} <= set(part["scores"])
        assert len(part["by_step"]["model"]) == 40

    def test_the_training_file_gives_the_stored_scores_again(self, model: Path, sine_csv: Path) -> None:
        stored = json.loads(ok("evaluate", model, "--json").stdout)
        fresh = json.loads(ok("evaluate", model, sine_csv, "--json").stdout)
        assert fresh["parts"][0]["scores"] == stored["parts"][0]["scores"]
        assert fresh["parts"][0]["origins"] == stored["parts"][0]["origins"]

    def test_the_training_file_is_not_scored_where_it_was_cut_otherwise(self, sine_csv: Path, tmp_path: Path) -> None:
        ok("train", sine_csv, "-o", tmp_path / "m", "--predictor", "ridge", "--recording-rows", 500, *SMALL)
        ok("evaluate", tmp_path / "m", sine_csv)
        message = refused("evaluate", tmp_path / "m", sine_csv, "--recording-rows", 1500)
        assert "learned" in message
        assert sine_csv.name in message
        (tmp_path / "new.csv").write_bytes(synthesis.to_csv("sine", 1500, 100.0, 2))
        ok("evaluate", tmp_path / "m", tmp_path / "new.csv", "--recording-rows", 1500)

    def test_scores_that_are_not_stored_ask_for_the_file(self, model: Path) -> None:
        assert "Name the training file" in refused("evaluate", model, "-n", "7")

    def test_options_that_need_a_file_say_so(self, model: Path, tmp_path: Path) -> None:
        assert "SIGNAL" in refused("evaluate", model, "--plot", tmp_path / "x.png")
        assert "SIGNAL" in refused("evaluate", model, "--rate", "5")

    def test_a_picture_is_drawn(self, model: Path, sine_csv: Path, tmp_path: Path) -> None:
        ok("evaluate", model, sine_csv, "--plot", tmp_path / "x.png")
        assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")

    def test_a_missing_model_is_refused(self, tmp_path: Path) -> None:
        assert "no-model" in refused("evaluate", tmp_path / "no-model")

    def test_levels_of_bands_are_shown_and_stored_ones_alone_without_a_file(self, model: Path, sine_csv: Path) -> None:
        text = ok("evaluate", model, sine_csv, "--level", 80, "--level", 95).stdout
        assert "coverage-80  coverage-95" in text
        assert "coverage-90" not in text
        assert "The 95 % band contained " in text
        assert "at 80 %" in refused("evaluate", model, "--level", 80)
        ok("evaluate", model, "--level", 90)

    def test_the_report_tells_of_bands_spectrum_and_free_run(self, model: Path) -> None:
        closed = json.loads(ok("inspect", model, "--json").stdout)["evaluations"][1]["horizon"]
        near, far = (ok("evaluate", model, "-n", horizon).stdout for horizon in (20, closed))
        assert re.search(
            r"The 90 % band contained [\d.]+ % of the values.* \([\d.]+ to [\d.]+ % would be normal\)\n", near
        )
        for words in ("spectrum: ", "5 Hz", "energy by Hz", "correlation with"):
            assert words in near
        assert "the truth peaks at" in far
        assert "free run, steps" in far
        assert "free run" not in near

    @pytest.mark.parametrize("args", [(), ("--json",)])
    def test_too_little_skill_is_exit_1(self, sine_csv: Path, tmp_path: Path, args: tuple[str, ...]) -> None:
        ok("train", sine_csv, "-o", tmp_path / "m", "--predictor", "last-value", *SMALL)
        for signals in ((), (sine_csv,)):
            result = run("evaluate", tmp_path / "m", *signals, "--fail-below-skill", "0.1", *args)
            assert result.exit_code == 1
            assert "skill below 0.1: sine/" in result.stderr
            assert result.stdout.strip()
            ok("evaluate", tmp_path / "m", *signals, "--fail-below-skill", "-1e9", *args)
            assert run("evaluate", tmp_path / "m", *signals, "--fail-below-skill", "nan", *args).exit_code == 1
        assert "Usage" in refused("evaluate", tmp_path / "m", "--fail-below-skill", "1")

    def test_files_of_which_nothing_is_scored_fail(self, model: Path, sine_csv: Path, tmp_path: Path) -> None:
        for name in ("one.csv", "two.csv"):
            (tmp_path / name).write_bytes(synthesis.to_csv("sine", 110, 100.0, 2))
        first, second = tmp_path / "one.csv", tmp_path / "two.csv"
        for args in ((), ("--json",), ("--fail-below-skill", "0.1")):
            assert "nothing was scored" in refused("evaluate", model, first, *args)
        result = run("evaluate", model, first, second)
        assert (result.exit_code, result.stdout.count("not scored")) == (1, 2)
        assert "nothing was scored" not in ok("evaluate", model, first, sine_csv).stderr

    def test_an_undefined_skill_fails(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "flat.csv").write_text("value\n" + "1\n" * 400)
        result = run("evaluate", model, tmp_path / "flat.csv", "--rate", 100, "--fail-below-skill", "-9")
        assert result.exit_code == 1
        assert "undefined" in result.stderr

    def test_scores_that_an_older_version_stored_are_shown_and_judged(self, model: Path, tmp_path: Path) -> None:
        older = Forecaster.load(model)
        (part,) = older.stored[0]["parts"]
        gain = part.pop("skill")["gain"]
        del part["bands"], part["spectrum"]
        older.save(tmp_path / "older")
        assert "coverage-90" in ok("evaluate", tmp_path / "older", "--fail-below-skill", gain - 0.01).stdout
        assert f"{gain:.4g}" in run("evaluate", tmp_path / "older", "--fail-below-skill", gain + 0.01).stderr


class TestForecast:
    def test_a_forecast_that_ran_away_is_told(self, sine_csv: Path, tmp_path: Path) -> None:
        ok("train", sine_csv, "-o", tmp_path / "m", "--predictor", "mean", *SMALL)
        (tmp_path / "far.csv").write_text("x\n" + "\n".join(str(50 + k % 2) for k in range(120)) + "\n")
        result = ok("forecast", tmp_path / "m", tmp_path / "far.csv", "-o", tmp_path / "out", "--no-time", "-q")
        assert "; from step 1 on the forecast is more than 10 times" in result.stderr

    def test_one_file(self, model: Path, sine_csv: Path, tmp_path: Path) -> None:
        result = ok("forecast", model, sine_csv, "-o", tmp_path / "out", "-n", "0.3s", "--level", 50, "--level", 90)
        lines = (tmp_path / "out" / "sine.forecast.csv").read_text().splitlines()
        assert lines[0] == "unique_id,ds,y_hat,y_hat-lo-50,y_hat-hi-50,y_hat-lo-90,y_hat-hi-90"
        assert len(lines) == 31
        assert lines[1].startswith("sine,15.0,")
        assert result.stdout == ""
        assert "30 samples (0.3 s)" in result.stderr

    def test_a_second_call_says_that_nothing_is_to_do(self, model: Path, sine_csv: Path, tmp_path: Path) -> None:
        ok("forecast", model, sine_csv, "-o", tmp_path / "out")
        assert "nothing to do" in ok("forecast", model, sine_csv, "-o", tmp_path / "out").stderr

    def test_a_bad_single_file_exits_with_two_some_bad_files_with_one(
        self, model: Path, sine_csv: Path, tmp_path: Path
    ) -> None:
        bad = tmp_path / "bad.csv"
        bad.write_text("time (s),value (V)\n0,1\n1,oops\n")
        assert "bad.csv:3" in refused("forecast", model, bad, "-o", tmp_path / "one")
        result = run("forecast", model, bad, sine_csv, "-o", tmp_path / "two")
        assert result.exit_code == 1
        assert "bad.csv" in result.stderr
        assert (tmp_path / "two" / "sine.forecast.csv").exists()

    def test_a_file_too_short_for_the_model_gets_a_training_that_fits(self, model: Path, tmp_path: Path) -> None:
        short = tmp_path / "short.csv"
        short.write_bytes(synthesis.to_csv("sine", 90, 100.0, 1))
        message = refused("forecast", model, short, "-o", tmp_path / "out", "--no-time", "--rate", "100")
        assert "90 rows" in message
        assert "--n-step" in message
        args = shlex.split(message.split("fits this file: ")[1])
        args = args[args.index("train") :]
        assert "--no-time" in args
        args[args.index("-o") + 1] = str(tmp_path / "m")
        ok(*args, "--predictor", "ridge")
        ok("forecast", tmp_path / "m", short, "-o", tmp_path / "out2")

    def test_json_prints_the_manifest(self, model: Path, sine_csv: Path, tmp_path: Path) -> None:
        document = json.loads(
            ok("forecast", model, sine_csv, "-o", tmp_path / "out", "--format", "json", "--json").stdout
        )
        assert document == json.loads((tmp_path / "out" / "manifest.json").read_text())
        (entry,) = document["files"]
        assert {"path", "status", "output", "sha256", "error"} <= set(entry)

    def test_a_band_that_cannot_be_given_is_explained_once(self, model: Path, sine_csv: Path, tmp_path: Path) -> None:
        result = ok("forecast", model, sine_csv, "-o", tmp_path / "out", "-n", "2000")
        assert result.stderr.count("note: ") == 1
        assert (tmp_path / "out" / "sine.forecast.csv").read_text().splitlines()[-1].endswith(",,")

    def test_a_picture_is_drawn_beside_the_forecast(self, model: Path, sine_csv: Path, tmp_path: Path) -> None:
        ok("forecast", model, sine_csv, "-o", tmp_path / "out", "--plot")
        assert (tmp_path / "out" / "sine.forecast.png").read_bytes().startswith(b"\x89PNG")
        assert "nothing to do" in ok("forecast", model, sine_csv, "-o", tmp_path / "out", "--plot").stderr

    def test_parquet_without_its_writer_names_the_command(
        self, model: Path, sine_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
        message = refused("forecast", model, sine_csv, "-o", tmp_path / "out", "--format", "parquet")
        assert "-m pip install 'pyarrow>=20'" in message
        assert not (tmp_path / "out").exists()

    def test_no_rate_no_time(self, tmp_path: Path) -> None:
        plain = tmp_path / "plain.csv"
        values = "\n".join(str(value) for value in synthesis.sine(1500, 1))
        plain.write_text(f"value\n{values}\n")
        ok("train", plain, "-o", tmp_path / "m", "--predictor", "ridge", *SMALL)
        assert "--rate" in refused("forecast", tmp_path / "m", plain, "-o", tmp_path / "out", "-n", "1s")
        ok("forecast", tmp_path / "m", plain, "-o", tmp_path / "out", "-n", "3")
        lines = (tmp_path / "out" / "plain.forecast.csv").read_text().splitlines()
        assert [line.split(",")[1] for line in lines[1:]] == ["1500", "1501", "1502"]


class TestOthers:
    def test_check_reports_rate_window_and_command(self, sine_csv: Path) -> None:
        text = ok("check", sine_csv).stdout
        assert "100 Hz" in text
        assert "window:" in text
        assert "train" in text

    def test_check_goes_on_after_a_bad_file(self, sine_csv: Path, tmp_path: Path) -> None:
        (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
        result = run("check", tmp_path / "bad.csv", sine_csv, "--json")
        assert result.exit_code == 1
        first, second = json.loads(result.stdout)["signals"]
        assert "bad.csv" in first["error"]
        assert second["sample_rate_hz"] == pytest.approx(100)

    def test_check_keeps_the_reading_options_in_its_command(self, sine_csv: Path, tmp_path: Path) -> None:
        text = ok("check", sine_csv, "--no-time", "--rate", "50", "--column", "value (V)").stdout
        args = shlex.split(text.split("next: ")[1])
        args = args[args.index("train") :]
        assert "--no-time" in args
        args[args.index("-o") + 1] = str(tmp_path / "m")
        ok(*args, "--predictor", "ridge")

    def test_names_that_begin_with_a_dash_are_no_options_in_what_is_to_be_run_next(
        self, sine_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("-s.csv").write_bytes(sine_csv.read_bytes())
        checked = shlex.split(ok("check", "./-s.csv").stdout.split("next: ")[1])
        ok(*checked[checked.index("train") :], "--predictor", "ridge")
        text = ok("train", "./-s.csv", "-o", "./-m", "--predictor", "ridge", *SMALL).stdout
        said, following = text.split("saved as ")[1].split(". Next:")
        assert said == "./-m"
        commands = [line.removeprefix(f"  {program()} ") for line in following.strip("\n").splitlines()]
        assert [shlex.split(line)[0] for line in commands] == ["evaluate", "forecast", "inspect"]
        for line in commands:
            ok(*shlex.split(line))
        ok("train", "./-s.csv", "-o", "again", *shlex.split(ok("inspect", "./-m").stdout.split("-o NEW ")[1])[:2])

    def test_inspect_names_the_program_as_it_was_called(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.argv", ["my tool.py", "inspect"])
        assert f"'my tool.py' train SIGNAL -o NEW --config {model}" in ok("inspect", model).stdout

    def test_inspect_counts_the_parameters(self, model: Path) -> None:
        document = json.loads(ok("inspect", model, "--json").stdout)
        assert document["context"] == 100
        assert document["parameter_counts"]["ridge"] >= 100 * 20
        assert document["parameter_counts"]["last-value"] == 0
        assert len(document["training_data"][0]["sha256"]) == 64
        assert document["evaluations"]

    def test_inspect_tells_people(self, model: Path) -> None:
        text = ok("inspect", model).stdout
        assert "100 samples (1 s)" in text
        assert "ridge" in text
        assert re.search(r"validation origins, made of \d+ and \d+ separate errors \(next segment and beyond\)", text)

    def test_predictors_are_listed(self) -> None:
        names = [item["name"] for item in json.loads(ok("predictors", "--json").stdout)["predictors"]]
        assert {"stacked-lstm", "textbook-lstm", "ridge", "last-value"} <= set(names)
        assert all(name in ok("predictors").stdout for name in names)

    def test_synthesize_is_deterministic_and_refuses_to_overwrite(self, tmp_path: Path) -> None:
        args = ("synthesize", "-o", tmp_path / "x.csv", "--rows", 50, "--rate", 250, "--seed", 4)
        ok(*args)
        assert (tmp_path / "x.csv").read_bytes() == synthesis.to_csv("rotor", 50, 250.0, 4)
        assert "--overwrite" in refused(*args)
        ok(*args, "--kind", "walk", "--overwrite")


class TestDemo:
    @pytest.mark.slow
    def test_it_runs_twice_and_shows_its_commands(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "rotor.csv").write_bytes(synthesis.to_csv("rotor", 4500, 1000.0, 1))
        monkeypatch.setattr("forecaster.commands.demo.SHIPPED", tmp_path / "rotor.csv")
        for _ in range(2):
            result = ok("demo", "-o", tmp_path / "demo", "--steps", "10")
            shown = [line for line in result.stdout.splitlines() if line.startswith("$ ")]
            assert [line.removeprefix(f"$ {program()} ").split()[0] for line in shown] == [
                "check",
                "train",
                "evaluate",
                "forecast",
                "inspect",
            ]
            for name in (
                "evaluation.png",
                "forecasts/rotor.forecast.csv",
                "forecasts/rotor.forecast.png",
                "model/model.json",
            ):
                assert (tmp_path / "demo" / name).is_file()

    def test_its_commands_take_a_folder_that_begins_with_a_dash(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        demo._step(Terminal(), "synthesize", "-o", Path("-d") / "x.csv", "--rows", 10)
        assert (tmp_path / "-d" / "x.csv").is_file()

    def test_without_the_shipped_signal_it_makes_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("forecaster.commands.demo.SHIPPED", tmp_path / "absent.csv")
        steps: list[Sequence[object]] = []

        def keep(terminal: Terminal, *args: object) -> None:
            steps.append(args)

        monkeypatch.setattr("forecaster.commands.demo._step", keep)
        (tmp_path / "demo" / "forecasts").mkdir(parents=True)
        ok("demo", "-o", tmp_path / "demo")
        assert steps[0][0] == "synthesize"
        assert str(steps[1][1]) == os.fspath(tmp_path / "demo" / "rotor.csv")


def test_the_next_command_of_train_names_a_signal_that_is_long_enough(tmp_path):
    for name, rows in (("a_short", 30), ("b_long", 500)):
        (tmp_path / f"{name}.csv").write_bytes(synthesis.to_csv("sine", rows, 100.0, 1))
    said = ok("train", tmp_path, "-o", tmp_path / "m", "--predictor", "ridge", "--n-step", 4, "--n-input", 10).output
    assert f"forecast {tmp_path / 'm'} {tmp_path / 'b_long.csv'} -o forecasts" in said


def test_a_bad_cell_beside_a_column_of_labels_is_told_by_check(tmp_path):
    rows = [f"{'OK' if k % 3 else 'WARN'},{k % 7}.5" for k in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(["Status,Temp", *rows[:30], "OK,bad", *rows[30:]]) + "\n")
    assert "x.csv:32: column 'Temp': 'bad'" in refused("check", tmp_path / "x.csv")
