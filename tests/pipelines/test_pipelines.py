from __future__ import annotations

import importlib
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import pyuniform
from pyuniform.pipelines import (
    SelectionSampler,
    rewrite_mds,
    rewrite_webdataset,
    select_dataset,
    torch_subset,
    write_uids,
)
from pyuniform.streaming.selector import StreamingSelector

RECIPES = Path(__file__).parents[2] / "docs" / "guide" / "pipelines.md"
X = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
SEL = pyuniform.select(X, 20, threads=1)

# What has to be installed for a recipe; tests/datasets.py hides the library of this name here.
NEEDS: dict[str, tuple[str, ...]] = {
    "Picks in files": (),
    "Records of the picks": (),
    "torch: sampler and subset": ("torch",),
    "torch: spread-out mini-batches": ("torch",),
    "Hugging Face datasets": ("datasets",),
    "DataComp subset file": (),
    "WebDataset shards": (),
    "MosaicML streaming shards": ("streaming",),
    "datatrove": ("datatrove", "orjson"),
    "Ray Data": ("ray",),
}


def recipes() -> dict[str, str]:
    sections = re.split(r"^## ", RECIPES.read_text(), flags=re.MULTILINE)
    return {
        section.splitlines()[0]: "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
        for section in sections
    }


def run_aside(code: str, folder: Path) -> None:
    """Runs code in a folder of its own, away from the modules of the tests."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    environment |= {"HF_HOME": str(folder / "hf"), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def installed(module: str) -> bool:
    # Elsewhere: beside the tests, datasets.py would be found.
    code = f"import importlib.util; raise SystemExit(not importlib.util.find_spec({module!r}))"
    return subprocess.run([sys.executable, "-c", code], cwd="/").returncode == 0


@pytest.mark.parametrize("title", NEEDS)
def test_recipe_runs(title: str, tmp_path: Path) -> None:
    found = recipes()
    beginning = next(iter(found))
    assert set(found) - {beginning} == set(NEEDS)
    if missing := [module for module in NEEDS[title] if not installed(module)]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    run_aside(found[beginning] + found[title], tmp_path)


def test_sampler() -> None:
    sampler = SelectionSampler(SEL)
    assert list(sampler) == SEL.indices.tolist()
    assert len(sampler) == 20
    shuffled = SelectionSampler(SEL, order="shuffled", seed=3)
    first = list(shuffled)
    assert first != SEL.indices.tolist()
    assert sorted(first) == sorted(SEL.indices)
    assert list(shuffled) == first
    shuffled.set_epoch(1)
    assert sorted(shuffled) == sorted(first)
    assert list(shuffled) != first
    assert list(SelectionSampler([5, 3])) == [5, 3]
    with pytest.raises(ValueError, match="order must be one of pick, shuffled, got 'source'"):
        SelectionSampler(SEL, order="source")
    with pytest.raises(ValueError, match="picks must be row numbers from 0"):
        SelectionSampler([-1])
    with pytest.raises(TypeError, match="seed must be an integer"):
        SelectionSampler(SEL, seed=None)  # type: ignore[arg-type]


def test_streamed_picks_are_picks() -> None:
    selector = StreamingSelector(7, buffer=40, threads=1)
    selector.update(X)
    result = selector.result()
    assert list(SelectionSampler(result)) == result.indices.tolist()


def test_torch_subset() -> None:
    pytest.importorskip("torch")
    items = [f"item {i}" for i in range(60)]
    subset = torch_subset(items, SEL)
    assert [subset[i] for i in range(len(subset))] == [items[i] for i in SEL.indices]
    with pytest.raises(ValueError, match="picks must be row numbers from 0 to 9"):
        torch_subset(items[:10], SEL)


class FakeDataset:
    def __len__(self) -> int:
        return 60

    def select(self, numbers: np.ndarray) -> list[int]:
        return numbers.tolist()


def test_select_dataset() -> None:
    assert select_dataset(FakeDataset(), SEL) == SEL.indices.tolist()
    assert select_dataset(FakeDataset(), SEL, order="source") == sorted(SEL.indices)
    with pytest.raises(ValueError, match="order must be one of pick, source"):
        select_dataset(FakeDataset(), SEL, order="sorted")
    with pytest.raises(ValueError, match="picks must be row numbers from 0 to 59, got 60"):
        select_dataset(FakeDataset(), [60])
    with pytest.raises(TypeError, match=r"must be a datasets\.Dataset, got generator"):
        select_dataset((i for i in range(3)), SEL)


def test_write_uids(tmp_path: Path) -> None:
    uids = [f"{i:032x}" for i in np.random.default_rng(0).permutation(300)]
    uids += ["ffffffffffffffff0000000000000000", "0000000000000001FFFFFFFFFFFFFFFF"]
    write_uids(tmp_path / "subset.npy", uids)
    pairs = np.load(tmp_path / "subset.npy")
    assert pairs.dtype == np.dtype([("f0", "u8"), ("f1", "u8")])
    assert [f"{high:016x}{low:016x}" for high, low in pairs.tolist()] == sorted(
        map(str.lower, uids)
    )
    write_uids(tmp_path / "again.npy", np.array(uids, dtype=object))
    assert (tmp_path / "again.npy").read_bytes() == (tmp_path / "subset.npy").read_bytes()
    (tmp_path / "again.npy").unlink()
    for ids, error, message in [
        (["0" * 31], ValueError, "32 hexadecimal digits, got '0000"),
        (["0x" + "0" * 30], ValueError, "32 hexadecimal digits"),
        ([7], TypeError, "ids must be strings, got 7"),
        (["0" * 32, "0" * 32], ValueError, "ids holds 0{32} more than once"),
    ]:
        with pytest.raises(error, match=message):
            write_uids(tmp_path / "bad.npy", ids)
    with pytest.raises(ValueError, match=r"path must end in \.npy"):
        write_uids(tmp_path / "subset.txt", uids)
    assert [path.name for path in tmp_path.iterdir()] == ["subset.npy"]


def make_shards(folder: Path, mode: str = "w", suffix: str = ".tar") -> list[Path]:
    """Five samples a shard, of one to three files of many sizes, and files of no sample."""
    rng = np.random.default_rng(1)
    paths = []
    for shard in range(3):
        paths.append(folder / f"in-{shard}{suffix}")
        with tarfile.open(paths[-1], mode) as tar:
            folder_info = tarfile.TarInfo("images")
            folder_info.type = tarfile.DIRTYPE
            tar.addfile(folder_info)
            for number in range(5 * shard, 5 * shard + 5):
                for extension in ("jpg", "json", "seg.png")[: number % 3 + 1]:
                    name = f"images/v1.0/{number:03d}.{extension}"
                    info = tarfile.TarInfo("x" * 120 + name if number == 7 else name)
                    content = rng.bytes(rng.integers(0, 2000))
                    info.size, info.mtime, info.mode = len(content), 1.25e9 + number, 0o640
                    tar.addfile(info, io.BytesIO(content))
            notes = tarfile.TarInfo("images/README")
            notes.size = 3
            tar.addfile(notes, io.BytesIO(b"abc"))
    return paths


def members(paths: list[Path]) -> list[tuple[str, int, int, bytes]]:
    found = []
    for path in paths:
        with tarfile.open(path) as tar:
            for info in tar:
                if info.isreg() and "." in Path(info.name).name:
                    content = tar.extractfile(info).read()
                    found.append((info.name, info.mtime, info.mode, content))
    return found


def number_of(name: str) -> int:
    return int(re.search(r"(\d{3})\.", name)[1])


@pytest.mark.parametrize(("mode", "suffix"), [("w", ".tar"), ("w:gz", ".tar.gz")])
def test_rewrite_webdataset(mode: str, suffix: str, tmp_path: Path) -> None:
    sources = make_shards(tmp_path, mode, suffix)
    chosen = [11, 0, 7, 8, 14, 3]
    out = tmp_path / "out"
    out.mkdir()
    paths = rewrite_webdataset(sources, out / "%04d.tar", indices=chosen, shard_size=4)
    assert paths == [out / "0000.tar", out / "0001.tar"]
    assert sorted(out.iterdir()) == paths
    expected = [m for m in members(sources) if number_of(m[0]) in chosen]
    assert members(paths) == expected
    assert {number_of(m[0]) for m in members(paths[:1])} == {0, 3, 7, 8}

    keys = [m[0].partition("/v1.0/")[0] + f"/v1.0/{number_of(m[0]):03d}" for m in expected]
    by_key = rewrite_webdataset(sources, out / "k%d.tar", keep_keys=keys, shard_size=100)
    assert members(by_key) == expected


WEBDATASET = """
import webdataset
from pyuniform.pipelines import rewrite_webdataset
def read(paths):
    return list(webdataset.WebDataset(paths, shardshuffle=False, empty_check=False))
