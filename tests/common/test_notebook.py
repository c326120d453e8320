"""In a notebook results are tables, and bars are widgets where there are any."""

from __future__ import annotations

import io
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import pyuniform
from pyuniform._common import notebook, progress


def kernel(monkeypatch: pytest.MonkeyPatch, config: dict, widgets: bool) -> None:
    shell = SimpleNamespace(config=config)
    fake = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setattr(notebook, "find_spec", lambda name: object() if widgets else None)


@pytest.mark.parametrize(
    ("config", "widgets", "expected"),
    [({"IPKernelApp": {}}, True, True), ({"IPKernelApp": {}}, False, False), ({}, True, False)],
)
def test_widgets_are_for_kernels_that_have_them(
    config: dict, widgets: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not notebook.has_widgets()
    kernel(monkeypatch, config, widgets)
    assert notebook.has_widgets() is expected


def test_a_run_in_a_notebook_moves_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(monkeypatch, {"IPKernelApp": {}}, True)
    moved: list[int] = []

    class Bar:
        def __init__(self, **options: object) -> None:
            self.n = 0

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...

        def set_postfix_str(self, text: str, refresh: bool) -> None: ...

        def update(self, by: int) -> None:
            self.n += by
            moved.append(self.n)

    module = ModuleType("tqdm.notebook")
    module.tqdm = Bar  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tqdm.notebook", module)
    with progress.shown(True, 10, io.StringIO()) as display:
        display.picks(4, 10, 1.0)
        display.picks(10, 10, 0.5)
    assert moved == [4, 10]


def test_a_comparison_is_a_table_and_escapes_its_labels() -> None:
    X = np.random.default_rng(0).standard_normal((60, 3))
    labels = ["<b>bold</b>", "plain"] * 30
    found = pyuniform.compare(X, {"<i>mine</i>": np.arange(9)}, sources=labels, seeds=1)
    page = found._repr_html_()
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;bold" in page
    assert page.count("<tr>") == len(str(found).splitlines()) - 1  # the first is the caption
    assert len(repr(found)) < 200
