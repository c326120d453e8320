"""The command line with closed, full or broken standard streams, and Ctrl-C while it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyuniform

COMMAND = str(Path(sys.executable).with_name("pyuniform"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="shell, /dev/full"),
]

WRITES = {  # a file
    "select": "select x.npy -k 5 -o out.npy --checkpoint run.ckpt",
    "join": "select x.npy -k 5 --join r.jsonl -o out.jsonl",
    "embed": "embed r.jsonl --model tfidf --text text -o out.npy",
    "report": "report x.npy --picks p.npy -o out.html",
}
PRINTS = {
    "select": "select x.npy -k 5",
    "measure": "measure x.npy --picks p.npy",
    "compare": "compare x.npy p.npy --json",
    "plan": "plan --rows 1e6 --dim 64 -k 1000 --cpus 4",
    "info": "info",
    "help": "--help",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    np.save("x.npy", X)
    pyuniform.select(X, 5).save("p.npy")
    Path("r.jsonl").write_text(
        "".join(json.dumps({"text": f"word{i % 7} other{i % 5}"}) + "\n" for i in range(60))
    )
    return tmp_path


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize("streams", ["2>&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize("command", WRITES)
def test_files_are_written_whatever_the_streams_are(command: str, streams: str) -> None:
    if command == "report":
        pytest.importorskip("matplotlib")
        pytest.importorskip("jinja2")
    done = shell(f"{COMMAND} {WRITES[command]} {streams}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (out,) = Path().glob("out*[!n]")
    assert out.stat().st_size > 30
    # What is opened while a stream is closed must not become that stream.
    assert b"; written to" not in out.read_bytes()
    assert not Path("run.ckpt").exists()


@pytest.mark.parametrize(
    ("streams", "why"),
    [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")],
)
@pytest.mark.parametrize("command", PRINTS)
def test_output_that_cannot_be_written_is_an_error(command: str, streams: str, why: str) -> None:
    done = shell(f"{COMMAND} {PRINTS[command]} {streams}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("pyuniform: [Errno ")
    assert done.stderr.splitlines()[-1].endswith(f"{why}: 'standard output'")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", PRINTS)
def test_output_that_nobody_reads_ends_the_command_without_a_word(command: str) -> None:
    # The reader is gone before anything can be written.
    quiet = " -q" if command == "select" else ""
    done = shell(
        f"{{ sleep 0.2; {COMMAND} {PRINTS[command]}{quiet}; }} | true; exit ${{PIPESTATUS[0]}}"
    )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("command", PRINTS)
def test_messages_that_nobody_reads_change_nothing(command: str) -> None:
    plain = shell(f"{COMMAND} {PRINTS[command]}")
    assert plain.returncode == 0, plain.stderr
    for streams in ("2>&-", "2> >(true)"):
        done = shell(f"{COMMAND} {PRINTS[command]} {streams}")
        assert (done.returncode, done.stdout) == (0, plain.stdout), done.stderr


def test_a_checkpoint_outlives_output_that_could_not_be_written() -> None:
    done = shell(f"{COMMAND} select x.npy -k 5 --checkpoint run.ckpt >/dev/full")
    assert done.returncode == 1
    assert Path("run.ckpt").exists()


@pytest.mark.parametrize("streams", ["", "2>&-"])
@pytest.mark.parametrize(
    "command",
    [COMMAND, f"{sys.executable} -m pyuniform"],
)
@pytest.mark.parametrize("module", ["numpy", "click"])
def test_an_interrupt_during_imports_shows_no_traceback(
    folder: Path, module: str, command: str, streams: str
) -> None:
    (folder / f"{module}.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    done = shell(f"{command} info {streams}", PYTHONPATH=str(folder))
    assert done.returncode == 130
    assert (done.stdout, done.stderr) == ("", "" if streams else "pyuniform: interrupted\n")


def test_an_interrupt_at_the_exit_shows_no_traceback(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(
        "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
    )
    done = shell(f"{COMMAND} select x.npy -k 5 -o out.npy -q", PYTHONPATH=str(folder))
    assert (done.returncode, done.stderr) == (130, "pyuniform: interrupted\n")
    assert len(np.load("out.npy")) == 5


def test_an_interrupt_that_is_ignored_stays_ignored(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(
        "import os, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    )
    (folder / "tqdm.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\ntqdm = None\n"
    )
    done = shell(f"{COMMAND} info", PYTHONPATH=str(folder))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYUNIFORM_NUM_THREADS", "many"),
        ("PYUNIFORM_NUM_THREADS", "-1"),
        ("PYUNIFORM_NUM_THREADS", "1" * 5000),
        ("PYUNIFORM_ISA", "\x01"),
    ],
)
def test_an_environment_variable_that_is_nonsense_gets_one_line(name: str, value: str) -> None:
    for command in ("select x.npy -k 5", "measure x.npy"):
        done = shell(f"{COMMAND} {command}", **{name: value})
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith(f"pyuniform: {name}")


def test_what_tqdm_cannot_read_gets_one_line_where_it_draws_a_bar() -> None:
    command = f"{COMMAND} select x.npy -k 5 -o out.npy"
    assert shell(command, TQDM_MININTERVAL="abc").returncode == 0
    Path("out.npy").unlink()
    terminal, stderr = os.openpty()
    done = subprocess.run(
        command.split(), stderr=stderr, check=False, env=os.environ | {"TQDM_MININTERVAL": "abc"}
    )
    os.close(stderr)
    said = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert done.returncode == 1
    assert said.splitlines() == [said.strip()]
    assert said.startswith("pyuniform: cannot import tqdm: ValueError")
    assert not Path("out.npy").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("OMP_NUM_THREADS", value) for value in ("", "abc", "-3", "0", "9" * 5000, "2,x")),
        ("TMPDIR", "/nowhere/at/all"),
        ("COLUMNS", "abc"),
        ("LINES", "-1"),
        ("NO_COLOR", "\x01"),
        ("TERM", "nonsense"),
        ("HOME", "/nowhere"),
        ("XDG_CACHE_HOME", "/dev/null"),
        ("PYTHONIOENCODING", "ascii"),
        ("OPENBLAS_NUM_THREADS", "abc"),
    ],
)
def test_another_environment_variable_that_is_nonsense_changes_nothing(
    name: str, value: str
) -> None:
    done = shell(f"{COMMAND} select x.npy -k 5 -q && {COMMAND} --help", **{name: value})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0\n")
    assert done.stderr == ""
