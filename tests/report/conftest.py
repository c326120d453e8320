"""A page about a selection of texts, some of them hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_pages import HOSTILE, Page

import pyuniform
from pyuniform import Selection
from pyuniform.report import write_report


@pytest.fixture(scope="module")
def data(wordnet: np.ndarray) -> np.ndarray:
    X = wordnet[:700].copy()
    X[650] = X[3]
    return X


@pytest.fixture(scope="module")
def selection(data: np.ndarray) -> Selection:
    return pyuniform.select(data, 80, metric="cosine", seed=5)


@pytest.fixture(scope="module")
def path(data: np.ndarray, selection: Selection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "page.html"
    texts = [f"{HOSTILE[i % len(HOSTILE)]} row{i}" for i in range(len(data))]
    labels = ["<b>even</b>" if i % 2 == 0 else "odd" for i in range(len(data))]
    title = "<i>A title</i> & more"
    write_report(path, data, selection, texts=texts, labels=labels, title=title, seed=7)
    return path


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))
