"""What `pyuniform deduplicate` writes and says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from report_pages import Page

import pyuniform
from pyuniform.cli.main import cli

LINE = np.array([[0.0], [0.5], [3.0], [3.25], [9.0], [0.75]])
FAR = ["--metric", "euclidean"]
READ = ["x.parquet", "--id-column", "uid", *FAR]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", LINE)
    columns = {
        "uid": list("abcdef"),
        "embedding": LINE.tolist(),
        "quality": [0.1, 0.9, 0.5, 0.5, 0.0, 0.2],
        "last": [9, 8, 7, 6, 5, 4],
        "text": [f"text <{i}>" for i in range(6)],
    }
    pq.write_table(pa.table(columns), "x.parquet")
    lines = [json.dumps({"i": i, "text": f"é{i}"}, ensure_ascii=False) for i in range(6)]
    Path("r.jsonl").write_text("\n".join(lines), "utf-8")
    np.save("quality.npy", np.array(columns["quality"]))
    np.save("old.npy", np.array([[20.0], [3.1]]))
    return tmp_path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["deduplicate", *map(str, arguments)])


def deduplicate(*arguments: object) -> str:
    done = invoke(*arguments, "-q")
    assert done.exit_code == 0, done.output
    return done.output


def written() -> set[str]:
    return {path.name for path in Path().iterdir()} - {
        *("x.npy", "x.parquet", "r.jsonl", "quality.npy", "old.npy")
    }


def test_row_numbers_go_to_standard_output() -> None:
    assert deduplicate("x.npy", *FAR, "--threshold", 0.8) == "0\n2\n4\n"
    assert deduplicate("x.npy", *FAR, "--threshold", 0.8, "--keep", "last") == "3\n4\n5\n"
    best = ["--scores", "quality.npy"]
    assert deduplicate("x.npy", *FAR, "--threshold", 0.8, *best) == "1\n2\n4\n"
    column = ["--keep-column", "last"]  # which is no order here
    assert deduplicate("x.parquet", *FAR, "--threshold", 0.8, *column) == "0\n2\n4\n"


def test_cosine_is_the_default() -> None:
    np.save("x.npy", np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    assert deduplicate("x.npy", "--threshold", 0.1) == "0\n2\n"


def test_all_that_is_written_and_said() -> None:
    done = invoke(
        *READ,
        *("--threshold", 0.8, "--keep-column", "quality", "-o", "kept.parquet"),
        *("--duplicates", "duplicates.parquet", "--tag", "tags.parquet"),
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if "rows taken" not in line]
    assert said[-2].startswith("3 of 6 rows kept, 3 removed (50.0%) in ")
    assert said[-2].endswith(" s, threshold 0.8 (euclidean); written to kept.parquet")
    assert said[-1] == "2 rows have duplicates; largest groups: 3 (row 1), 2 (row 2)"
    kept = pyuniform.Selection.load("kept.parquet")
    assert kept.ids is not None
    assert kept.ids.tolist() == ["b", "c", "e"]
    columns = {"id_column": "uid", "keep": "quality", "metric": "euclidean"}
    found = pyuniform.deduplicate("x.parquet", 0.8, **columns)
    assert pq.read_table("duplicates.parquet").equals(found.duplicates)
    assert pq.read_table("tags.parquet").equals(found.tags)


@pytest.mark.parametrize("output", ["s.jsonl", "s.parquet"])
@pytest.mark.parametrize("records", ["r.jsonl", "x.parquet"])
def test_records_of_kept_rows(records: str, output: str) -> None:
    assert (
        deduplicate(
            *("x.npy", *FAR, "--threshold", 0.8, "--keep", "last"),
            *("--join", records, "-o", output, "--picks", "kept.npy"),
        )
        == ""
    )
    if output == "s.jsonl":
        lines = [json.loads(line) for line in Path(output).read_text("utf-8").splitlines()]
    else:
        lines = pq.read_table(output).to_pylist()
    sign = "é{}" if records == "r.jsonl" else "text <{}>"
    assert [line["text"] for line in lines] == [sign.format(i) for i in (3, 4, 5)]
    assert np.load("kept.npy").tolist() == [3, 4, 5]


def test_anchors() -> None:
    done = invoke("x.npy", *FAR, "--threshold", 0.6, "--anchors", "old.npy", "-o", "kept.npz")
    assert done.exit_code == 0, done.output
    assert "2 of these were removed for anchors" in done.stderr
    assert pyuniform.Selection.load("kept.npz").indices.tolist() == [0, 4, 5]


def test_rows_that_are_left_out_are_told() -> None:
    np.save("x.npy", np.concatenate([LINE, [[np.nan]]]))
    done = invoke("x.npy", *FAR, "--threshold", 0.8, "--invalid", "drop")
    assert done.stdout == "0\n2\n4\n"
    assert "1 rows are left out: they hold NaN" in done.stderr


def test_the_report_alone_and_beside_the_rest() -> None:
    pytest.importorskip("jinja2")
    assert deduplicate(*READ, "--report", "page.html") == ""
    assert written() == {"page.html"}
    more = ["--thresholds", "0.3,0.5", "--keep-column", "quality"]
    deduplicate(*READ, "--report", "a.html", *more, "--join", "x.parquet")
    page = Page(Path("a.html").read_text("utf-8"))
    assert [row[0] for row in page.tables["levels-table"][1:]] == ["0.3000", "0.5000"]
    assert "text <3>" in page.tables["below-1"][1][1]
    assert "highest quality stays" in Path("a.html").read_text("utf-8").replace(
        "<bdi>", ""
    ).replace("</bdi>", "")
    both = ["--threshold", 0.8, "--report", "b.html", "--join", "r.jsonl", "-o", "s.jsonl"]
    assert deduplicate("x.npy", *FAR, *both) == ""
    assert len(Page(Path("b.html").read_text("utf-8")).tables["levels-table"]) == 11
    assert len(Path("s.jsonl").read_text("utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --threshold, or --report to choose one by"),
        (["--report", "a.html", "-o", "k.npy"], "need --threshold"),
        (["--threshold", 1, "--thresholds", "1,2"], "--thresholds goes with --report"),
        (["--report", "a.html", "--thresholds", "1,x"], "must be numbers separated by commas"),
        (["--threshold", 1, "--picks", "k.npy"], "--picks goes with --join"),
        (["--threshold", 1, "--join", "r.jsonl"], "--join needs -o"),
        (["--threshold", 1, "--ids", "u.txt", "--id-column", "u"], "give --id-column or --ids"),
        (["--threshold", 1, "--keep", "last", "--keep-column", "q"], "give one of --keep"),
        (["--threshold", 1, "--keep", "best"], "Invalid value for '--keep'"),
    ],
)
def test_wrong_usage(arguments: list[object], message: str) -> None:
    done = invoke("x.npy", *arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert written() == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.npy", "--threshold", 0], "threshold must be above 0"),
        (["x.npy", "--threshold", 1, "--keep-column", "q"], "X is no table|has no column 'q'"),
        (["x.parquet", "--threshold", 1, "--keep-column", "q"], "has no column 'q', but"),
        (["x.parquet", "--threshold", 1, "--keep-column", "uid"], "must be real numbers"),
        (["x.npy", "--threshold", 1, "--scores", "old.npy"], "must hold a list of numbers"),
        (["x.npy", "--threshold", 1, "-o", "k.csv"], r"k\.csv must end in one of"),
        (["x.npy", "--threshold", 1, "--tag", "t.csv"], r"t\.csv must end in \.parquet"),
        (["x.npy", "--threshold", 1, "-o", "x.npy"], r"x\.npy cannot be written: it is read"),
        (["x.npy", "--report", "a.pdf"], r"a\.pdf must end in one of \.html"),
        (["x.npy", "--threshold", 1, "-o", "no/k.npy"], "no is not a directory"),
        (["y.npy", "--threshold", 1], r"y\.npy does not exist"),
        (["x.npy", "--threshold", 1, "--join", "one.jsonl", "-o", "s.jsonl"], "has 1 records for"),
        (["broken.parquet", "--threshold", 1], r"broken\.parquet"),
        (["x.npy", "--report", "a.html", "--join", "r.jsonl", "--text-field", "b"], "no field 'b'"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(arguments: list[object], message: str) -> None:
    Path("one.jsonl").write_text("{}\n")
    Path("broken.parquet").write_bytes(Path("x.parquet").read_bytes()[:-9])
    done = invoke(*arguments, *FAR)
    assert done.exit_code == 1
    assert isinstance(done.exception, (ValueError, TypeError, OSError))
    with pytest.raises(type(done.exception), match=message):
        raise done.exception
    assert written() == {"one.jsonl", "broken.parquet"}
