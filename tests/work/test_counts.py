"""The gate against regressions that counts instead of timing."""

from __future__ import annotations

import counts
import pytest

# In either direction: a gain is worth a new file too. Where a case makes fewer than fifty rounds
# none may be added, and counts of pairs follow the data to the last one; other BLAS kernels find
# other axes for sketches, by their last bits.
TOLERANCE = 0.02


@pytest.fixture(scope="module")
def found() -> counts.Counts:
    return counts.measured()


@pytest.mark.parametrize("run", counts.committed())
def test_work_and_bytes_are_as_committed(found: counts.Counts, run: str) -> None:
    expected = counts.committed()[run]
    # Where the C library does not tell, bytes that are held are not compared.
    common = {name: value for name, value in found[run].items() if name in expected}
    assert set(expected) - set(common) <= {"held_bytes"}
    assert common == {name: pytest.approx(expected[name], rel=TOLERANCE) for name in common}, (
        "after a change that is meant: python tests/work/counts.py"
    )


def test_every_run_is_committed(found: counts.Counts) -> None:
    assert set(found) == set(counts.committed())
