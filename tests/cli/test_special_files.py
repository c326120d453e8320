"""Pipes, sockets and devices where files are wanted: refused at once, and never waited for."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pyuniform
from pyuniform.cli.main import cli
from pyuniform.pipelines import rewrite_webdataset

N = 40
WORDS = ["embed", "r.jsonl", "--text", "text", "--model"]
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Files, and an alarm: whoever opens a pipe waits."""
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).standard_normal((N, 8)).astype(np.float32)
    np.save("x.npy", X)
    pyuniform.select(X, 5).save("p.npz")
    Path("r.jsonl").write_text("".join(json.dumps({"text": f"word{i}"}) + "\n" for i in range(N)))

    def too_long(*_: object) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(60)
    yield tmp_path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def special(path: str, kind: str) -> None:
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path)
    else:
        os.symlink(os.devnull, path)


def refused(arguments: list[str], path: str, kind: str) -> None:
    before = sorted(os.listdir())
    done = CliRunner().invoke(cli, arguments)
    assert isinstance(done.exception, OSError), done.output
    assert str(done.exception) == f"{path} is {kind}: a regular file is wanted"
    assert sorted(os.listdir()) == before
    assert not Path(path).is_file()


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a device"])
@pytest.mark.parametrize(
    "suffix",
    [".npy", ".npz", ".parquet", ".arrow", ".safetensors", ".zarr", ".h5", ".f32", ".lance", ""],
)
def test_embeddings_of_any_format_come_from_a_regular_file(suffix: str, kind: str) -> None:
    special(f"s{suffix}", kind)
    refused(["select", f"s{suffix}", "-k", "3"], f"s{suffix}", kind)


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
@pytest.mark.parametrize("name", ["a.npy", "zarr.json"])
def test_so_do_those_of_a_folder(name: str, kind: str) -> None:
    os.mkdir("many")
    special(f"many/{name}", kind)
    refused(["select", "many", "-k", "3"], f"many/{name}", kind)


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["select", "x.npy", "-k", "3", "--ids", "s.txt"], "s.txt"),
        (["select", "x.npy", "-k", "3", "--ids", "s.txt.gz"], "s.txt.gz"),
        (["select", "x.npy", "-k", "3", "--exclude", "s.npy"], "s.npy"),
        (["select", "x.npy", "-k", "3", "--weights", "s.npy"], "s.npy"),
        (["select", "x.npy", "-k", "3", "--groups", "s.parquet"], "s.parquet"),
        (["select", "x.npy", "-k", "3", "--anchors", "s.npy"], "s.npy"),
        (["select", "x.npy", "-k", "3", "--preselected", "s.jsonl"], "s.jsonl"),
        (["select", "x.npy", "-k", "3", "--resume", "s.json"], "s.json"),
        (["select", "x.npy", "-k", "3", "--join", "s.jsonl", "-o", "o.jsonl"], "s.jsonl"),
        (["select", "x.npy", "-k", "3", "--join", "s.jsonl.zst", "-o", "o.jsonl"], "s.jsonl.zst"),
        (["measure", "x.npy", "--picks", "s.npz"], "s.npz"),
        (["compare", "x.npy", "p.npz", "s.parquet"], "s.parquet"),
        (["report", "x.npy", "--picks", "p.npz", "--texts", "s.jsonl", "-o", "o.html"], "s.jsonl"),
        (["embed", "s.jsonl", "--text", "t", "--model", "tfidf", "-o", "e.npy"], "s.jsonl"),
        ([*WORDS, "vectors:s.txt", "-o", "e.npy"], "s.txt"),
    ],
)
def test_so_does_what_goes_with_them(arguments: list[str], path: str, kind: str) -> None:
    special(path, kind)
    refused(arguments, path, kind)


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["select", "x.npy", "-k", "3", "-o", "s.npy"], "s.npy"),
        (["select", "x.npy", "-k", "3", "-o", "o.npy"], "o.npy.json"),
        (["select", "x.npy", "-k", "3", "--trace", "s.json"], "s.json"),
        (["select", "x.npy", "-k", "3", "--checkpoint", "s"], "s"),
        (["select", "x.npy", "-k", "3", "--join", "r.jsonl", "-o", "s.jsonl"], "s.jsonl"),
        (["report", "x.npy", "--picks", "p.npz", "-o", "s.html"], "s.html"),
        ([*WORDS, "tfidf", "-o", "s.npy"], "s.npy"),
    ],
)
def test_nothing_is_put_in_their_place(arguments: list[str], path: str, kind: str) -> None:
    special(path, kind)
    refused(arguments, path, kind)


def test_they_are_refused_in_python_as_well() -> None:
    selection = pyuniform.Selection.load("p.npz")
    special("s.npy", "a pipe")
    special("s.tar", "a pipe")
    for call in (
        lambda: pyuniform.select("s.npy", 3),
        lambda: pyuniform.select(["x.npy", Path("s.npy")], 3),
        lambda: pyuniform.Selection.load("s.npy"),
        lambda: selection.save("s.npy"),
        lambda: selection.save_trace("s.npy"),
        lambda: pyuniform.select("x.npy", 3, checkpoint="s.npy"),
        lambda: rewrite_webdataset(["s.tar"], "o-%06d.tar", indices=[0]),
    ):
        with pytest.raises(OSError, match="is a pipe: a regular file is wanted"):
            call()


def test_a_link_to_a_file_is_a_file() -> None:
    os.symlink("x.npy", "link.npy")
    assert len(pyuniform.select("link.npy", 3)) == 3
