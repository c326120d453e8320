// The rows as the user stores them: in memory, or in parts of files.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/dtype.h"

namespace pyuniform {

// Where rows on disk lie: row `first`, and those after it up to the next part, from `begin` on in
// an open file, `stride` bytes apart.
struct FilePart {
  int64_t first;
  int file;
  int64_t begin, stride;
};

// n rows of d values as the user stores them. Values within a row are contiguous; rows in memory
// lie `row_stride` bytes apart.
struct Matrix {
  int64_t n, d;
  DType dtype;
  bool unit;           // rows are divided by their Euclidean norms, for the cosine metric
  const double* norm;  // these norms, or null: then they are computed when they are needed

  // The rows in memory, from `first` on: all of them, or, where rows stay on disk, those of the
  // block that is being read, or none.
  const char* data;
  int64_t row_stride, first, held;

  // By `first`; none if all rows are in memory.
  const FilePart* parts = nullptr;
  int64_t part_count = 0;

  // Set when a file ended early or could not be read. Rows of which that is so are zeros: whoever
  // had some read looks here. It stays set, since they may have been taken for what they are not.
  mutable std::atomic<bool> file_failed{false};

  // Of each row whether it may hold anything, since it is never picked, or null: none may; whether
  // that was found of it, and it is read as the zeros of `zeros`.
  const bool* lenient = nullptr;
  bool* blank = nullptr;
  const char* zeros = nullptr;

  bool is_blank(int64_t i) const { return blank && blank[i]; }
  bool holds(int64_t i) const { return i >= first && i < first + held; }
  const char* row(int64_t i) const { return data + (i - first) * row_stride; }
};

}  // namespace pyuniform
