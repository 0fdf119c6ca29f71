"""Columns of numbers that are no measurements: set aside by name or by values, and never one that was measured."""

import re
from collections import Counter

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read_signal
from forecaster.reading.measurements import _words, compact_form
from tests.hints import options_of, refusal

ROWS = 120
WAVE = [round(20 + 5 * np.sin(k / 4), 2) for k in range(ROWS)]
HOURS = np.datetime64("2024-03-04T00:00") + np.arange(2000) * np.timedelta64(1, "h")
DAYS = [str(day).replace("-", "") for day in np.arange("2024-01-01", "2030-01-01", dtype="datetime64[D]")]


def table(names, *columns, delimiter=","):
    """Return a text of columns below their names, or without names where there are none."""
    rows = [delimiter.join(map(str, row)) for row in zip(*columns, strict=False)]
    return "\n".join([*([delimiter.join(names)] if names else []), *rows]) + "\n"


def beside(write, name, column, **options):
    """Return the signal of a time, a measured `v`, and a column to be judged."""
    text = table(["time", "v", name], HOURS, WAVE, column)
    return read_signal(write(text), ReadingOptions(**options))


@pytest.mark.parametrize(
    ("name", "number", "reason"),
    [
        ("EAN", lambda k: 871600000000000011, "identifiers of 18 digits"),
        ("tag", lambda k: 871600000000000011 + 3 * k, "identifiers of 18 digits"),
        ("x", lambda k: 4.5, "constant"),
        ("site_no", lambda k: "01000000", "constant"),
        ("v status", lambda k: 192 if k % 50 else 0, "codes of quality"),
        ("QC_v", lambda k: k // 30, "codes of quality"),
        ("vFlag", lambda k: k % 2, "codes of quality"),
        ("v_cd", lambda k: 1 + k % 3, "codes of quality"),
        ("z", lambda k: 192 if k % 9 else 64, "codes of quality"),
        ("Status", lambda k: k % 4, "codes of quality"),
        ("hour", lambda k: k % 24, "a part of the date or time"),
        ("Hr_End", lambda k: f"{k % 24 + 1:02}", "a part of the date or time"),
        ("month", lambda k: 1 + k // 60, "a part of the date or time"),
        ("HH", lambda k: k % 24, "a part of the date or time"),
        ("column", lambda k: k % 24, "a part of the date or time"),
        ("zz", lambda k: 100 * (k % 24) + 100, "a part of the date or time"),
        ("zz", lambda k: k, "a count of the rows"),
        ("zz", lambda k: k + 1, "a count of the rows"),
    ],
)
def test_what_is_no_measurement_is_set_aside_with_its_reason_and_the_option_that_takes_it(write, name, number, reason):
    column = [number(k) for k in range(ROWS)]
    signal = beside(write, name, column)
    assert signal.channels == ("v",)
    assert signal.recordings[0].values[:, 0].tolist() == WAVE
    assert f"no measurements, and left out: '{name}' ({reason}); --column NAME takes one" in signal.notes
    chosen = beside(write, name, column, columns=("v", name))
    assert chosen.recordings[0].values[:, 1].tolist() == list(map(float, column))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("taxis", lambda k: 10 + k * 37 % 90),
        ("pump_on", lambda k: k // 7 % 2),
        ("status", lambda k: k // 40 % 2),
        ("state", lambda k: k // 5 % 3),
        ("gear", lambda k: 1 + k // 9 % 5),
        ("day", lambda k: k * k * 7 % 31 + 1),
        ("hour", lambda k: k / 2),
        ("hours", lambda k: k * 7 % 11),
        ("month", lambda k: 40 + k % 3),
        ("energy", lambda k: 5000 + 2 * k),
        ("count", lambda k: k * k % 17),
        ("angle", lambda k: k * 5 % 360),
        ("saw", lambda k: k % 10),
        ("x", lambda k: k % 7),
        ("x", lambda k: k % 12 + 1),
        ("power [kW]", lambda k: k % 24),
        ("month [mm]", lambda k: k // 30 + 1),
        ("v flag [V]", lambda k: k % 2),
        ("distance [m]", lambda k: k),
        ("T", lambda k: 20 + k // 30),
        ("quality [%]", lambda k: 80 + k % 5),
        ("air quality", lambda k: 40 + k * 13 % 60),
        ("level", lambda k: 5.0 + (k > 100)),
    ],
)
def test_what_was_measured_stays_a_channel(write, name, number):
    column = [number(k) for k in range(ROWS)]
    signal = beside(write, name, column)
    assert len(signal.channels) == 2
    assert signal.recordings[0].values[:, 1].tolist() == list(map(float, column))
    assert not any("no measurements" in note for note in signal.notes)


def test_all_that_is_set_aside_stands_in_one_note(write):
    names = ["time", "v", "EAN", "v status", "w", "w status", "gain"]
    columns = [HOURS, WAVE, ["8716000000000000"] * ROWS, [0, 192] * 60, WAVE[::-1], [192] * ROWS, [2.5] * ROWS]
    signal = read_signal(write(table(names, *columns)))
    assert signal.channels == ("v", "w")
    (note,) = signal.notes
    assert note == (
        "no measurements, and left out: 'EAN' (identifiers of 16 digits); 'v status', 'w status' (codes of quality); "
        "'gain' (constant); --column NAME takes one"
    )


def test_codes_stay_where_nothing_else_was_measured(write):
    signal = read_signal(write(table(["time", "quality"], HOURS, [k // 9 % 3 for k in range(ROWS)])))
    assert signal.channels == ("quality",)
    assert read_signal(write(table(["time", "v"], HOURS, [5] * ROWS))).channels == ("v",)


def test_a_file_of_dates_and_identifiers_alone_is_refused(write):
    path = write(table(["time", "hour", "EAN"], HOURS, [k % 24 for k in range(ROWS)], [8716000000000000] * ROWS))
    error = refusal(path)
    assert "'hour' (a part of the date or time), 'EAN' (identifiers of 16 digits)" in str(error)
    assert "--column hour" in error.hint


def test_a_channel_that_is_named_is_read_whatever_it_holds(write):
    path = write(table(["time", "v", "w", "w_flag"], HOURS, WAVE, [7] * ROWS, [k % 2 for k in range(ROWS)]))
    stuck = "column 'w' never varies, as if the sensor were stuck"
    assert read_signal(path).channels == ("v",)
    assert stuck in read_signal(path, columns=("v", "w")).notes
    of_model = read_signal(path, expected=("v", "w", "w_flag"))
    assert of_model.channels == ("v", "w", "w_flag")
    assert of_model.notes == (stuck,)


@pytest.mark.parametrize("names", [None, ["day", "v"], ["x", "v"], ["Datum", "v"], ["YYYYMMDD", "v"]])
def test_compact_dates_are_the_time(write, names):
    signal = read_signal(write(table(names, DAYS[:ROWS], WAVE)))
    assert signal.recordings[0].values[:, 0].tolist() == WAVE
    assert len(signal.channels) == 1
    assert signal.sample_rate_hz == pytest.approx(1 / 86400)
    assert str(signal.recordings[0].time.stamps(0, 1)[0])[:10] == "2024-01-01"


def test_compact_dates_beside_stamps_are_left_out(write):
    dates = [str(stamp)[:10].replace("-", "") for stamp in HOURS[:ROWS]]
    for order in (["time", "day", "v"], ["day", "time", "v"]):
        columns = {"time": HOURS, "day": dates, "v": WAVE}
        signal = read_signal(write(table(order, *(columns[name] for name in order))))
        assert signal.channels == ("v",)
        assert signal.sample_rate_hz == pytest.approx(1 / 3600)


def test_the_stamps_of_a_query_are_not_the_time(write):
    start = ["2024-03-04T00:00:00Z"] * ROWS
    signal = read_signal(write(table(["_start", "_time", "v"], start, [f"{stamp}:00Z" for stamp in HOURS], WAVE)))
    assert signal.channels == ("v",)
    assert signal.sample_rate_hz == pytest.approx(1 / 3600)


@pytest.mark.parametrize("name", ["t [s]", "t", "ts", "time", "time [ms]"])
def test_a_short_named_time_with_rounded_stamps_is_a_time_that_fails(write, name):
    for stamps in ([f"{k / 1000:.2f}" for k in range(ROWS)], [f"{100000 + k // 40 / 128}" for k in range(ROWS)]):
        assert "they are rounded" in str(refusal(write(table([name, "v"], stamps, WAVE))))


def test_a_temperature_called_t_is_a_channel(write):
    signal = read_signal(write(table(["time", "t"], HOURS, [20 + k // 50 for k in range(ROWS)])))
    assert signal.channels == ("t",)


@pytest.mark.parametrize(("name", "begin"), [("jd", 2460000), ("MJD", 60000)])
def test_days_that_cannot_be_read_are_refused(write, name, begin):
    path = write(table([name, "v"], [begin + k / 24 for k in range(ROWS)], WAVE))
    assert "numbers of days" in str(refusal(path))
    assert read_signal(path, no_time=True).channels == ("v",)


@pytest.mark.parametrize("begin", [739315, 45355])
def test_days_as_spreadsheets_count_them_are_no_channel_whatever_their_name(write, begin):
    path = write(table(["x", "v"], [f"{begin + k / 24:.9f}" for k in range(ROWS)], WAVE))
    assert "serial dates" in str(refusal(path))


@pytest.mark.parametrize(
    ("names", "dates", "first"),
    [
        (None, [f"{year}{month:02}" for year in range(2014, 2024) for month in range(1, 13)], "2014-01-01"),
        (["period", "v"], [f"2024{month:02}" for month in range(1, 13)], "2024-01-01"),
        (None, [str(stamp)[:16].translate({45: "", 58: "", 84: ""}) for stamp in HOURS], "2024-03-04"),
    ],
)
def test_months_and_hours_as_whole_numbers_are_the_time(write, names, dates, first):
    signal = read_signal(write(table(names, dates, WAVE)))
    assert len(signal.channels) == 1
    assert str(signal.recordings[0].time.stamps(0, 1)[0])[:10] == first


def test_whole_numbers_that_may_be_dates_or_a_count_are_refused_with_both_options(write):
    path = write(table(["x", "v"], DAYS[:30], WAVE))
    error = refusal(path)
    assert "--time-column x --time-format %Y%m%d" in error.hint
    assert "--no-time" in error.hint
    assert reread(path).channels == ("v",)


def test_descending_dates_are_a_time_out_of_order(write):
    signal = reread(write(table(None, DAYS[:ROWS][::-1], WAVE)))
    assert signal.recordings[0].values[:, 0].tolist() == WAVE[::-1]


@pytest.mark.parametrize("names", [["year", "month", "day", "v"], ["YYYY", "MM", "DD", "v"]])
def test_a_time_in_parts_alone_is_refused_and_never_dropped_without_a_word(write, names):
    parts = [[str(day)[a:b] for day in DAYS[:ROWS]] for a, b in ((0, 4), (4, 6), (6, 8))]
    path = write(table(names, *parts, WAVE))
    assert isinstance(refusal(path), SignalError)
    assert read_signal(path, no_time=True).channels == ("v",)


def test_a_count_before_dates_is_not_the_time(write):
    signal = read_signal(write(table(None, range(1, ROWS + 1), DAYS, WAVE)))
    assert len(signal.channels) == 1
    assert signal.sample_rate_hz == pytest.approx(1 / 86400)


@pytest.mark.parametrize("names", [None, ["time", "T", "QT", "P", "QP"]])
def test_codes_behind_each_value(write, names):
    first, second = ([9 if k % step == 0 else 1 for k in range(ROWS)] for step in (9, 11))
    signal = read_signal(write(table(names, HOURS, WAVE, first, WAVE[::-1], second)))
    assert signal.channels == (("T", "P") if names else ("column_2", "column_4"))


def test_words_and_dates():
    assert _words("T1Status") == ["t1", "status"]
    assert compact_form([f"2024{month:02}" for month in range(1, 13)]) == ""
    assert compact_form(["202311", "202312", *(f"2024{month:02}" for month in range(1, 13))]) == "%Y%m"
    assert compact_form(["20240231"] * 20) == ""


# --- headers and cells -------------------------------------------------------------------


def reread(path):
    """Return the signal that the options of a refusal read."""
    words = re.search("Add `(-[^`]*)` to read it", str(refusal(path)))[1]
    return read_signal(path, options_of(words.replace(" tab", " '\t'").replace(" space", " ' '")))


def test_a_header_of_codes_is_no_sample(write):
    rows = [f"1\t{100 * (k % 24) + 100}\t{value}\t{value + 7:.2f}" for k, value in enumerate(WAVE)]
    signal = reread(write("\n".join(["94255\t2018\t1000\t2010", *rows]) + "\n"))
    assert len(signal.channels) == 2
    assert signal.recordings[0].values[:, 0].tolist() == WAVE


@pytest.mark.parametrize("first", ["20,27", "21.5,940", "0,0"])
def test_a_first_row_near_the_others_is_a_sample(write, first):
    path = write("\n".join([first, *(f"{value},{value + 7:.2f}" for value in WAVE)]) + "\n")
    assert len(read_signal(path).recordings[0]) == ROWS + 1


def test_a_row_of_formats_below_the_names(write):
    rows = [f"GAUGE\t01000000\t{stamp}\t{value}\tA" for stamp, value in zip(HOURS, WAVE, strict=False)]
    head = ["# retrieved", "#", "agency_cd\tsite_no\tdatetime\t7_00060\t7_00060_cd", "5s\t15s\t20d\t14n\t10s"]
    signal = reread(write("\n".join([*head, *rows]) + "\n"))
    assert signal.channels == ("7_00060",)
    assert signal.recordings[0].values[:, 0].tolist() == WAVE
    assert signal.sample_rate_hz == pytest.approx(1 / 3600)


def test_annotated_tables_have_a_time_and_a_value(write):
    head = ["#group,false,false,true,false,false", "#datatype,string,long,dateTime,dateTime,double", "#default,_r,,,,"]
    rows = [f",,0,2024-03-04T00:00:00Z,{stamp}:00Z,{value}" for stamp, value in zip(HOURS, WAVE, strict=False)]
    signal = reread(write("\n".join([*head, ",result,table,_start,_time,_value", *rows]) + "\n"))
    assert signal.channels == ("_value",)
    assert signal.sample_rate_hz == pytest.approx(1 / 3600)


def test_a_time_behind_other_columns_is_named_as_such(write):
    rows = [f",,{k / 1e5 - 0.001:.6f},{value}" for k, value in enumerate(WAVE)]
    signal = reread(write("\n".join([f"Points,{ROWS}" + rows[0][1:], *rows[1:]]) + "\n"))
    assert signal.sample_rate_hz == pytest.approx(1e5)
    assert signal.recordings[0].values[:, 0].tolist() == WAVE


@pytest.mark.parametrize(
    ("cell", "unit"),
    [("{:.2f}%", "%"), ("{:.2f} %", "%"), ("+ {:.2f}", ""), ("+  {:.2f}", "")],
)
def test_numbers_with_a_mark_about_them_are_numbers(write, cell, unit):
    signal = read_signal(write(table(["time", "v"], HOURS, [cell.format(value) for value in WAVE])))
    assert (signal.channels, signal.units) == (("v",), (unit,))
    assert signal.recordings[0].values[:, 0].tolist() == WAVE


def test_a_cell_without_the_mark_of_its_column_is_refused(write):
    cells = [f"{value}%" for value in WAVE]
    for place, bad in ((90, "20.1"), (90, "x")):
        error = refusal(write(table(["time", "v"], HOURS, [*cells[:place], bad, *cells[place + 1 :]])))
        assert (error.line, error.column) == (place + 2, "v")


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f"])
def test_spaces_between_thousands_are_proposed(write, space):
    cells = [f"1{space}{value * 10:06.2f}".replace(".", ",") for value in WAVE]
    values = reread(write(table(["time", "v"], HOURS, cells, delimiter=";"))).recordings[0].values[:, 0]
    np.testing.assert_allclose(values, 1000 + 10 * np.array(WAVE))


def test_points_between_thousands_are_proposed_where_no_other_column_is_read(write):
    cells = [f"1.{value * 10:06.2f}" for value in WAVE]
    path = write(table(["time", "v"], HOURS, [cell[:-3] + "," + cell[-2:] for cell in cells], delimiter=";"))
    np.testing.assert_allclose(reread(path).recordings[0].values[:, 0], 1000 + 10 * np.array(WAVE))


@pytest.mark.parametrize("form", ["{} V", "ca. {}", "{}\u00b0C", "~{}", "{}kW"])
def test_numbers_in_texts_are_no_labels(write, form):
    path = write(table(["time", "v"], HOURS, [form.format(value) for value in WAVE]))
    if form.startswith("ca"):
        assert "no column of numbers" in str(refusal(path))
    else:
        assert "are numbers with something in or about them" in str(refusal(path))


def test_labels_that_begin_with_a_digit_are_labels(write):
    path = write(table(["time", "v"], HOURS, [f"{k % 3}a" for k in range(ROWS)]))
    assert "no column of numbers" in str(refusal(path))


@pytest.mark.parametrize("word", ["NaN", "null", "n/a"])
def test_a_column_without_any_number_is_left_out(write, word):
    signal = beside(write, "b", [word] * ROWS)
    assert signal.channels == ("v",)
    assert "empty columns left out: b" in signal.notes
    late = [word] * 100 + WAVE[100:]
    assert refusal(write(table(["time", "v", "b"], HOURS, WAVE, late))).line == 102


def test_rows_that_interpolation_cannot_fill_are_told(write):
    slow = [value if k % 4 == 0 else "" for k, value in enumerate(WAVE)]
    signal = beside(write, "slow", slow, missing="interpolate")
    assert len(signal.recordings[0]) == ROWS - 3
    assert "3 rows at the ends left out: 'slow' has no value there" in signal.notes


# --- random tables -----------------------------------------------------------------------

MEASURED = {
    "float": lambda rng, rows: np.round(20 + np.cumsum(rng.normal(size=rows)), 3),
    "rounded": lambda rng, rows: np.round(20 + 5 * np.sin(np.arange(rows) / 9) + rng.normal(size=rows)),
    "count": lambda rng, rows: rng.poisson(30 + 20 * np.sin(np.arange(rows) / 24), size=rows),
    "integer": lambda rng, rows: rng.integers(-500, 500, size=rows),
    "state": lambda rng, rows: (np.arange(rows) // int(rng.integers(2, 9))) % 2,
    "meter": lambda rng, rows: 5000 + np.cumsum(rng.integers(0, 9, size=rows)),
    "few": lambda rng, rows: rng.integers(0, 4, size=rows),
}
SET_ASIDE = {
    "id": lambda rng, stamps: ["87160000000000" + str(rng.integers(1000, 9999))] * len(stamps),
    "long tags": lambda rng, stamps: [str(10**17 + int(k)) for k in rng.integers(0, 10**9, size=len(stamps))],
    "quality": lambda rng, stamps: rng.choice([192, 64, 0], p=[0.9, 0.06, 0.04], size=len(stamps)),
    "hour": lambda rng, stamps: stamps.astype("datetime64[h]").astype(int) % 24,
    "month": lambda rng, stamps: stamps.astype("datetime64[M]").astype(int) % 12 + 1,
    "weekday": lambda rng, stamps: (stamps.astype("datetime64[D]").astype(int) + 3) % 7,
    "No": lambda rng, stamps: np.arange(len(stamps)) + 1,
    "counter": lambda rng, stamps: np.arange(len(stamps)),
    "constant": lambda rng, stamps: [round(float(rng.normal()), 2)] * len(stamps),
    "dates": lambda rng, stamps: [str(day).replace("-", "") for day in stamps.astype("datetime64[D]")],
}
NAMES = {
    "id": ("EAN", "id", "meter_id", "x"),
    "long tags": ("tag", "uuid", "x"),
    "quality": ("quality", "QC", "q_flag", "z"),
    "hour": ("hour", "Hour", "HH"),
    "month": ("month", "Month"),
    "weekday": ("weekday", "dow"),
    "No": ("No", "index", "RECORD", "k"),
    "counter": ("counter", "zz"),
    "constant": ("gain", "site_no", "Scale [V]"),
    "dates": ("day", "YYYYMMDD", "date2"),
}


def random_table(seed):
    """Return a text with columns in a random order, and the measured ones by name."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(50, 400))
    step = int(rng.choice([1, 2, 3, 6]))
    stamps = np.datetime64("2023-01-01T00:00") + (np.arange(rows) + int(rng.integers(0, 5000))) * np.timedelta64(
        step, "h"
    )
    measured = {}
    for place in range(int(rng.integers(1, 4))):
        kind = rng.choice(list(MEASURED) if place else ["float", "rounded", "count", "integer"])
        measured[f"{kind}{place}"] = MEASURED[kind](rng, rows)
    aside = {}
    for kind in rng.choice(list(SET_ASIDE), size=int(rng.integers(1, 5)), replace=False):
        aside[str(rng.choice([name for name in NAMES[kind] if name not in aside]))] = SET_ASIDE[kind](rng, stamps)
    columns = {"time": stamps, **measured, **aside}
    order = [str(name) for name in rng.permutation(list(columns))]
    return table(order, *(columns[name] for name in order)), measured


def outcome(path, measured):
    """Return what becomes of a file: read, or refused with options that read it, or refused; or how it is wrong."""
    try:
        signal, kind = read_signal(path), "read"
    except SignalError as error:
        words = re.search("Add `(-[^`]*)` to read it", str(error))
        if words is None:
            return "refused"
        signal, kind = read_signal(path, options_of(words[1])), "refused with options that read it"
    values = np.concatenate([recording.values for recording in signal.recordings])
    expected = {name: np.asarray(column, float) for name, column in measured.items()}
    if set(signal.channels) != set(expected):
        return f"wrong: channels {sorted(signal.channels)} for {sorted(expected)}"
    is_same = all(np.array_equal(values[:, c], expected[name]) for c, name in enumerate(signal.channels))
    return kind if is_same else "wrong: other values"


def counted(write, seeds):
    """Return how many tables come out how, and print it."""
    outcomes = {}
    for seed in seeds:
        text, measured = random_table(seed)
        outcomes[seed] = outcome(write(text), measured)
    wrong = {seed: text for seed, text in outcomes.items() if text.startswith("wrong")}
    print(Counter(text.partition(":")[0] for text in outcomes.values()), wrong)
    return outcomes, wrong


def test_of_random_tables_the_measured_columns_come_out(write):
    outcomes, wrong = counted(write, range(60))
    assert not wrong
    assert sum(text != "refused" for text in outcomes.values()) >= 0.8 * len(outcomes)


@pytest.mark.slow
def test_of_500_random_tables_the_measured_columns_come_out(write):
    outcomes, wrong = counted(write, range(1000, 1500))
    assert not wrong
    assert sum(text != "refused" for text in outcomes.values()) >= 400
