"""Picked samples of MosaicML streaming shards (MDS), written as a new dataset.

Samples are copied byte for byte, nothing is decoded. Shards are written beside their place and
moved there when all of them are whole.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pyuniform._common.files import check_writable
from pyuniform._common.optional import need
from pyuniform._common.validate import row_numbers


def rewrite_mds(
    source_dir: str | os.PathLike[str],
    indices: Any,
    out_dir: str | os.PathLike[str],
    order: str = "pick",
) -> None:
    """Writes the picked samples of a MosaicML streaming dataset as a new one.

    Columns, compression, hashes and shard size are those of the source. `streaming` reads and
    writes; samples are neither decoded nor encoded on the way.

    Parameters
    ----------
    source_dir : path
        A local folder of uncompressed .mds shards with their index.json.
    indices : Selection, StreamedSelection or array_like of int
        Samples by number.
    out_dir : path
        A folder that does not exist yet.
    order : {"pick", "source"}

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; the shards are not there, or not MDS;
        mosaicml-streaming is not installed. Nothing has been written then.
    OSError
        A file cannot be read or written.
    """
    if order not in ("pick", "source"):
        raise ValueError(f"order must be one of pick, source, got {order!r}")
    source, out = Path(source_dir), Path(out_dir)
    if out.exists():
        raise ValueError(f"out_dir is there already: {out}")
    if not (source / "index.json").is_file():
        raise ValueError(f"source_dir has no index.json: {source}")
    check_writable(out)
    streaming = need("streaming", "mds", f"MDS shards in {source}")
    dataset = streaming.LocalDataset(str(source))
    numbers = row_numbers("indices", indices, len(dataset))
    if order == "source":
        numbers = np.sort(numbers)
    for shard in dataset.shards:
        if not hasattr(shard, "column_encodings"):
            raise ValueError(f"source_dir has shards that are not MDS: {source}")
        if not (source / shard.raw_data.basename).is_file():
            raise ValueError(f"source_dir lacks {shard.raw_data.basename}, uncompressed: {source}")

    class Copier(streaming.MDSWriter):  # type: ignore[name-defined]
        def encode_sample(self, sample: bytes) -> bytes:
            return sample

    first = dataset.shards[0]
    with tempfile.TemporaryDirectory(prefix=".rewrite-", dir=out.parent) as folder:
        with Copier(
            out=str(Path(folder) / "mds"),
            columns=dict(zip(first.column_names, first.column_encodings, strict=True)),
            compression=first.compression,
            hashes=first.hashes,
            size_limit=first.size_limit,
        ) as writer:
            for number in numbers.tolist():
                shard, within = dataset.spanner[number]
                writer.write(dataset.shards[shard].get_sample_data(within))
        os.rename(Path(folder) / "mds", out)
