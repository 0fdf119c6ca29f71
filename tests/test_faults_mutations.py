"""Mutated and crafted model folders: a short form of `python -m tests.faults.mutations`."""

import os
import random
import shutil

import numpy as np
import pytest

from forecaster import bundle
from tests.commands import ok
from tests.faults import edits, samples
from tests.faults.bench import Bench
from tests.faults.checkpoints import Mutations
from tests.faults.command_line import told_by_the_command
from tests.faults.folders import contents_of, lay_out
from tests.faults.mutations import crafted
from tests.faults.report import BAD, Report

GIVEN = ["a pickle for tensors", "a link to the root", "m.keras"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def counting(bench):
    bench.report = Report()
    return bench


def clean(report):
    print(f"\n{report.text()}")
    assert not report.failed, report.text()
    return report.counts


def mutated(bench, seed, count):
    for n in range(count):
        bench.mutation(seed, n)
    counts = clean(bench.report)
    assert counts["refused"] + counts["loaded"] == counts["mutations"] == count
    return counts


def test_random_mutations_are_refused_or_can_be_used(counting):
    counts = mutated(counting, 11, 400)
    assert counts["loaded"] > 15
    assert counts["forecast"] > 10


def test_the_command_refuses_and_touches_nothing(counting):
    crafted(counting, GIVEN, command=True)
    assert clean(counting.report)["given to the command"] == len(GIVEN)


def test_mutated_checkpoints_are_refused_or_can_be_gone_on_with(counting, tmp_path):
    mutations = Mutations(counting, tmp_path)
    for n in range(400):
        mutations.mutation(13, n)
    counts = clean(mutations.report)
    assert counts["refused"] + counts["gone on with"] + counts["nothing in it"] == counts["mutations"] == 400
    assert counts["refused"] > 250
    assert counts["gone on with"] > 15


# --- the tools themselves: what they are to find, they find --------------------------------


def test_what_the_command_writes_is_seen(bench, tmp_path):
    model = shutil.copytree(bench.place / "stacked-lstm", tmp_path / "place" / "m")
    told = told_by_the_command(model, bench.files["stacked-lstm"], tmp_path / "place")
    assert told.code == 0
    assert any("out" in line for line in told.touched)
    assert "exit code 0" in told.complaint


def test_what_is_run_opened_and_taken_is_counted(counting, tmp_path, monkeypatch):
    model = shutil.copytree(counting.place / "stacked-lstm", tmp_path / "m")

    def loaded(path):
        exec("1")
        (tmp_path / "other").write_text("x")
        np.ones(200 * 2**20, np.uint8)
        raise KeyError("lost")

    monkeypatch.setattr(bundle, "load", loaded)
    assert not counting.attempt(model, "here", "stacked-lstm", random.Random(0))
    found = {what: counting.report.counts[what] for what in BAD}
    once = dict.fromkeys(("tracebacks", "executed", "opened outside", "over memory"), 1)
    assert found == dict.fromkeys(BAD, 0) | once
    assert counting.report.failed


def test_a_folder_that_is_laid_out_again_is_the_same(bench, tmp_path):
    genuine = bench.place / "joint"
    contents = contents_of(genuine)
    lay_out(tmp_path / "m", contents, bench.place / "elsewhere", genuine="data-x")
    assert contents_of(tmp_path / "m") == contents
    assert bundle.load(tmp_path / "m").sha256 == bundle.load(genuine).sha256


def test_every_edit_changes_something_and_seals_hold(bench, tmp_path):
    for edit in edits.EDITS:
        changed = 0
        for n in range(30):
            contents = contents_of(bench.place / "combination")
            before = dict(contents)
            edit(contents, random.Random(n))
            changed += contents != before
        assert changed >= 10, edit.__name__
    contents = contents_of(bench.place / "combination")
    contents["README.md"] += b"and more\n"
    edits.sealed(contents)
    lay_out(tmp_path / "m", contents, bench.place / "elsewhere", genuine="data-x")
    assert bundle.load(tmp_path / "m").texts["README.md"].endswith("and more\n")


def test_every_kind_of_sample_loads(bench):
    assert {one.name for one in bench.place.iterdir() if one.is_dir()} == {*samples.KINDS, "elsewhere"}


# --- single folders ------------------------------------------------------------------------


def test_a_stored_evaluation_without_its_verdict_is_shown(bench, tmp_path):
    contents = contents_of(bench.place / "joint") | {"metrics.json": b'[{"horizon": 1, "stride": 1, "parts": []}]'}
    edits.sealed(contents)
    lay_out(tmp_path / "m", contents, bench.place / "elsewhere", genuine="data-x")
    assert "1 ahead, every 1" in ok("inspect", tmp_path / "m").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="a device is made by root alone")
def test_a_device_is_not_opened(bench, tmp_path):
    contents = contents_of(bench.place / "joint") | {"README.md": "device"}
    lay_out(tmp_path / "m", contents, bench.place / "elsewhere", genuine="data-x")
    with pytest.raises(bundle.gate.ModelError, match="device"):
        bundle.load(tmp_path / "m")
