"""Texts of the pools: what installed packages say about themselves, and their columns."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

# Packages whose docstrings are read; the label of a text is the number of its package.
PACKAGES = ("numpy", "scipy", "sklearn", "torch", "pandas", "matplotlib")
# Shorter docstrings say nothing about where they are from.
LEAST_CHARACTERS = 80


@cache
def docstrings(
    most: int, d: int
) -> tuple[list[str], NDArray[np.int64], list[str], NDArray[np.float32]]:
    """Docstrings of installed packages, repeated ones too.

    Parameters
    ----------
    most : int
        Of a package: some of them, spread over all.
    d : int

    Returns
    -------
    texts : list of str
        Without the names of the packages.
    labels : ndarray of int64, shape (n,)
    versions : list of str
        Of the packages, such as "numpy 2.3.1".
    X : ndarray of float32, shape (n, d)
        Their columns.
    """
    texts, labels, versions = [], [], []
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        found = list(_docstrings_of(Path(spec.submodule_search_locations[0])))
        some = np.linspace(0, len(found) - 1, min(most, len(found))).astype(int)
        texts += [_anonymous(found[i]) for i in some]
        labels += [len(versions)] * len(some)
        distribution = {"sklearn": "scikit-learn"}.get(package, package)
        versions.append(f"{distribution} {version(distribution)}")
    return texts, np.array(labels), versions, columns(texts, d)


def _docstrings_of(folder: Path) -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(folder.rglob("*.py")):
        if "tests" in path.parts or "testing" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            text = ast.get_docstring(node) if isinstance(node, kinds) else None
            if text and len(text) >= LEAST_CHARACTERS:
                yield inspect.cleandoc(text)


def _anonymous(text: str) -> str:
    for package in (*PACKAGES, "np.", "scikit-learn", "plt.", "mpl", "pd."):
        text = text.replace(package, " ").replace(package.capitalize(), " ")
    return text


def columns(texts: Sequence[str], d: int) -> NDArray[np.float32]:
    """TF-IDF of words, its d leading axes, of unit length; zeros become the first axis."""
    counts = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=20_000).fit_transform(texts)
    X = TruncatedSVD(d, random_state=0).fit_transform(counts).astype(np.float32)
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    X[norms[:, 0] == 0, 0] = 1
    return X / np.where(norms == 0, 1, norms)
