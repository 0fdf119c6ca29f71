"""What README.md and the guides show is run, and its output compared: the text as it is, the numbers nearly."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.readme import BLOCK, README, command

ROOT = README.parent
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
TEXT = README.read_text(encoding="utf-8")
GUIDES = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("EVALUATE.md", "GLASS_BOX.md")]
SHOWN = {
    name: body
    for text in (TEXT, *GUIDES)
    for name, body in BLOCK.findall(text)
    if name != "train" and "\n" in body.strip()
}
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [README, ROOT / "SECURITY.md", *DOCS, *(ROOT / name / "README.md" for name in ("benchmarks", "data", "models"))]
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A folder with what the tour uses, so that its outputs do not land in the source folder."""
    folder = tmp_path_factory.mktemp("tour")
    for name in ("data", "models", "forecaster"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "cli.py", folder)
    return folder


def run(line, folder):
    words = shlex.split(line)
    assert words[0] == "python"
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *words[1:]], cwd=folder, capture_output=True, text=True, env=environment, check=True
    )


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_the_tour_shows_what_the_command_prints(name, copy):
    line, *shown = SHOWN[name].splitlines()
    done = run(line.removeprefix("$ "), copy)
    printed = done.stderr if name == "forecast" else done.stdout
    shown, printed = "\n".join(shown).strip(), printed.replace(sys.executable, "python").strip()
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    assert all(float(a) == pytest.approx(float(b), rel=0.02, abs=0.02) for a, b in pairs)


def test_the_python_of_the_tour_prints_what_is_shown(copy):
    (program, shown), *_ = re.findall(r"<!-- python -->\n```python\n(.*?)```\n\n```\n(.*?)```", TEXT, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=True)
    assert NUMBER.sub("#", done.stdout).split() == NUMBER.sub("#", shown).split()
    numbers = zip(NUMBER.findall(shown), NUMBER.findall(done.stdout), strict=True)
    assert all(float(a) == pytest.approx(float(b), rel=0.02, abs=0.02) for a, b in numbers)


@pytest.mark.slow
def test_the_tour_trains_a_model(copy):
    (body,) = [body for name, body in BLOCK.findall(TEXT) if name == "train"]
    printed = run(body.strip().removeprefix("$ "), copy).stdout
    assert (copy / "my-model" / "model.json").is_file()
    guide = (ROOT / "docs" / "AUTO.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"<!-- auto -->\n```\n(.*?)```", guide, re.DOTALL)
    # The weights, and so the scores, follow the rounding of the machine.
    first, second, *_ = shown.splitlines()
    assert [first, second] == printed.splitlines()[:2]
    beginnings = {line.split()[0] for line in printed.splitlines() if line.strip()}
    assert {line.split()[0] for line in shown.splitlines()[:-1]} <= beginnings


def test_the_two_commands_are_each_one_line():
    assert command("main").endswith("cli.py demo")
    assert "pytest" in command("test")


def test_every_command_is_listed_and_every_listed_command_exists():
    from forecaster.commands.group import COMMANDS

    listed = re.findall(r"^\| `(\w+)", TEXT.split("## The commands")[1].split("## How")[0], re.MULTILINE)
    assert listed == list(COMMANDS)


def anchors(page):
    """Return the names by which links reach the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_a_heading_that_exist(page):
    for name, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


@pytest.mark.parametrize("folder", ["docs", "docs/research"])
def test_every_page_stands_in_the_index_of_its_folder(folder):
    index = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    linked = {name for name, _ in LINK.findall(index)}
    assert {page.name for page in (ROOT / folder).glob("*.md")} - {"README.md"} <= linked
