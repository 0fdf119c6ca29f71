"""Every recorded file reads with the right values, or is refused with options that then read it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read
from tests.hints import options_of

SHARED = Path(__file__).resolve().parents[2] / "shared"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no recorded files here")


def plain(path, **how):
    return pd.read_csv(SHARED / path, **how)


def columns(path, *names, **how):
    return plain(path, **how)[list(names)].to_numpy(float)


def air_quality(path):
    table = plain(path, sep=";", decimal=",", header=None, skiprows=1).iloc[:9357, 2:15]
    return table.astype(float).replace(-200, np.nan).dropna().to_numpy()


def hourly(path):
    mean = plain(path, parse_dates=[0]).groupby("Datetime")[["AEP_MW"]].mean()
    return mean.resample("h").mean().interpolate().to_numpy()


# file, what the message must hold ("" if it reads as it is), its options, and the values by another way
CASES = [
    ("signals/ETTh1.csv", "", "", lambda p: plain(p).iloc[:, 1:].to_numpy()),
    ("signals/cwru_normal_0hp_97.csv", "", "", lambda p: plain(p).to_numpy()),
    ("signals/lvm_shaker_1024hz.csv", "", "", lambda p: plain(p).to_numpy()),
    ("signals/munich_bridge_100hz.csv", "", "", lambda p: plain(p).iloc[:, 1:].to_numpy()),
    ("signals/nab_machine_temperature_5min.csv", ":10151: column 'timestamp': the time steps back",
     "--sort --duplicates mean",
     lambda p: plain(p).groupby("timestamp")[["value"]].mean().sort_index().to_numpy()),
    ("signals/nab_nyc_taxi_30min.csv", "", "", lambda p: columns(p, "value")),
    ("signals/phm2012_bearing1_1_snap1-10.csv", ":2: column 'snapshot': holds whole numbers",
     "--group-column snapshot", lambda p: columns(p, "acc_h", "acc_v")),
    ("signals/rotor_acceleration.csv", "", "", lambda p: plain(p).to_numpy()),
    ("signals/yosemite_temps_5min.csv", ":11691: column 'y': an empty cell", "--missing split",
     lambda p: plain(p)[["y"]].dropna().to_numpy()),
    ("ugly/DERIVED_abb_utf16le_bom_tab.csv", "UTF-16", "--encoding utf-16 --missing split",
     lambda p: plain(p, sep="\t", encoding="utf-16").iloc[:, 1:].to_numpy(float)),
    ("ugly/abb_semicolon_trailing_spaces.csv", ":161: column 'Time': a gap", "--missing split",
     lambda p: plain(p, sep=";").iloc[:, 1:].to_numpy(float)),
    ("ugly/aep_unordered_dst_dups.csv", ":26: column 'Datetime': the time steps back",
     "--sort --duplicates mean --missing interpolate",
     hourly),
    ("ugly/airquality_semicolon_decimalcomma.csv", "the value -200 stands", "--na -200 --missing split",
     air_quality),
    ("ugly/elcentro_headerless.csv", "", "", lambda p: plain(p, header=None)[[1]].to_numpy()),
    ("ugly/excel_rounded_time.csv", "2447 of 3658 stamps equal", "--no-time --rate 3.74117",
     lambda p: columns(p, "x", "y", "z")),
    ("ugly/labview_long.lvm", "LabVIEW", "--skip-rows 21 --delimiter tab --rate 1024 --recording-rows 8192",
     lambda p: columns(p, 1, 2, 3, sep="\t", skiprows=22, header=None)),
    ("ugly/labview_multi_time.lvm", "LabVIEW", "--skip-rows 22 --delimiter tab",
     lambda p: columns(p, 1, 3, sep="\t", skiprows=23, header=None)),
    ("ugly/m4_wide_one_series_per_row.csv", ":2: column 'V1': every row starts with a name of its own",
     "--layout wide",
     lambda p: plain(p).iloc[:, 1:].to_numpy(float).reshape(-1, 1)),
    ("ugly/metawear_epoch_ms.csv", "", "", lambda p: plain(p).iloc[:, 3:].to_numpy()),
    ("ugly/munich_temp_latin1_trailing_comma.csv", ":1: the byte 0xb0 is not UTF-8", "--encoding latin-1",
     lambda p: plain(p, encoding="latin-1", skiprows=1, header=None)[[1]].to_numpy(float)),
    ("ugly/nab_flatline_constant.csv", "", "", lambda p: columns(p, "value")),
    ("ugly/nab_gaps.csv", ":580: column 'timestamp': a gap of 2 h", "--missing split", lambda p: columns(p, "value")),
    ("ugly/phm2012_comma_headerless.csv", ":1: column '4': rises steadily", "--column 5 --column 6 --rate 25600",
     lambda p: plain(p, header=None)[[4, 5]].to_numpy()),
    ("ugly/phyphox_quoted_units_expnotation.csv", "", "", lambda p: plain(p).iloc[:, 1:].to_numpy()),
    ("ugly/sensorlogger_ns_epoch.csv", "", "", lambda p: columns(p, "z", "y", "x")),
    ("ugly/yosemite_nan.csv", ":11691: column 'y': 'NaN' stands for no number", "--na NaN --missing split",
     lambda p: plain(p)[["y"]].dropna().to_numpy()),
]  # fmt: skip


@pytest.mark.parametrize(("path", "message", "accepted", "expected"), CASES, ids=[case[0] for case in CASES])
def test_read_or_refused_with_options_that_read(path, message, accepted, expected):
    options = ReadingOptions()
    if message:
        with pytest.raises(SignalError) as caught:
            read(SHARED / path, options)
        assert message in str(caught.value)
        assert len(str(caught.value)) <= 2000
        options = options_of(re.search("`([^`]*)`", caught.value.hint)[1])
        assert options == options_of(accepted)
    signal = read(SHARED / path, options).signal
    np.testing.assert_array_equal(np.concatenate([r.values for r in signal.recordings]), expected(path))


def test_every_file_is_in_the_table():
    files = {f"{folder}/{f.name}" for folder in ("signals", "ugly") for f in (SHARED / folder).iterdir()}
    assert files - {"signals/README.md", "ugly/README.md", "ugly/abb_data.xls"} == {case[0] for case in CASES}


def test_workbook():
    with pytest.raises(SignalError, match=r"Excel workbook.*Save the sheet as CSV"):
        read(SHARED / "ugly/abb_data.xls")


@pytest.mark.parametrize(
    ("path", "options", "rate", "kind", "channels", "units"),
    [
        (
            "signals/ETTh1.csv",
            {},
            1 / 3600,
            "timestamps",
            ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"),
            ("",) * 7,
        ),
        (
            "signals/rotor_acceleration.csv",
            {"rate_hz": 1000, "units": ("g",)},
            1000,
            "seconds",
            ("acceleration",),
            ("g",),
        ),
        ("ugly/metawear_epoch_ms.csv", {}, 100.2146, "epoch-ms", ("x-axis", "y-axis", "z-axis"), ("g",) * 3),
        ("ugly/sensorlogger_ns_epoch.csv", {}, 99.7109, "epoch-ns", ("z", "y", "x"), ("",) * 3),
        ("ugly/elcentro_headerless.csv", {}, 50, "seconds", ("value",), ("",)),
        (
            "ugly/munich_temp_latin1_trailing_comma.csv",
            {"encoding": "latin-1"},
            1,
            "timestamps",
            ("Air Temperature",),
            ("°C",),
        ),
    ],
)
def test_rate_axis_and_names(path, options, rate, kind, channels, units):
    signal = read(SHARED / path, ReadingOptions(**options)).signal
    assert signal.sample_rate_hz == pytest.approx(rate, rel=1e-3)
    assert {r.time.kind for r in signal.recordings} == {kind}
    assert signal.channels == channels
    assert signal.units == units


@pytest.mark.parametrize(
    ("path", "text", "first", "last"),
    [
        (
            "ugly/airquality_semicolon_decimalcomma.csv",
            "--column T --na -200 --missing split",
            "2004-03-10 18:00:00",
            "2005-04-04 14:00:00",
        ),
        ("ugly/abb_semicolon_trailing_spaces.csv", "--missing split", "2022-06-13 22:30:39", "2022-07-07 10:33:34"),
        ("ugly/nab_gaps.csv", "--missing split", "2013-07-04 00:00:00", "2014-05-28 15:00:00"),
        (
            "ugly/munich_temp_latin1_trailing_comma.csv",
            "--encoding latin-1",
            "2022-04-11 08:36:25.984",
            "2022-04-11 08:48:23.928",
        ),
        ("ugly/metawear_epoch_ms.csv", "", 1659731173153, 1659731218825),
        ("ugly/sensorlogger_ns_epoch.csv", "", 1760565906248623000, 1760565916648687900),
    ],
)
def test_the_axis_begins_and_ends_with_the_file(path, text, first, last):
    recordings = read(SHARED / path, options_of(text)).signal.recordings
    assert recordings[0].time.stamps(0, 1)[0] == first
    assert recordings[-1].time.stamps(len(recordings[-1]) - 1, 1)[0] == last


def test_group_column_cuts_the_snapshots():
    path = SHARED / "signals/phm2012_bearing1_1_snap1-10.csv"
    signal = read(path, ReadingOptions(group_column="snapshot", rate_hz=25600)).signal
    assert [len(r) for r in signal.recordings] == [2560] * 10
    assert signal.channels == ("acc_h", "acc_v")
    assert [r.line for r in signal.recordings[:2]] == [2, 2562]


def test_wide_labels():
    signal = read(SHARED / "ugly/m4_wide_one_series_per_row.csv", ReadingOptions(layout="wide")).signal
    assert [r.label for r in signal.recordings] == [f"H{k}" for k in range(1, 415)]
    assert len(list(signal.series())) == 414
