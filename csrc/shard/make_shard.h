// The kinds of shards there are: which filter goes with which search for witnesses.
#pragma once

#include <memory>

#include "rows/matrix.h"
#include "shard/shard.h"

namespace pyuniform {

// What every shard is made of. The matrix must outlive the shard.
struct ShardRows {
  const Matrix& matrix;
  const Kernels& kernels;
  const double* center;  // Frame's, as the exponent is
  int exponent, threads;
};

// Orthonormal axes, count x d, along which rows are sketched; the first `scanned` are looked at for
// all picks. See Axes.
struct SketchAxes {
  const float* values;
  int64_t count, scanned;
};

// A float32 filter. With `axes`, which may be null, witnesses are searched by sketches.
std::unique_ptr<Shard> make_float_shard(const ShardRows& rows, const SketchAxes* axes);

// An int8 filter. With `axes`, which may be null, witnesses are searched by sketches.
std::unique_ptr<Shard> make_code_shard(const ShardRows& rows, const SketchAxes* axes);

// An int8 filter for rows on disk: upper bounds from codes park most rows, and only the others are
// read. Some rows of `sample`, which are in memory, are read at once.
std::unique_ptr<Shard> make_disk_shard(const ShardRows& rows, const Matrix& sample);

// Boxes, for rows of at most kBoxColumns columns.
std::unique_ptr<Shard> make_box_shard(const ShardRows& rows);

}  // namespace pyuniform
