"""Files beside embeddings: ids, labels, weights and records, in whatever files they come."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import pyuniform
from pyuniform.cli.main import cli
from pyuniform.pipelines import write_subset
from pyuniform.sources import open_source, read_ids
from pyuniform.sources.ids import read_numbers
from pyuniform.sources.records import JsonLines, open_records, read_field

SHARDS, EACH = 12, 8
N = SHARDS * EACH
X = np.random.default_rng(0).standard_normal((N, 4)).astype(np.float32)
IDS = [f"doc-{i:04d}" for i in range(N)]
BOM = b"\xef\xbb\xbf"


def zst(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    Path("emb").mkdir()
    for s in range(SHARDS):
        np.save(f"emb/part-{s}.npy", X[s * EACH : s * EACH + EACH])
    return tmp_path


def run(*arguments: object) -> tuple[int, list[str], str]:
    done = CliRunner().invoke(cli, ["select", *map(str, arguments)])
    error = "" if done.exception is None else str(done.exception)
    return done.exit_code, done.stdout.split(), done.stderr + error


def text(content: str, how: str) -> bytes:
    plain = content.encode()
    return {
        "plain": plain,
        "mark": BOM + plain,
        "lines of Windows": BOM + plain.replace(b"\n", b"\r\n"),
        "gz": gzip.compress(BOM + plain),
        "gz in two": gzip.compress(plain[:50]) + gzip.compress(plain[50:]),
        "zst": zst(plain),
    }[how]


HOW = ["plain", "mark", "lines of Windows", "gz", "gz in two", "zst"]


def name_of(stem: str, suffix: str, how: str) -> Path:
    end = "" if how in HOW[:3] else "." + how[:3].strip()
    return Path(stem + suffix + end)


@pytest.mark.parametrize("how", HOW)
def test_lines_are_the_same_in_whatever_way_they_are_written(how: str) -> None:
    # U+2028 and NEL end no line here, and blanks belong to an id.
    ids = ["first", "Ä\u2028b", "c\x85d", " e ", *IDS[4:]]
    path = name_of("ids", ".txt", how)
    path.write_bytes(text("\n".join(ids) + "\n", how))
    assert read_ids(path).tolist() == ids
    numbers = name_of("numbers", ".txt", how)
    numbers.write_bytes(text("0.5\n1\n2e3\n", how))
    assert read_numbers(numbers).tolist() == [0.5, 1, 2000]


@pytest.mark.parametrize("how", HOW)
def test_records_are_the_same_in_whatever_way_they_are_written(how: str) -> None:
    records = [{"id": i, "text": "é\u2028" * (i % 5)} for i in range(N)]
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    path = name_of("r", ".jsonl", how)
    path.write_bytes(text(lines, how))
    assert open_records(path).count() == N
    assert read_field(path, "id") == list(range(N))
    for output in ("o.jsonl", "o.parquet"):
        write_subset(path, [5, 0, N - 1, 7], output)
        assert read_field(Path(output), "id") == [5, 0, N - 1, 7]
        assert read_field(Path(output), "text")[2] == records[-1]["text"]
    assert not Path("o.jsonl").read_bytes().startswith(BOM)


@pytest.mark.parametrize("cut", [0.3, 0.99])
@pytest.mark.parametrize("how", ["gz", "zst"])
def test_compressed_files_that_are_cut_are_named(how: str, cut: float) -> None:
    noise = np.random.default_rng(0).integers(0, 10**9, 3000)
    whole = text("\n".join(map(str, noise)), how)
    path = name_of("ids", ".txt", how)
    path.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(ValueError, match=f"{path} is not a whole"):
        read_ids(path)
    records = name_of("r", ".jsonl", how)
    records.write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=f"{records} is not a whole"):
        open_records(records).count()


def test_text_of_another_encoding_is_no_id() -> None:
    Path("ids.txt").write_bytes("a\nb\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"ids\.txt is not UTF-8 text"):
        read_ids("ids.txt")


WRITERS: dict[str, Callable[[str, list[str]], None]] = {
    ".npy": lambda path, ids: np.save(path, np.array(ids)),
    ".txt": lambda path, ids: Path(path).write_text("\n".join(ids)) and None,
    ".txt.gz": lambda path, ids: (
        Path(path).write_bytes(gzip.compress("\n".join(ids).encode())) and None
    ),
    ".parquet": lambda path, ids: pq.write_table(pa.table({"uid": ids}), path),
}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("stem", ["meta", "meta [v1]"])
def test_ids_of_shards_come_in_the_order_of_their_embeddings(stem: str, suffix: str) -> None:
    Path(stem).mkdir()
    for s in range(SHARDS):
        WRITERS[suffix](f"{stem}/m_{s}{suffix}", IDS[s * EACH : s * EACH + EACH])
    Path(stem, "_SUCCESS").touch()
    expected = [IDS[i] for i in pyuniform.select(X, 6).indices]
    for given in (stem, f"{stem}/*{suffix}", f"{stem}/m_*"):
        code, _, said = run("emb", "-k", 6, "-q", "--ids", given, "-o", "o.jsonl")
        assert code == 0, said
        assert read_field(Path("o.jsonl"), "id") == expected
    Path(stem, f"m_7{suffix}").unlink()
    code, _, said = run("emb", "-k", 6, "-q", "--ids", stem)
    assert code == 1
    assert f"{N - EACH} ids for the {N} rows" in said


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
@pytest.mark.parametrize("output", ["o.jsonl", "o.parquet"])
@pytest.mark.parametrize("order", ["pick", "source"])
def test_records_of_shards_are_joined(order: str, output: str, suffix: str) -> None:
    Path("meta").mkdir()
    for s in range(SHARDS):
        part = [{"n": i, "id": IDS[i]} for i in range(s * EACH, s * EACH + EACH)]
        lines = "\n".join(map(json.dumps, part)).encode()
        path = Path(f"meta/m_{s}{suffix}")
        if suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(part), path, row_group_size=3)
        else:
            path.write_bytes(BOM + lines if suffix == ".jsonl" else gzip.compress(lines))
    rows = pyuniform.select(X, 6).indices
    expected = rows.tolist() if order == "pick" else sorted(rows.tolist())
    for given in ("meta", "meta/*"):
        code, _, said = run("emb", "-k", 6, "-q", "--join", given, "-o", output, "--order", order)
        assert code == 0, said
        assert read_field(Path(output), "n") == expected
        assert read_field(Path(output), "id") == [IDS[i] for i in expected]
    Path(f"meta/m_3{suffix}").unlink()
    code, _, said = run("emb", "-k", 6, "-q", "--join", "meta", "-o", output)
    assert code == 1
    assert f"{N - EACH} records for {N} rows" in said


def test_records_are_found_before_all_files_were_read() -> None:
    Path("meta").mkdir()
    for s in range(4):
        Path(f"meta/{s}.jsonl").write_bytes(
            BOM + b"".join(b'{"n": %d}\n' % (5 * s + i) for i in range(5))
        )
    for rows in ([2], [0, 3], [7, 1], [12, 5, 0, 5]):
        records = open_records(Path("meta"))
        assert isinstance(records, JsonLines)
        offsets = np.empty(len(rows), np.int64)
        for places, offset, _ in records.find(np.array(rows)):
            offsets[places] = offset
        assert [json.loads(line)["n"] for line in records.read(offsets)] == rows


def test_shards_of_records_with_other_columns_are_refused() -> None:
    Path("meta").mkdir()
    pq.write_table(pa.table({"a": [1]}), "meta/0.parquet")
    pq.write_table(pa.table({"b": [1]}), "meta/1.parquet")
    with pytest.raises(ValueError, match=r"meta/1.parquet has other columns or types than"):
        open_records(Path("meta"))
    Path("meta/2.jsonl").touch()
    with pytest.raises(ValueError, match="holds files of several formats"):
        open_records(Path("meta"))
    with pytest.raises(FileNotFoundError, match="no file matches"):
        open_records(Path("meta/*.txt"))


def test_brackets_and_stars_in_the_names_of_folders() -> None:
    for name in ("data[1]", "data1", "st*r"):
        Path(name).mkdir()
        np.save(f"{name}/a[0].npy", X if "[" in name or "*" in name else X[:3])
    for name in ("data[1]", "st*r"):
        for path in (name, f"{name}/*.npy", f"{name}/a[0].npy", f"{name}/a?0].npy"):
            assert open_source(path).shape == X.shape


def test_what_a_blocklist_names_is_told(folder: Path) -> None:
    Path("ids.txt").write_text("\n".join(IDS))
    ids = ["x.npy", "-k", 5, "--ids", "ids.txt", "--exclude", "block.txt"]
    first, last = IDS[0], IDS[-1]
    Path("block.txt").write_bytes(BOM + f"{first}\n{last}\n{last}\n".encode())
    code, rows, said = run(*ids)
    assert code == 0, said
    assert not {"0", str(N - 1)} & set(rows)
    assert "2 of 2 ids that block.txt names were found; 2 rows are excluded" in said
    Path("block.txt").write_text(f"{first}\nelse\nother\n")
    message = "1 of 3 ids that block.txt names were found; no row has 'else', or 1 more"
    for quiet in ([], ["-q"]):
        with pytest.warns(UserWarning, match=message):
            code, rows, said = run(*ids, *quiet)
        assert code == 0, said
        assert "0" not in rows
    Path("block.txt").write_text(f"{first} \nDOC-1\n")
    code, rows, said = run(*ids)
    assert (code, rows) == (1, [])
    assert "names 2 ids, and no row has any of them: it names 'doc-0000 '" in said
    Path("block.txt").write_text("")
    code, rows, said = run(*ids)
    assert code == 0, said
    assert "0 of 0 ids" in said


def test_large_numbers_as_ids_are_compared_as_they_are() -> None:
    numbers = 2**63 + np.arange(N, dtype=np.uint64)
    np.save("ids.npy", numbers)
    Path("block.txt").write_text(f"{2**63}\n")
    code, rows, _ = run("x.npy", "-k", N - 1, "-q", "--ids", "ids.npy", "--exclude", "block.txt")
    assert code == 0
    assert sorted(map(int, rows)) == list(range(1, N))
    Path("block.txt").write_text("9" * 30)
    code, _, said = run("x.npy", "-k", 3, "--ids", "ids.npy", "--exclude", "block.txt")
    assert code == 1
    assert "integers of more than 64 bits" in said
