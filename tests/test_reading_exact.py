"""Small files, one for each thing that the reader tells apart: what becomes of each stands in `tests/reading.json`.

The snapshot holds the words of every refusal, and the names, notes, axis and numbers of every reading; what is
meant by a case is its name. `tests/snapshot.py` says how to write it anew.
"""

import contextlib

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import ForecasterError
from forecaster.reading import read
from forecaster.reading.inputs import find

N = range(24)


def table(header, *columns, mark=",", end="\n"):
    """A file of columns, each a function of the row or a list."""
    rows = [mark.join(str(column(k) if callable(column) else column[k]) for column in columns) for k in N]
    return end.join(([header] if header else []) + rows) + end


def wave(k):
    return f"{(k * 37 % 101) / 8}"


def other(k):
    return f"{20 + (k * 29 % 83) / 4}"


def stamps(form, step="1h", start="2022-08-05 15:26:13", **changed):
    import pandas as pd

    texts = list(pd.date_range(start, periods=24, freq=step).strftime(form))
    for place, text in changed.items():
        texts[int(place[1:])] = text
    return texts


def stamped(form, step="1h", **options):
    return table("time,v", stamps(form, step, **options), wave)


def cells(place, text, column=wave):
    """A channel with one cell changed."""
    return lambda k: text if k == place else column(k)


def seconds(*steps, scale=0.1):
    """Times whose steps are as given from row 12 on, else `scale`."""
    every = [*([scale] * 12), *steps, *([scale] * 24)][:24]
    return [f"{t:.6g}" for t in np.concatenate(([0], np.cumsum(every)))[:24]]


