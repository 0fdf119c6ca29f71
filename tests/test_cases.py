"""The collection of reading cases: no file comes out with other values, at once or by the options of its refusal."""

import pytest

from tests.cases import FOLDER, TRUTHS, outcome

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the collection of cases is absent")


@pytest.mark.parametrize("name", TRUTHS)
def test_case(name):
    kind, text = outcome(FOLDER / f"{name}.csv")
    assert kind != "wrong", text


def test_every_file_has_its_truth():
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(TRUTHS)
