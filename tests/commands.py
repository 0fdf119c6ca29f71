"""The commands as the tests run them: within this process, through click."""

from __future__ import annotations

from click.testing import CliRunner, Result

from forecaster.commands.group import cli


def run(*args: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner(env=env).invoke(cli, [str(arg) for arg in args], prog_name="forecaster")


def ok(*args: object, env: dict[str, str] | None = None) -> Result:
    result = run(*args, env=env)
    assert result.exit_code == 0, result.output
    return result


def refused(*args: object, env: dict[str, str] | None = None) -> str:
    """Return the message of a command that must exit with 2 and no traceback."""
    result = run(*args, env=env)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert "bug" not in result.stderr
    assert len(result.stderr.encode()) <= 2200
    return result.stderr
