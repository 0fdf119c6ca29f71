"""The mutation tool: what it changes, that it runs the changed code, and how it counts; and a short sample."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import mutant_process, mutants, operators

SOURCE = '''"""A module."""
LIMIT: int = 3


def share(a: int, b: int = 2) -> float:
    """Divide."""
    if a > LIMIT and not b == 0:
        return max(a, 1) / b
    raise ValueError(f"a of {a}")


class Box:
    size: int = 4

    def all(self, items, name="x y"):
        return [one for one in sorted(items, key=len) if one != "end"]
'''


@pytest.fixture
def listed(tmp_path):
    (tmp_path / "m.py").write_text(SOURCE)
    return tmp_path, operators.of_file(tmp_path, "m.py")


def test_each_operator_changes_its_node(listed):
    found = sorted((one.scope, one.operator, one.text) for one in listed[1])
    (negated,) = [one for one in found if one[:2] == ("share", "condition")]
    assert negated[2].startswith("if a > LIMIT and (not b == 0): return max(a, 1) / b  =>  if not (a > LIMIT and")
    found.remove(negated)
    assert found == [
        ("Box.all", "argument", "sorted(items, key=len)  =>  sorted(items)"),
        ("Box.all", "comparison", "one != 'end'  =>  one == 'end'"),
        (
            "Box.all",
            "condition",
            "for one in sorted(items, key=len) if one != 'end'  =>  for one in sorted(items, key=len)",
        ),
        ("Box.all", "constant", "'end'  =>  'endXX'"),
        (
            "Box.all",
            "return",
            "return [one for one in sorted(items, key=len) if one != 'end']  =>  return None",
        ),
        ("LIMIT", "constant", "3  =>  4"),
        ("share", "argument", "max(a, 1)  =>  max(a)"),
        ("share", "arithmetic", "max(a, 1) / b  =>  max(a, 1) * b"),
        ("share", "boolean", "a > LIMIT and (not b == 0)  =>  a > LIMIT or not b == 0"),
        ("share", "call", "max(a, 1)  =>  min(a, 1)"),
        ("share", "comparison", "a > LIMIT  =>  a >= LIMIT"),
        ("share", "comparison", "b == 0  =>  b != 0"),
        ("share", "constant", "0  =>  1"),
        ("share", "constant", "1  =>  2"),
        ("share", "return", "return max(a, 1) / b  =>  return None"),
        ("share", "statement", "raise ValueError(f'a of {a}')  =>  pass"),
        ("share", "unary", "not b == 0  =>  b == 0"),
    ]


def test_a_mutant_is_one_change(listed):
    root, every = listed
    sources = {operators.ast.unparse(operators.mutated(root, one)) for one in every}
    assert len(sources) == len(every) == len({one.name for one in every})
    assert operators.ast.unparse(operators.ast.parse(SOURCE)) not in sources


def test_a_sample_is_the_same_for_the_same_seed_and_takes_of_every_file():
    every = [one for path in mutants.files("evaluation") for one in operators.of_file(mutants.ROOT, path)]
    one, two = mutants.sample(every, 60, 1), mutants.sample(every, 60, 1)
    assert one == two != mutants.sample(every, 60, 2)
    assert {mutant.path for mutant in one} == {mutant.path for mutant in every}
    assert 55 <= len(one) <= 75


def test_the_changed_function_and_the_changed_value_are_run():
    code = """
from forecaster.signal import windows
from forecaster.evaluation import verdict
from forecaster.signal import calendar
from tests.faults import mutant_process, mutants, operators

def change(path, scope, text):
    (one, *_) = [m for m in operators.of_file(mutants.ROOT, path) if m.scope == scope and m.text == text]
    mutant_process.apply(one)

change("forecaster/signal/windows.py", "chosen_until", "b2 - b1  =>  b2 + b1")
print(windows.chosen_until(10, 100, 1))
change("forecaster/evaluation/verdict.py", "FEWEST_BLOCKS", "4  =>  5")
print(verdict.FEWEST_BLOCKS)
change("forecaster/signal/calendar.py", "MINUTE_NS", "60  =>  61")
print(calendar.LENGTH_NS["hour-of-day"] // 10**9)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=mutants.ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["64", "5", str(61 * 60 * 24)]


def test_equivalent_mutants_are_there_and_leave_the_score():
    judged = mutants.equivalent()
    assert all(reason for reason in judged.values())
    path, _, rest = next(iter(judged)).partition(" ")
    scope, _, text = rest.partition(": ")
    same = {"name": f"{path}:1:1.0", "scope": scope, "text": text, "outcome": "survived"}
    killed, slow = {**same, "outcome": "killed"}, {**same, "outcome": "timeout"}
    found = mutants.count("m", 9, [same, {**same, "text": "another"}, killed, killed, slow])
    assert (found["killed"], found["timeouts"], found["survived"], found["equivalent"]) == (2, 1, 2, 1)
    assert (found["raw"], found["score"]) == (0.6, 0.75)
    assert mutants.table([found]).splitlines()[1].split()[-4:] == ["60.0", "%", "75.0", "%"]


def test_a_result_counts_as_long_as_its_file_is_unchanged(tmp_path):
    path = mutants.files("windows")[0]
    log = tmp_path / "log"
    lines = [
        {"name": f"{path}:1:1.0", "digest": mutants.digest(path)},
        {"name": f"{path}:1:2.0", "digest": "old"},
    ]
    log.write_text("".join(mutants.json.dumps(line) + "\n" for line in lines))
    assert list(mutants._known(log)) == [f"{path}:1:1.0"]
    assert mutant_process._digest(path) == mutants.digest(path)


@pytest.mark.slow
def test_a_short_sample_of_windows(tmp_path):
    command = [sys.executable, "-m", "tests.faults.mutants", "--module", "windows", "--count", "24", "--seed", "7"]
    run = subprocess.run([*command, "--results", str(tmp_path)], cwd=mutants.ROOT, capture_output=True, text=True)
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert len(Path(tmp_path, "windows-7.jsonl").read_text().splitlines()) >= 20