sources = [f"in-{shard}.tar" for shard in range(3)]
samples = read(sources)
assert len(samples) == 15
again = read([str(p) for p in rewrite_webdataset(sources, "%06d.tar", indices=[2, 7, 12])])
for sample, number in zip(again, [2, 7, 12], strict=True):
    names = [name for name in sample if name not in ("__url__", "__local_path__")]
    assert "__key__" in names and len(names) == number % 3 + 2
    assert all(sample[name] == samples[number][name] for name in names)
"""


def test_samples_are_those_of_webdataset(tmp_path: Path) -> None:
    if not installed("webdataset"):
        pytest.skip("webdataset is not installed")
    make_shards(tmp_path)
    run_aside(WEBDATASET, tmp_path)


def test_rewriting_webdataset_is_all_or_nothing(tmp_path: Path) -> None:
    sources = make_shards(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(sources[2].read_bytes()[:2000])
    text = tmp_path / "text.tar"
    text.write_text("no tar file")
    pattern = out / "%06d.tar"
    cases = [
        (sources, {"indices": [1, 15]}, "1 samples are not in the shards: 15"),
        (sources, {"keep_keys": ["nobody"]}, "1 keys are not in the shards: 'nobody'"),
        ([*sources, sources[0]], {"keep_keys": ["images/v1.0/001"]}, "is in .*in-0.* and again"),
        ([*sources[:2], cut], {"indices": [1, 14]}, "cut.tar is not a whole tar file"),
        ([*sources, text], {"indices": [1]}, "text.tar is not a whole tar file"),
    ]
    for shards, options, message in cases:
        with pytest.raises(ValueError, match=message):
            rewrite_webdataset(shards, pattern, shard_size=1, **options)
        assert list(out.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        rewrite_webdataset([tmp_path / "none.tar"], pattern, indices=[0])
    assert list(out.iterdir()) == []


def test_bad_arguments_of_rewrite_webdataset(tmp_path: Path) -> None:
    sources = make_shards(tmp_path)
    bad = [
        ({}, ValueError, "give either indices or keep_keys"),
        ({"indices": [0], "keep_keys": ["a"]}, ValueError, "give either indices or keep_keys"),
        ({"indices": [0], "shard_size": 0}, ValueError, "shard_size must be at least 1, got 0"),
        ({"indices": [0], "shard_size": 1.5}, TypeError, "shard_size must be an integer"),
        ({"indices": [0.5]}, TypeError, "must be integers"),
        ({"keep_keys": "abc"}, TypeError, "keep_keys must be a list of keys"),
    ]
    for options, error, message in bad:
        with pytest.raises(error, match=message):
            rewrite_webdataset(sources, tmp_path / "%06d.tar", **options)
    for name in ("subset.tar", "%s.tar", "%d-%d.tar", "%d.zip"):
        with pytest.raises(ValueError, match=r"out_pattern must end like '%06d\.tar'"):
            rewrite_webdataset(sources, tmp_path / name, indices=[0])
    with pytest.raises(ValueError, match=r"that are there already, like in-0\.tar"):
        rewrite_webdataset(sources, tmp_path / "in-%d.tar", indices=[0])
    with pytest.raises(TypeError, match="shards must be a list of paths"):
        rewrite_webdataset(sources[0], tmp_path / "%06d.tar", indices=[0])  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        rewrite_webdataset(sources, tmp_path / "nowhere" / "%06d.tar", indices=[0])


def test_rewrite_mds_checks_first(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="out_dir is there already"):
        rewrite_mds(tmp_path, [0], tmp_path / "there")
    with pytest.raises(ValueError, match=r"source_dir has no index\.json"):
        rewrite_mds(tmp_path, [0], tmp_path / "out")
    with pytest.raises(ValueError, match="order must be one of pick, source"):
        rewrite_mds(tmp_path, [0], tmp_path / "out", order="random")
    if not installed("streaming"):
        (tmp_path / "index.json").write_text("{}")
        with pytest.raises(ValueError, match=r"pip install 'pyuniform\[mds\]'"):
            rewrite_mds(tmp_path, [0], tmp_path / "out")


MDS = """
import os, numpy as np, streaming
from pyuniform.pipelines import rewrite_mds
options = dict(columns={"a": "bytes", "b": "int", "c": "pkl"}, size_limit=600, hashes=["sha1"])
samples = [{"a": bytes(i), "b": i, "c": [i]} for i in range(90)]
with streaming.MDSWriter(out="in", **options) as writer:
    for sample in samples:
        writer.write(sample)