FORMS = {
    "iso": "%Y-%m-%d %H:%M:%S",
    "iso T": "%Y-%m-%dT%H:%M:%S",
    "iso minutes": "%Y-%m-%d %H:%M",
    "iso fraction": "%Y-%m-%d %H:%M:%S.%f",
    "iso comma fraction": "%Y-%m-%d %H.%M.%S",
    "iso Z": "%Y-%m-%dT%H:%M:%SZ",
    "iso UTC": "%Y-%m-%d %H:%M:%S UTC",
    "iso offset": "%Y-%m-%d %H:%M:%S+02:00",
    "iso offset short": "%Y-%m-%d %H:%M:%S -0530",
    "slashes": "%Y/%m/%d %H:%M:%S",
    "dots": "%d.%m.%Y %H:%M:%S",
    "dots short year": "%d.%m.%y %H:%M",
    "day or month": "%d/%m/%Y %H:%M",
    "month or day": "%m/%d/%Y %H:%M",
    "month or day, half days": "%m/%d/%Y %I:%M %p",
    "half days closed up": "%m/%d/%Y %I:%M:%S%p",
    "month names": "%d-%b-%Y %H:%M:%S",
    "month names blank": "%d %b %Y %H:%M",
    "day of ISO": "%Y-%m-%d",
    "clock": "%H:%M:%S",
    "clock minutes": "%H:%M",
    "clock fraction": "%H:%M:%S.%f",
    "clock dots": "%H.%M.%S",
    "compact": "%Y%m%d%H%M%S",
    "compact day": "%Y%m%d",
    "compact T": "%Y%m%dT%H%M%S",
}
TIMES = {
    **{f"{name}, hours": stamped(form) for name, form in FORMS.items()},
    **{f"{name}, days": stamped(form, "1D") for name, form in FORMS.items()},
    **{f"{name}, 20 min": stamped(form, "20min") for name, form in list(FORMS.items())[:12]},
    **{f"months {step}": stamped("%Y-%m-%d", step) for step in ("MS", "ME", "QS", "QE", "YS", "YE", "2MS", "QS-FEB")},
    "months alone": stamped("%Y-%m", "MS"),
    "years": table("year,v", lambda k: 1990 + k, wave),
    "years with one out": table("year,v", lambda k: 1990 + k + (k > 9), wave),
    "dates as numbers": table("date,v", stamps("%Y%m%d", "1D"), wave),
    "numbers that are no dates": table("date,v", lambda k: 20221340 + k, wave),
    "first date as a number": table("date,v", lambda k: 19000101 + k, wave),
    "day and clock": table("day,clock,v", stamps("%Y-%m-%d"), stamps("%H:%M:%S"), wave),
    "day and clock with dots": table("Datum,Uhrzeit,v", stamps("%d.%m.%Y"), stamps("%H.%M.%S"), wave),
    "clock over midnight twice": stamped("%H:%M:%S", "150min"),
    "month with a gap": stamped("%Y-%m-%d", "MS").replace("2023-04-01,", "2023-04-02,"),
    "stamp wrong early": stamped("%Y-%m-%d %H:%M:%S", _3="yesterday"),
    "stamp wrong late": stamped("%Y-%m-%d %H:%M:%S", _20="yesterday"),
    "stamp empty": stamped("%Y-%m-%d %H:%M:%S", _20=""),
    "stamp of another form": stamped("%Y-%m-%d %H:%M:%S", _20="06.08.2022 11:26:13"),
    "stamp with an offset": stamped("%Y-%m-%d %H:%M:%S", _20="2022-08-06 11:26:13+02:00"),
    "stamp without an offset": stamped("%Y-%m-%d %H:%M:%S+02:00", _20="2022-08-06 11:26:13"),
    "offsets that change": stamped("%Y-%m-%d %H:%M:%S+02:00", _23="2022-08-06 13:26:13+01:00"),
    "fractions now and then": stamped("%d.%m.%Y %H:%M:%S", _20="06.08.2022 11:26:13.500"),
    "day that tells the order": table("time,v", stamps("%d/%m/%Y", "1D", start="2022-08-20"), wave),
    "ambiguous both ways": table("time,v", [f"0{1 + k % 9}/0{1 + k % 9}/20{10 + k}" for k in N], wave),
    **{
        f"epoch {unit}": table("time,v", lambda k, size=size: int(1_660_000_000 * size + k * size), wave)
        for unit, size in (("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9))
    },
    "epoch with fraction": table("time,v", lambda k: f"{1_660_000_000 + k / 4}", wave),
    "below any epoch": table("time,v", lambda k: 10**8 - 30 + k, wave),
    "serial days": table("time,v", lambda k: f"{44778 + k / 24:.6f}", wave),
    **{
        f"header {name}": table(f"{name},v", lambda k: k * 20, wave)
        for name in ("time (ms)", "time_us", "time [h]", "ms", "time (min)", "milliseconds", "t", "Time_ns", "elapsed")
    },
    "samples counted": table("", lambda k: k, wave, other),
    "ramp in front": table("", lambda k: f"{k * 0.25}", wave, other),
    "clock behind": table("", wave, lambda k: f"{k * 0.25}", other),
    "hours, minutes, seconds, micros": table("", lambda k: 3, lambda k: 4, lambda k: 5, lambda k: k * 20000, wave),
    "number wrong early": table("time,v", cells(3, "x", lambda k: k), wave),
    "number wrong at the end": table("time,v", cells(23, "x", lambda k: k), wave),
    "number empty": table("time,v", cells(20, "", lambda k: k), wave),
    "stamps too large": table("time,v", lambda k: 10**400 + k, wave),
    "unknown stamps": table("time,v", lambda k: f"day {k} at noon", wave),
}
STEPS = {
    "regular": seconds(),
    "gap of three": seconds(0.4),
    "gap of eleven": seconds(1.2),
    "gap of ten": seconds(1.1),
    "gap of two and a half": seconds(0.25),
    "two gaps": seconds(0.4, 0.1, 0.7),
    "gaps everywhere": [f"{k * 0.1 + k // 2:.4g}" for k in N],
    "irregular": seconds(0.135),
    "late by a quarter": seconds(0.125, 0.075),
    "late by more": seconds(0.13, 0.07),
    "back": seconds(-0.3),
    "back twice": seconds(-0.3, 0.1, -0.2),
    "twice": seconds(0.0),
    "twice twice": seconds(0.0, 0.1, 0.0),
    "rounded": [f"{k // 4}" for k in N],
    "rounded, slower later": [f"{k // 4 if k < 12 else 3 + (k - 12) // 2}" for k in N],
    "one second, then a day": [f"{k + 86400 * (k > 11)}" for k in N],
    "microseconds": [f"{k * 1e-6:.7f}" for k in N],
    "anew": [f"{k % 12 * 0.1:.1f}" for k in N],
    "down": [f"{(24 - k) * 0.1:.1f}" for k in N],
    "constant": ["1.5"] * 24,
}
WAYS = {
    "": {},
    "split": {"missing": "split"},
    "interpolate": {"missing": "interpolate"},
    "sort": {"sort": True},
    "mean": {"duplicates": "mean"},
    "first": {"duplicates": "first"},
    "no time": {"no_time": True, "rate_hz": 50.0},
}
GROUPS = table("g,time,v", lambda k: "ab"[k // 12], lambda k: f"{k % 12 * 0.5}", wave)
LONG = table("time,sensor,value", lambda k: k // 2, lambda k: "xy"[k % 2], wave)
WIDE = "name,V1,V2,V3,V4\na,1.5,2,3,4\nb,5,6,,8\nc,9,,,12\n"
HOLES = "a,1,,3,,,,,,,,,,,,15\n"
COLUMNS = {
    "two channels": (table("v (V),w [A]", wave, other), {}),
    "one by name": (table("v (V),w [A]", wave, other), {"columns": ("w",)}),
    "one by number": (table("v (V),w [A]", wave, other), {"columns": ("2", "1", "2")}),
    "none such": (table("v (V),w [A]", wave, other), {"columns": ("3",)}),
    "number nought": (table("v,w", wave, other), {"columns": ("0",)}),
    "unit for all": (table("v,w", wave, other), {"units": ("g",)}),
    "unit for each": (table("v,w", wave, other), {"units": ("g", "V")}),
    "unit by name": (table("v,w", wave, other), {"units": ("w=V",)}),
    "unit of none": (table("v,w,t", wave, other, lambda k: k), {"units": ("t=V",)}),
    "units too many": (table("v,w", wave, other), {"units": ("g", "V", "A")}),
    "same names": (table("v,v,v", wave, other, wave), {}),
    "same without unit": (table("v (a),v (b)", wave, other), {}),
    "no names": (table(",v", wave, other), {}),
    "exogenous": (table("time,v,w", lambda k: k, wave, other), {"exogenous": ("w",)}),
    "known": (table("time,v,w", lambda k: k, wave, other), {"known": ("w",), "columns": ("v",)}),
    "known and forecast": (table("time,v,w", lambda k: k, wave, other), {"known": ("w",), "columns": ("w",)}),
    "all exogenous": (table("v,w", wave, other), {"exogenous": ("v", "w")}),
    "time as channel": (table("time,v", lambda k: k, wave), {"columns": ("time",)}),
    "time chosen": (table("a,v", lambda k: k, wave), {"time_columns": ("a",)}),
    "time chosen twice": (table("a,v", lambda k: k, wave), {"time_columns": ("a", "a")}),
    "three times": (table("a,b,v", lambda k: k, other, wave), {"time_columns": ("a", "b", "v")}),
    "time chosen and none": (table("a,v", lambda k: k, wave), {"time_columns": ("a",), "no_time": True}),
    "time is the channel": (table("a,v", lambda k: k, wave), {"time_columns": ("a",), "columns": ("a",)}),
    "group": (GROUPS, {"group_column": "g"}),
    "group is the channel": (GROUPS, {"group_column": "g", "columns": ("g",)}),
    "group left out": (GROUPS, {}),
    "index": (table("index,v", lambda k: k, wave), {}),
    "index from one": (table("#,v", lambda k: k + 1, wave), {}),
    "index by two": (table("n,v", lambda k: k * 2, wave), {}),
    "two times": (table("time,date,v", lambda k: k, stamps("%Y-%m-%d", "1D"), wave), {}),
    "text beside": (table("v,note", wave, lambda k: f"n{k}"), {}),
    "text alone": (table("note", lambda k: f"n{k}"), {}),
    "labels of series": (table("name,a,b,c", lambda k: f"s{k}", wave, other, wave), {}),
    "padding": (table("v,,", wave, lambda k: "", lambda k: ";"), {}),
    "header too long": (table("v,w,x", wave, other), {}),
    "header ends in a comma": (table("v,w,", wave, other), {}),
    "header ends in commas": (table("v;w,,", wave, other, mark=";"), {}),
    "header too short": (table("v", wave, other), {}),
    "a header alone": ("time,v\n", {}),
    "nothing": ("", {}),
    "blank lines alone": ("\n\n\n", {}),
    "preamble": ("made by a logger\non a day\n" + table("v,w", wave, other), {}),
    "preamble left out": ("made by a logger\non a day\n" + table("v,w", wave, other), {"skip_rows": 2}),
    "preamble without names": ("made by a logger\n" + table("", wave, other), {}),
    "no header": (table("v,w", wave, other), {"no_header": True}),
    "decimal commas": (table("v;w", *2 * [lambda k: wave(k).replace(".", ",")], mark=";"), {}),
    "decimal comma or thousands": (table("v;w", lambda k: f"{k + 1},{k + 100}", other, mark=";"), {}),
    "thousands": (table("v;w", lambda k: f"{k + 1},{k + 100}.5", wave, mark=";"), {}),
    "thousands taken": (table("v;w", lambda k: f"{k + 1},{k + 100}.5", wave, mark=";"), {"thousands": ","}),
    "tabs": (table("v\tw", wave, other, mark="\t"), {}),
    "bars": (table("v|w", wave, other, mark="|"), {}),
    "blanks": (table("v w", wave, other, mark="  "), {}),
    "carriage returns": (table("v,w", wave, other, end="\r"), {}),
    "recordings": (table("v", wave), {"recording_rows": 7}),
    "recordings too long": (table("v", wave), {"recording_rows": 25}),
    "rate": (table("v", wave), {"rate_hz": 50.0}),
    "rate and time": (table("time,v", lambda k: k, wave), {"rate_hz": 50.0}),
    "missing": (table("v,w", cells(9, ""), other), {}),
    "missing split": (table("v,w", cells(9, ""), other), {"missing": "split"}),
    "missing filled": (table("v,w", cells(9, ""), other), {"missing": "interpolate"}),
    "missing at the end": (table("v,w", cells(23, ""), other), {"missing": "interpolate"}),
    "missing by a code": (table("v,w", cells(9, "-999"), other), {"na": ("-999",), "missing": "split"}),
    "a code": (table("v,w", lambda k: "-9999" if k % 7 == 3 else wave(k), other), {}),
    "encoding": ("größe\n".encode("latin-1") + table("", wave).encode(), {}),
    "encoding given": ("größe\n".encode("latin-1") + table("", wave).encode(), {"encoding": "latin-1"}),
    "encoding unknown": (table("v", wave), {"encoding": "klingon"}),
    "long": (LONG, {"layout": "long", "group_column": "sensor"}),
    "long without a group": (LONG, {"layout": "long"}),
    "long of two values": (
        LONG.replace("sensor", "7"),
        {"layout": "long", "group_column": "7", "columns": ("value", "time")},
    ),
    "long without time": (LONG, {"layout": "long", "group_column": "sensor", "no_time": True, "columns": ("value",)}),
    "long, one more": (LONG + "12,x,5\n", {"layout": "long", "group_column": "sensor"}),
    "long, one more, filled": (
        LONG + "12,x,5\n13,x,6\n13,y,6\n",
        {"layout": "long", "group_column": "sensor", "missing": "interpolate"},
    ),
    "long, unequal": (
        LONG + "12,x,5\n",
        {"layout": "long", "group_column": "sensor", "no_time": True, "columns": ("value",)},
    ),
    "long, twice": (LONG + "11,y,5\n", {"layout": "long", "group_column": "sensor"}),
    "long, twice, mean": (LONG + "11,y,5\n", {"layout": "long", "group_column": "sensor", "duplicates": "mean"}),
    "long, twice, first": (LONG + "11,y,5\n", {"layout": "long", "group_column": "sensor", "duplicates": "first"}),
    "long of sixty channels": (
        "time,sensor,value\n" + "".join(f"{k // 60},s{k % 60},{wave(k)}\n" for k in range(180)),
        {"layout": "long", "group_column": "sensor"},
    ),
    "wide": (WIDE, {"layout": "wide"}),
    "wide split": (WIDE, {"layout": "wide", "missing": "split"}),
    "wide filled": (WIDE, {"layout": "wide", "missing": "interpolate"}),
    "wide with commas": (WIDE.replace(",", ";").replace(".", ","), {"layout": "wide", "missing": "split"}),
    "wide without names": ("1,2,3\n4,5,6\n", {"layout": "wide"}),
    "wide from a row on": ("x\n" + WIDE, {"layout": "wide", "skip_rows": 1, "missing": "split"}),
    "wide, no header": (WIDE.partition("\n")[2], {"layout": "wide", "missing": "split", "no_header": True}),
    "wide, eleven missing": (HOLES, {"layout": "wide", "missing": "interpolate"}),
    "wide, ten missing": (HOLES.replace(",,15", ",15"), {"layout": "wide", "missing": "interpolate"}),
    "wide, without values": ("a,1,2\nb,,\n", {"layout": "wide"}),
    "wide, a word": ("a,1,2\nb,3,x\n", {"layout": "wide"}),
    "wide, empty": ("", {"layout": "wide"}),
    "symbols": (table("time,s", lambda k: k, lambda k: "abc"[k * 7 % 3]), {"symbols": True}),
    "symbols of two columns": (table("r,s", lambda k: "xy"[k % 2], lambda k: "ab"[k * 5 % 2]), {"symbols": True}),
    "symbols, one empty": (table("s", cells(9, "", lambda k: "ab"[k * 5 % 2])), {"symbols": True}),
    "symbols, all different": (table("s", lambda k: f"s{k}"), {"symbols": True}),
    "symbols, all alike": (table("s", lambda k: "a"), {"symbols": True}),
    "symbols of numbers": (table("time,s", lambda k: k, lambda k: k * 7 % 3), {"symbols": True}),
}

LVM = {
    "Separator": "Tab",
    "Decimal_Separator": ".",
    "X_Columns": "No",
    "Channels": "1",
    "Samples": "24",
    "Delta_X": "0.000977",
}


def labview(rows=24, *, end="***End_of_Header***", **changed):
    """A LabVIEW measurement of one column behind its empty X_Value."""
    fields = {name: text for name, text in {**LVM, **changed}.items() if text is not None}
    head = ["LabVIEW Measurement\t", *(f"{name}\t{text}" for name, text in fields.items()), end, "X_Value\tv\tComment"]
    mark = "," if changed.get("Separator") == "Comma" else "\t"
    head[-1] = head[-1].replace("\t", mark)
    return "\n".join([*head, *(f"{mark}{wave(k)}" for k in range(rows))]) + "\n"


EDGES = {
    **{f"years to {last}": table("year,v", lambda k, last=last: last - 23 + k, wave) for last in (2261, 2262)},
    **{f"years from {first}": table("year,v", lambda k, first=first: first + k, wave) for first in (1677, 1678)},
    "dates to the last": table("date,v", lambda k: 21001208 + k, wave),
    "dates beyond the last": table("date,v", lambda k: 21010101 + k, wave),
    "dates before the first": table("date,v", lambda k: 19000000 + k, wave),
    **{
        f"epoch from {least:.0e}{by:+d}": table("time,v", lambda k, least=least, by=by: int(least) + by + k, wave)
        for least in (1e8, 1e10, 1e11, 1e13, 1e14, 1e16, 1e17)
        for by in (-24, -1, 0)
    },
    "half a day back": stamped("%H:%M:%S", "12h"),
    "comma fraction": table("time;v", stamps("%Y-%m-%d %H:%M:%S,%f", "20ms"), wave, mark=";"),
    "fraction T": stamped("%Y-%m-%dT%H:%M:%S.%f", "20ms"),
    "dots in a clock": stamped("%Y-%m-%d %H.%M.%S.%f", "20ms"),
    "half days, fraction": stamped("%m/%d/%Y %I:%M:%S.%f %p", "20ms", start="2022-08-25 11:59:59.9"),
    "five bad of many": table("time,v", lambda k: "x" if k % 5 == 2 else k, wave),
    "two bad numbers": table("time,v", cells(3, "x", cells(9, "y", lambda k: k)), wave),
    "offset changes without one": stamped("%Y-%m-%d %H:%M:%S+02:00", _20="2022-08-06 11:26:13+01:00", _9="2022-08-06"),
    "offsets that change, then a word": stamped("%Y-%m-%d %H:%M:%S+02:00", _9="2022-08-06 00:26:13+01:00", _20="x"),
    "an offset later only": stamped("%Y-%m-%d %H:%M:%S", _1="2022-08-05 16:26:13Z"),
    **{
        f"serial {name}": table(f"{name},v", lambda k: 44778 + k, wave)
        for name in (
            "date",
            "datetime",
            "timestamp",
            "timestamps",
            "datum",
            "zeitstempel",
            "fecha",
            "dateandtime",
            "dateutc",
            "datetimeutc",
            "time",
        )
    },
    **{
        f"serial from {first:g}": table("date,v", lambda k, first=first: first + k / 4, wave)
        for first in (19_999, 20_000, 79_994, 79_994.25, 79_994.5, 689_999, 690_000, 769_994.25, 769_994.5)
    },
    "columns counted from 0": table("0,1,2", wave, other, wave),
    "columns counted from 1": table("1,2,3", wave, other, wave),
    "columns counted from 2": table("2,3,4", wave, other, wave),
    "two columns counted": table("0,1", wave, other),
    "counted above whole numbers": table("0,1,2", lambda k: k, other, wave),
    "counted behind an index": table(",0,1", lambda k: k, wave, other),
    "counted with one wrong": table("0,1,3", wave, other, wave),
    "wide under a short header": "a,b\n" + ",".join("1.5" for _ in range(30)) + "\n",
    "wide under a long header": ",".join(f"n{k}" for k in range(25)) + "\n" + 3 * (",".join(["1.5"] * 30) + "\n"),
    "time anew, uneven": table("time,v", [k if k < 15 else k - 15 for k in N], wave),
    "time anew, thrice": table("time,v", [k % 8 for k in N], wave),
    "time back, not anew": table("time,v", [k if k < 15 else k - 14 for k in N], wave),
    **{f"numbering {name}": table(f"{name},v", lambda k: 3, wave) for name in ("run", "FileNo", "machine_id", "gain")},
    "numbering that changes": table("run,v", lambda k: 1 + k // 23, wave),
    "grouped by blanks": table("v;w", lambda k: f"{k + 1} {k + 100}", wave, mark=";"),
    "grouped by quotes": table("v;w", lambda k: f"{k + 1}'{k + 100}", wave, mark=";"),
    "grouped by points": table("v;w", lambda k: f"{k + 1}.{k + 100},5", lambda k: f"{k},25", mark=";"),
    "grouped in points among points": table("v;w", lambda k: f"{k + 1}.{k + 100}.{k + 100}", wave, mark=";"),
    "grouped now and then": table("v;w", lambda k: f"{k + 1} {k + 100}" if k % 2 else k, wave, mark=";"),
    **{
        f"code {code}, {both}": table(
            "v,w",
            lambda k, code=code: code if k % 9 == 4 else wave(k),
            cells(4, code) if both == "seen twice" else other,
        )
        for code in (-99, -999, -9999, -99999, 999, 9999, 99999, -32768, -200, 32768, -200.5, 98, 5000)
        for both in ("alone", "seen twice")
    },
    "a code in two columns": table("v,w", *2 * [lambda k: 5000 if k % 9 == 4 else wave(k)]),
    "a code in two columns, near": table(
        "v,w", lambda k: 120 if k % 9 == 4 else k * 9 % 98, lambda k: 120 if k % 9 else k
    ),
    "a short row among unknown times": table("time,v", lambda k: f"day {k}", wave) + "x\n",
    "ten and more columns": table(",".join(f"c{k}" for k in range(14)), *14 * [wave]),
    "a row cut": table("v,w", wave, other) + "3\n",
    "a row with more": table("v,w", wave, other) + "3,4,5\n",
    "a total": table("v,w", wave, other) + "total,480\n",
    "rows of another width first": "1,2,3\n4,5,6\n" + table("", wave, other),
    "words in the first column": table("kind,v", lambda k: "ab"[k % 2], wave),
}
CHOICES = {
    **{
        f"labview {name}": (labview(**changed), {})
        for name, changed in {
            "": {},
            "comma": {"Separator": "Comma"},
            "without a separator": {"Separator": None},
            "with X": {"X_Columns": "One"},
            "without X_Columns": {"X_Columns": None},
            "of many blocks": {"Samples": "8"},
            "of one sample too few": {"Samples": "23"},
            "of no samples": {"Samples": "0"},
            "of words": {"Samples": "many"},
            "by decimal commas": {"Delta_X": "0,01"},
            "with an exact step": {"Delta_X": "0.0005"},
            "with a rough step": {"Delta_X": "0.03"},
            "of a long step": {"Delta_X": "1.000"},
            "of step nought": {"Delta_X": "0.0"},
            "of no step": {"Delta_X": None},
            "that does not end": {"end": "***"},
        }.items()
    },
    "labview read": (labview(), {"skip_rows": 8, "delimiter": "tab", "rate_hz": 1024.0}),
    **{
        f"labels, {name}": ("s\na\nb\na\na\n", {"symbols": True, **options})
        for name, options in {
            "wide": {"layout": "wide"},
            "interpolated": {"missing": "interpolate"},
            "mean": {"duplicates": "mean"},
            "exogenous": {"exogenous": ("x",)},
            "known": {"known": ("x",)},
            "calendar": {"calendar": ("hour-of-day",)},
            "unit": {"units": ("V",)},
            "two columns": {"columns": ("a", "b")},
            "named": {"columns": ("s",)},
            "missing": {"na": ("b",)},
            "split": {"na": ("b",), "missing": "split"},
            "no header": {"no_header": True},
        }.items()
    },
    "labels, a long one": ("s\na\nb\n" + "x" * 65 + "\na\n", {"symbols": True}),
    "labels, nearly long": ("s\na\nb\n" + "x" * 64 + "\na\n", {"symbols": True}),
    "labels without a header": ("a\nb\na\na\n", {"symbols": True}),
    "labels in the second column": ("t;state\n0,5;on\n1,0;off\n1,5;on\n", {"symbols": True}),
    "labels of nothing": ("\n", {"symbols": True}),
    **{
        f"{count} missing, {way}": (
            table("v,w", lambda k, count=count: "" if 5 <= k < 5 + count else wave(k), other),
            {"missing": way},
        )
        for count in (10, 11)
        for way in ("interpolate", "split")
    },
    "missing at the beginning": (table("v,w", cells(0, ""), other), {"missing": "interpolate"}),
    "missing in two": (table("v,w", cells(5, ""), cells(6, "", other)), {"missing": "split"}),
    "groups cut by a hole": (GROUPS.replace("b,2.0,", "b,9.0,"), {"group_column": "g", "missing": "split"}),
    "groups cut into blocks": (GROUPS, {"group_column": "g", "recording_rows": 5}),
    "blocks with a time": (table("time,v", [k % 8 for k in N], wave), {"recording_rows": 8}),
    "blocks with a time of their own": (table("time,v", [k % 7 for k in N], wave), {"recording_rows": 8}),
    **{
        f"plan, {name}": ("time,v,p\n" + "".join(f"{row}\n" for row in rows), {"known": ("p",), **options})
        for name, rows, options in (
            ("ahead", [*(f"{k},{wave(k)},{k % 3}" for k in range(20)), "20,,1", "21,,2"], {}),
            ("none ahead", [f"{k},{wave(k)},{k % 3}" for k in range(20)], {}),
            ("never measured", [f"{k},,{k % 3}" for k in range(20)], {}),
            ("with a hole", [*(f"{k},{wave(k)},{k % 3}" for k in range(20)), "20,,", "21,,2"], {}),
            (
                "filled hole",
                [*(f"{k},{wave(k)},{k % 3}" for k in range(20)), "20,,", "21,,2"],
                {"missing": "interpolate"},
            ),
            ("late", [*(f"{k},{wave(k)},{k % 3}" for k in range(20)), "30,,1"], {}),
            ("early", [*(f"{k},{wave(k)},{k % 3}" for k in range(20)), "3,,1"], {}),
            ("early, sorted", [*(f"{k},{wave(k)},{k % 3}" for k in range(20)), "3,,1"], {"sort": True}),
            ("with a word", [*(f"{k},{wave(k)},{k % 3}" for k in range(20)), "20,,x"], {}),
            ("measured hole", [*(f"{k},{wave(k) if k != 7 else ''},{k % 3}" for k in range(20)), "20,,1"], {}),
            (
                "split",
                [*(f"{k},{wave(k) if k != 7 else ''},{k % 3}" for k in range(20)), "20,,1"],
                {"missing": "split"},
            ),
        )
    },
}
CASES = {
    **{f"edge: {name}": (content, {}) for name, content in EDGES.items()},
    **{f"choice: {name}": case for name, case in CHOICES.items()},
    **{f"time: {name}": (content, {}) for name, content in TIMES.items()},
    **{
        f"steps: {name}, {way}": (table("time,v,w", times, wave, other), options)
        for name, times in STEPS.items()
        for way, options in WAYS.items()
    },
    **{f"columns: {name}": case for name, case in COLUMNS.items()},
    **{
        f"format: {form}, {text}": (stamped(text), {"time_format": form})
        for form, text in ((FORMS["dots"], FORMS["dots"]), (FORMS["dots"], FORMS["iso"]), (FORMS["compact T"],) * 2)
    },
    "format: with offset": (stamped(FORMS["iso offset"]), {"time_format": "%Y-%m-%d %H:%M:%S%z"}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_it(tmp_path, name):
    content, options = CASES[name]
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with contextlib.suppress(ForecasterError):
        reading = read(path, ReadingOptions(**options))
        assert all(np.isfinite(recording.values).all() for recording in reading.signal.recordings)


def test_the_names_of_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "a/x.csv",
        "a/x.txt",
        "a/.hidden/y.csv",
        "a/.z.csv",
        "a/b/x.CSV",
        "a/out/w.tsv",
        "b/x.csv",
        "n.lvm",
        "m.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")

    def named(*arguments, apart=None):
        return [(item.path, item.name) for item in find(arguments, apart=apart)]

    assert named("a") == [("a/b/x.CSV", "b/x"), ("a/out/w.tsv", "out/w"), ("a/x.csv", "x_csv"), ("a/x.txt", "x_txt")]
    assert named("a", apart=tmp_path / "a" / "out") == [
        ("a/b/x.CSV", "b/x"),
        ("a/x.csv", "x_csv"),
        ("a/x.txt", "x_txt"),
    ]
    assert named("a/out", apart=tmp_path / "a" / "out") == [("a/out/w.tsv", "w")]
    assert named("a/**/*.*", apart=tmp_path / "a" / "out") == [
        ("a/b/x.CSV", "b/x"),
        ("a/x.csv", "x_csv"),
        ("a/x.txt", "x_txt"),
    ]
    assert named("*/x.csv") == [("a/x.csv", "a/x"), ("b/x.csv", "b/x")]
    assert named("a/*.csv", "b/x.csv", "a/x.csv") == [
        ("a/x.csv", "/".join((tmp_path / "a" / "x_csv").parts[1:])),
        ("b/x.csv", "/".join((tmp_path / "b" / "x_csv").parts[1:])),
    ]
    assert named("n.lvm", "-", "none.csv") == [("n.lvm", "n"), ("-", "stdin"), ("none.csv", "none")]
    assert named("./n.lvm", "n.lvm")[1][1].endswith("/n_lvm#2") or len(named("./n.lvm", "n.lvm")) == 2
    with pytest.raises(ForecasterError, match=r"^b/\*\.txt: no file matches the pattern\.$"):
        find(["b/*.txt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ForecasterError, match=r"^empty: no files in the folder; expected \*\.csv, \*\.tsv, \*\.txt, "):
        find(["empty"])
    with pytest.raises(ForecasterError, match=r"no pattern|no file matches the pattern"):
        find(["a/**b/*.csv"])
