"""TF-IDF and truncated SVD, by scikit-learn: no model is needed but the texts themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pyuniform._common.optional import need
from pyuniform._common.validate import integer_within
from pyuniform.embed.models.protocol import Options, Told, without_known, words
from pyuniform.embed.models.saved import FittedTfidf, load_tfidf

TFIDF = "tfidf"
DIM = 256
# The most frequent ones: the rarest hardly weigh in the leading dimensions.
MOST_WORDS = 100_000
_ITERATIONS = 5
# Rows of the TF-IDF matrix have length 1. A shorter rest of one is rounding.
_NOTHING = 1e-6


class TfidfEmbedder:
    """Rows of the TF-IDF matrix, projected onto its leading right singular vectors [1]_.

    Words are lower-cased, a word's weight is (1 + ln tf) (1 + ln((1 + N) / (1 + df))), and rows are
    scaled to length 1 before the projection. The singular vectors are found by subspace iteration
    from a fixed seed on one thread, so that neither chance nor the number of threads plays a part.

    References
    ----------
    .. [1] S. Deerwester, S. T. Dumais, G. W. Furnas, T. K. Landauer, R. Harshman, "Indexing by
       latent semantic analysis", JASIS 41 (1990).
    """

    options: tuple[str, ...] = ("dim",)
    chunk = 1024
    # Another machine's arithmetic may turn the singular vectors of near equal values.
    resumable = False
    fitted: FittedTfidf

    def __init__(self, model: str, options: Options) -> None:
        need("sklearn", "tfidf", f"model {model}")
        self._asked = None if options.dim is None else integer_within("dim", options.dim, 1)
        self.settings: dict[str, Any] = {"model": TFIDF}

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the fitted model."""
        return self.fitted.fingerprint if hasattr(self, "fitted") else None

    def fit(self, texts: Iterable[str], name: str, unknown: Told) -> None:
        """Finds words, their weights, and the directions in which rows differ most."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.utils.extmath import randomized_svd

        vectorizer = TfidfVectorizer(
            analyzer=_lower_words, max_features=MOST_WORDS, sublinear_tf=True
        )
        try:
            matrix = vectorizer.fit_transform(texts)
        except ValueError as error:
            if "empty vocabulary" not in str(error):
                raise
            raise ValueError(f"{name} has no text with a word in it") from None
        unknown(np.flatnonzero(np.diff(matrix.indptr) == 0))
        most = min(matrix.shape)
        if self._asked is not None and self._asked > most:
            raise ValueError(
                f"dim must be from 1 to {most}, as {name} has {matrix.shape[0]} texts and "
                f"{matrix.shape[1]} words, got {self._asked}"
            )
        dim = self._asked or min(DIM, most)
        with threadpool_limits(1):
            _, _, right = randomized_svd(matrix, dim, n_iter=_ITERATIONS, random_state=0)
        words = vectorizer.get_feature_names_out().tolist()
        self._take(FittedTfidf(words, vectorizer.idf_, right.T))

    def _take(self, fitted: FittedTfidf) -> None:
        import sklearn
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.fitted, self.dim = fitted, fitted.directions.shape[1]
        # Not the one that was fitted: so that a saved model gives the same rows to the last bit.
        self._vectorizer = TfidfVectorizer(
            analyzer=_lower_words, vocabulary=fitted.words, sublinear_tf=True
        )
        self._vectorizer.idf_ = fitted.idf
        self.settings |= {"words": len(fitted.words), "scikit-learn": sklearn.__version__}

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """The texts' rows of the matrix, projected."""
        rows = self._vectorizer.transform(texts) @ self.fitted.directions
        rows[np.linalg.norm(rows, axis=1) < _NOTHING] = 0
        return rows.astype(np.float32)


class SavedTfidfEmbedder(TfidfEmbedder):
    """The same, by a model that was fitted before and saved: ``tfidf:PATH``."""

    options = ()

    def __init__(self, model: str, options: Options) -> None:
        super().__init__(model, options)
        self._take(load_tfidf(model.partition(":")[2]))

    def fit(self, texts: Iterable[str], name: str, unknown: Told) -> None:
        """Looks for texts without a word of the model; it stays as it is."""
        known = set(self.fitted.words)
        unknown(without_known(texts, lambda text: not known.isdisjoint(_lower_words(text))))


def _lower_words(text: str) -> list[str]:
    return words(text.lower())