chosen = [89, 3, 50, 4, 0]
rewrite_mds("in", chosen, "pick")
rewrite_mds("in", chosen, "source", order="source")
with streaming.MDSWriter(out="expected", **options) as writer:
    for i in chosen:
        writer.write(samples[i])
for name in os.listdir("expected"):
    assert open(f"expected/{name}", "rb").read() == open(f"pick/{name}", "rb").read(), name
assert sorted(os.listdir(".")) == ["expected", "in", "pick", "source"]
assert [s["b"] for s in streaming.LocalDataset("source")] == sorted(chosen)
try:
    rewrite_mds("in", [90], "out")
except ValueError as error:
    assert "indices must be row numbers from 0 to 89" in str(error)
else:
    raise AssertionError("no error")
os.remove("in/shard.00001.mds")
try:
    rewrite_mds("in", chosen, "out")
except ValueError as error:
    assert "lacks shard.00001.mds" in str(error)
assert not os.path.exists("out")
"""


def test_rewrite_mds_writes_what_the_writer_would(tmp_path: Path) -> None:
    if not installed("streaming"):
        pytest.skip("mosaicml-streaming is not installed")
    run_aside(MDS, tmp_path)


def test_datatrove_step() -> None:
    if not installed("datatrove"):
        with pytest.raises(ValueError, match=r"pip install 'pyuniform\[datatrove\]'"):
            importlib.import_module("pyuniform.pipelines.datatrove")
        return
    code = """
import pickle
from datatrove.data import Document
from pyuniform.pipelines.datatrove import KeepSelected
step = pickle.loads(pickle.dumps(KeepSelected(["b", "c"])))
documents = [Document(text="", id=i) for i in "abcd"]
assert [d.id for d in step.run(iter(documents))] == ["b", "c"]
for wrong in ("bc", [1, 2]):
    try:
        KeepSelected(wrong)
    except TypeError as error:
        assert "ids must be" in str(error)
    else:
        raise AssertionError(wrong)
"""
    run_aside(code, Path("/"))


def test_pipelines_import_no_library_of_others() -> None:
    code = (
        "import sys, pyuniform.pipelines; assert not {'torch', 'datasets', 'webdataset', "
        "'streaming', 'datatrove', 'ray', 'pandas'} & set(sys.modules)"
    )
    run_aside(code, Path("/"))
