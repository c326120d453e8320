"""Help texts: every option in a section, and examples that are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pyuniform.cli import help
from pyuniform.cli.main import cli
from pyuniform.cli.options import Count


@pytest.mark.parametrize("name", cli.commands)
def test_every_option_is_in_a_section_once(name: str) -> None:
    command = cli.commands[name]
    assert isinstance(command, help.Command)
    shown = CliRunner().invoke(cli, [name, "--help"]).output
    assert f"{help.OTHERS}:" not in shown
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            long = max(option.opts, key=len)
            line = rf"^  (-\w, )?{long}( / --[a-z-]+)?( [A-Z\[]|  |$)"
            assert len(re.findall(line, shown, re.M)) == 1
    assert "Examples:" in shown
    assert shown.index("Examples:") > shown.index("-h, --help")


def test_every_command_has_an_example_and_no_other() -> None:
    assert set(help.EXAMPLES) == set(cli.commands)


@pytest.mark.parametrize("example", [one for some in help.EXAMPLES.values() for one in some])
def test_examples_have_options_that_there_are(example: str) -> None:
    program, name, *arguments = shlex.split(example)
    assert program == "pyuniform"
    # Parsed, but not run.
    command = cli.commands[name]
    with command.make_context(name, arguments, resilient_parsing=False):
        pass


def test_no_section_has_a_name_that_no_command_has() -> None:
    names = {p.name for command in cli.commands.values() for p in command.params}
    assert set().union(*help.SECTIONS.values()) <= names
    assert {
        (c, p) for c, p in help.ELSEWHERE if p not in {q.name for q in cli.commands[c].params}
    } == set()


@pytest.mark.parametrize(("given", "k"), [("1e2", 100), ("100", 100), ("1_0", 10)])
def test_numbers_as_people_write_them(given: str, k: int, tmp_path: Path) -> None:
    assert Count().convert(given, None, None) == k


@pytest.mark.parametrize("given", ["1.5", "many", "inf", "nan", ""])
def test_what_is_no_whole_number(given: str) -> None:
    done = CliRunner().invoke(cli, ["select", "x.npy", "-k", given])
    assert done.exit_code == 2
    assert f"{given!r} is not a whole number" in done.output
