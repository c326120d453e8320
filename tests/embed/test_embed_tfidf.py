"""Embeddings by TF-IDF and truncated SVD."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import pyuniform
from pyuniform.embed.run import embed

pytest.importorskip("sklearn")


def test_rows_have_the_geometry_of_the_whole_matrix() -> None:
    """In all dimensions cosines are those of TF-IDF itself; in fewer, near the best."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    rng = np.random.default_rng(2)
    words = [f"w{i}" for i in range(40)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(60)]
    records = [{"t": text.upper()} for text in texts]
    whole = TfidfVectorizer(sublinear_tf=True).fit_transform(texts).toarray()
    rows = embed(records, model="tfidf", text="t", dim=40)
    np.testing.assert_allclose(rows @ rows.T, whole @ whole.T, atol=1e-5)
    few = embed(records, model="tfidf", text="t", dim=10)
    best = np.linalg.svd(whole, compute_uv=False)
    # All of the variance that ten directions can hold, but for a hundredth.
    assert (few**2).sum() >= 0.99 * (best[:10] ** 2).sum()
    np.testing.assert_array_equal(embed(records, model="tfidf", text="t", dim=10), few)


def test_dim_is_at_most_what_there_is() -> None:
    records = [{"t": "red blue"}, {"t": "blue"}, {"t": "green"}, {"t": "grey"}]
    assert embed(records, model="tfidf", text="t").shape == (4, 4)
    assert embed(records[:1], model="tfidf", text="t").shape == (1, 1)
    with pytest.raises(ValueError, match="dim must be from 1 to 4, as records has 4 texts and"):
        embed(records, model="tfidf", text="t", dim=5)
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        embed(records, model="tfidf", text="t", dim=0)


def test_texts_without_anything() -> None:
    """No word at all; words that the dimensions do not hold, whose rows would be noise."""
    with pytest.raises(ValueError, match="records has no text with a word in it"):
        embed([{"t": ""}, {"t": "?!"}], model="tfidf", text="t")
    records = [{"t": "red blue"}] * 5 + [{"t": "?!"}] + [{"t": "lonely"}]
    with pytest.raises(ValueError, match=r"1 of 7 texts of .* tfidf knows, record 5"):
        embed(records, model="tfidf", text="t", dim=1)
    with pytest.raises(ValueError, match="1 of 6 texts of records have nothing that tfidf"):
        embed(records[:5] + records[6:], model="tfidf", text="t", dim=1)
    rows = embed(records, model="tfidf", text="t", dim=1, unknown="zero")
    assert (rows[:5] == rows[0]).all()
    assert rows[5:].tolist() == [[0], [0]]


@pytest.mark.slow
def test_from_records_to_a_subset_without_a_download(tmp_path: Path) -> None:
    """The commands, as users would give them."""
    rng = np.random.default_rng(3)
    words = [f"wörd{i}" for i in range(300)]
    texts = [" ".join(rng.choice(words, 20)) for _ in range(400)]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (tmp_path / "d.jsonl").write_text(lines)
    pyuniform_command = str(Path(sys.executable).with_name("pyuniform"))
    for arguments in (
        "embed d.jsonl -o e.parquet --model tfidf --text text",
        "select e.parquet -k 100 --metric cosine --join d.jsonl -o subset.jsonl --picks p.npy",
        "compare e.parquet p.npy --baselines random,clumped,half,kmeans --seeds 2 --json",
    ):
        done = subprocess.run(
            [pyuniform_command, *arguments.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    arms = {arm["name"]: arm for arm in json.loads(done.stdout)["arms"]}
    assert set(arms) == {"p", "random", "clumped", "half", "kmeans"}
    assert all(arms["p"]["h_min"][0] > arm["h_min"][2] for n, arm in arms.items() if n != "p")
    rows = np.stack(pq.read_table(tmp_path / "e.parquet")["embedding"].to_numpy())
    assert rows.shape == (400, 256)
    expected = pyuniform.select(rows, 100, metric="cosine").indices
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), expected)
    lines = (tmp_path / "subset.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [texts[i] for i in expected]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"d.jsonl", "e.parquet", "p.npy", "p.npy.json", "subset.jsonl"}
