"""The options that refusals propose, applied to every bad file: none reads other values than those that stand there."""

import pytest

from tests.faults.proposals import counted


@pytest.mark.slow
def test_no_proposal_reads_other_values(tmp_path):
    outcomes, lines = counted(tmp_path)
    assert not outcomes["wrong"], lines
    assert not outcomes["escaped"]
    assert outcomes["right"] + outcomes["filled"] >= 100
