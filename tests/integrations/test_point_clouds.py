"""Drop-ins of point cloud libraries: every cloud's picks are those of the reference."""

from __future__ import annotations

import numpy as np
import pytest

from pyuniform import reference
from pyuniform.integrations.pytorch3d import sample_farthest_points
from pyuniform.integrations.torch_cluster import fps

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("d", [1, 3, 11])
def test_fps_picks_in_each_cloud(d: int) -> None:
    sizes = [7, 1, 20, 5]
    x = RNG.integers(-3, 4, (33, d)).astype(np.float32)
    batch = torch.repeat_interleave(torch.arange(4), torch.tensor(sizes))
    wanted, begin = [], 0
    for size in sizes:
        k = int(np.ceil(0.3 * size))
        wanted += (reference.farthest_first(x[begin : begin + size], k)[0] + begin).tolist()
        begin += size
    found = fps(torch.from_numpy(x), batch, ratio=0.3, random_start=False)
    assert found.dtype == torch.int64
    assert found.tolist() == wanted
    ptr = [0, 7, 8, 28, 33]
    assert fps(torch.from_numpy(x), ptr=ptr, ratio=0.3, random_start=False).tolist() == wanted
    of_each = torch.tensor([1.0, 1.0, 0.05, 0.2])
    some = fps(torch.from_numpy(x), batch, ratio=of_each, random_start=False)
    assert torch.bincount(batch[some]).tolist() == [7, 1, 1, 1]


def test_fps_as_torch_cluster_documents_it() -> None:
    x = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    batch = torch.tensor([0, 0, 0, 0])
    index = fps(x, batch, ratio=0.5, random_start=False)
    assert index.tolist() == [0, 3]
    torch.manual_seed(0)
    starts = {fps(x, batch, 0.25).item() for _ in range(30)}
    assert starts == {0, 1, 2, 3}
    assert fps(x[:, 0], ratio=0.5, random_start=False).tolist() == [0, 2]
    assert fps(x[:0], ratio=0.5).tolist() == []
    # 0.1 times 30 is a little more than 3 in float64, and is not in the points' precision.
    assert len(fps(torch.rand(30, 2), ratio=0.1)) == 3


def test_fps_as_torch_cluster_picks() -> None:
    peer = pytest.importorskip("torch_cluster")
    x = torch.from_numpy(RNG.standard_normal((500, 3)).astype(np.float32))
    batch = torch.arange(500) // 125
    wanted = peer.fps(x, batch, ratio=0.2, random_start=False)
    assert fps(x, batch, ratio=0.2, random_start=False).tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": torch.tensor([1, 0, 0])}, "batch must ascend"),
        ({"batch": torch.tensor([0, 0])}, "batch must have shape"),
        ({"ratio": 0.0}, "ratio must be above 0"),
        ({"ptr": [0, 2]}, "ptr must ascend from 0 to 3"),
        ({"ratio": torch.ones(2)}, "ratio must be one number or 1"),
    ],
)
def test_what_fps_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fps(torch.ones(3, 2), **arguments)


@pytest.mark.parametrize("d", [3, 11])
def test_sample_farthest_points_of_clouds_of_all_sizes(d: int) -> None:
    points = torch.from_numpy(RNG.standard_normal((3, 12, d)).astype(np.float32))
    lengths, wanted = torch.tensor([12, 4, 9]), [5, 6, 2]
    points[1, 4:] = torch.nan  # padding may hold anything
    selected, indices = sample_farthest_points(points, lengths, K=wanted)
    assert selected.shape == (3, 6, d)
    for n, (size, k) in enumerate(zip(lengths.tolist(), wanted, strict=True)):
        k = min(k, size)
        picks, _ = reference.farthest_first(points[n, :size].numpy(), k)
        assert indices[n].tolist() == picks.tolist() + [-1] * (6 - k)
        np.testing.assert_array_equal(selected[n, :k], points[n, picks])
        assert (selected[n, k:] == 0).all()


def test_sample_farthest_points_lets_gradients_flow() -> None:
    points = torch.randn(2, 8, 3, requires_grad=True)
    selected, indices = sample_farthest_points(points, K=3)
    selected.sum().backward()
    assert points.grad is not None
    assert points.grad.sum() == 2 * 3 * 3
    assert (indices[:, 0] == 0).all()
    torch.manual_seed(0)
    starts = {
        sample_farthest_points(points, K=1, random_start_point=True)[1][0, 0].item()
        for _ in range(40)
    }
    assert len(starts) > 4


def test_sample_farthest_points_as_pytorch3d_picks() -> None:
    peer = pytest.importorskip("pytorch3d.ops")
    points = torch.from_numpy(RNG.standard_normal((4, 200, 3)).astype(np.float32))
    lengths = torch.tensor([200, 150, 80, 9])
    selected, indices = peer.sample_farthest_points(points, lengths, K=20)
    ours, picks = sample_farthest_points(points, lengths, K=20)
    assert torch.equal(picks, indices)
    assert torch.equal(ours, selected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lengths": torch.tensor([4])}, "one number for each of 2 clouds"),
        ({"lengths": torch.tensor([5, 4])}, "lengths must be from 1 to 4"),
        ({"K": [0, 1]}, "K must be at least 1"),
    ],
)
def test_what_sample_farthest_points_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_farthest_points(torch.ones(2, 4, 3), **arguments)
