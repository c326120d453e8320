"""The snippets of docs/guide/embedding.md run, beside small models of the names it gives."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from embedding_models import save_sentence_model, write_vectors

from pyuniform.cli.main import cli
from pyuniform.pipelines.batches import SpreadBatches
from pyuniform.sources import open_source

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "embedding.md"
WORDS = ["cat", "dog", "sun", "moon", "tree", "river", "stone", "bread", "light", "sound"]
WORDS += ["Compare", "and"]
# What has to be installed for a section that shows something, and the rows that it leaves.
SECTIONS: dict[str, tuple[tuple[str, ...], dict[str, tuple[int, int]]]] = {
    "Without a download": (("sklearn",), {"embeddings.parquet": (300, 12)}),
    "Other records by the same model": (("sklearn",), {"new.parquet": (2, 12)}),
    "Word vectors": ((), {"glove.parquet": (300, 5), "word2vec.npy": (300, 3)}),
    "Sentence embeddings": (("sentence_transformers",), {"embeddings.parquet": (300, 16)}),
    "In Python": (("sklearn",), {"turns.npy": (10, 10)}),
    "Then train": (("torch", "transformers", "accelerate"), {}),
}


def sections() -> dict[str, str]:
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.splitlines()[0]: part for part in parts}


def shown(section: str, language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL))


def test_all_that_is_shown_is_run() -> None:
    found = sections()
    beginning, *others = found
    assert {title for title in others if "```" in found[title]} == set(SECTIONS)
    assert PAGE.read_text(encoding="utf-8").count("```") == 2 * sum(
        len(re.findall(r"```(?:python|sh)\n", section)) for section in found.values()
    )
    assert shown(found[beginning], "python")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("title", SECTIONS)
def test_section_runs(title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed, results = SECTIONS[title]
    for module in needed:
        if not importlib.util.find_spec(module):
            pytest.skip(f"not installed: {module}")
    rng = np.random.default_rng(0)
    if title == "Word vectors":
        write_vectors(tmp_path / "glove.6B.100d.txt", WORDS, rng.standard_normal((12, 5)))
        vectors = rng.standard_normal((12, 3)).astype(np.float32)
        write_vectors(tmp_path / "GoogleNews-vectors-negative300.bin.gz", WORDS, vectors)
    if title == "Sentence embeddings":
        save_sentence_model(tmp_path / "all-MiniLM-L6-v2", WORDS)
    if title == "Other records by the same model":
        new = '{"instruction": "Compare sun", "output": "moon"}\n'
        (tmp_path / "new.jsonl").write_text(new + new)
    found = sections()
    python = shown(found[next(iter(found))], "python") + shown(found[title], "python")
    # Not in processes of their own, each of which would load the libraries anew.
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(python, str(PAGE), "exec", dont_inherit=True), names)
    for line in shown(found[title], "sh").splitlines():
        program, *arguments = shlex.split(line)
        assert program == "pyuniform"
        cli.main(arguments, standalone_mode=False)
    for name, shape in results.items():
        assert open_source(tmp_path / name).shape == shape
    if title == "Then train":
        X = rng.standard_normal((40, 3)).astype(np.float32)
        np.save("rows.npy", X)
        trainer = SimpleNamespace(
            args=SimpleNamespace(train_batch_size=16),
            train_dataset=range(40),
            data_collator=list,
            accelerator=SimpleNamespace(prepare=lambda loader: loader),
        )
        loader = names["SpreadTrainer"].get_train_dataloader(trainer)
        assert list(loader) == list(SpreadBatches(X, 16, 512, metric="cosine"))
