"""Memory of subsets: counted by Arrow and Python, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# A first subset brings all imports. Arrow's peak is that of the process, so the file is not
# written by it.
PROGRAM = """
import sys, tracemalloc
import numpy as np, pyarrow as pa
from pyuniform.sources import records
from pyuniform.pipelines import subsets

n, source, *outputs = sys.argv[1:]
subsets.GROUP_BYTES, records.BATCH_BYTES = 1 << 20, 1 << 18
rows = np.random.default_rng(0).permutation(int(n))[: int(n) * 9 // 10]
for output in outputs:
    subsets.write_subset(source, rows[:9], output)
tracemalloc.start()
for output in outputs:
    subsets.write_subset(source, rows, output)
    subsets.write_subset(source, rows, output, "source")
print(tracemalloc.get_traced_memory()[1], pa.default_memory_pool().max_memory())
"""
TEXT = 20_000
NOISE = np.random.default_rng(0).bytes(1 << 19).hex()


def record(i: int) -> dict[str, object]:
    return {"i": i, "text": NOISE[i : i + TEXT]}


def peaks(*arguments: object) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return list(map(int, done.stdout.split()))


def test_parquet(tmp_path: Path) -> None:
    n = 1500
    schema = pa.schema({"i": pa.int64(), "text": pa.string()})
    # Pages are decoded whole: of 1024 rows, and here 20 MB, if they are not to be shorter.
    options = {"compression": "none", "use_dictionary": False, "write_batch_size": 20}
    with pq.ParquetWriter(tmp_path / "r.parquet", schema, **options) as writer:
        whole = pa.Table.from_pylist([record(i) for i in range(n)], schema)
        writer.write_table(whole, row_group_size=n)
    outputs = tmp_path / "s.parquet", tmp_path / "s.jsonl"
    python, arrow = peaks(n, tmp_path / "r.parquet", *outputs)
    assert (tmp_path / "r.parquet").stat().st_size > 30e6
    assert min(path.stat().st_size for path in outputs) > 11e6
    assert python < 4e6
    assert arrow < 14e6


def test_lines(tmp_path: Path) -> None:
    n = 800
    with open(tmp_path / "r.jsonl", "w") as file:
        file.writelines(json.dumps(record(i)) + "\n" for i in range(n))
    outputs = tmp_path / "s.parquet", tmp_path / "s.jsonl"
    python, arrow = peaks(n, tmp_path / "r.jsonl", *outputs)
    assert (tmp_path / "r.jsonl").stat().st_size > 16e6
    assert python < 4e6
    assert arrow < 8e6


def test_numbers_of_picks_alone_grow(tmp_path: Path) -> None:
    """Of many short records nothing is kept but where they begin."""
    n = 20_000
    (tmp_path / "r.jsonl").write_text('{"a": 1}\n' * n)
    python, _ = peaks(n, tmp_path / "r.jsonl", tmp_path / "s.jsonl")
    assert python < 40 * n + 200_000
