#include "rows/row_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace pyuniform {

RowReader::RowReader(const Matrix& matrix, const Kernels& kernels)
    : matrix_(matrix),
      kernels_(kernels),
      wide_(padded(matrix.d)),
      origin_(matrix.unit && !matrix.norm ? padded(matrix.d) : 0) {}

void RowReader::canonical(int64_t i, double* out) {
  widen(i, out);
  if (!matrix_.unit) return;
  const double norm = norm_of(i, out);
  for (int64_t j = 0; j < matrix_.d; ++j) out[j] /= norm;
}

double RowReader::pack(int64_t i, const Frame& frame, float* out) {
  if (matrix_.unit && !matrix_.norm) widen(i, wide_.data());
  const double scale = frame.scale(matrix_.unit ? norm_of(i, wide_.data()) : 1);
  return kernels_.pack(stored(i), matrix_.dtype, scale, frame.center.data(), matrix_.d, out,
                       wide_.data());
}

const char* RowReader::fetch(int64_t i) {
  at_ = i;
  fetched_.resize(matrix_.d * item_size(matrix_.dtype));
  const FilePart* end = matrix_.parts + matrix_.part_count;
  const FilePart& part =
      *(std::upper_bound(matrix_.parts, end, i,
                         [](int64_t row, const FilePart& part) { return row < part.first; }) -
        1);
  const int64_t begin = part.begin + (i - part.first) * part.stride;
  size_t done = 0;
  while (done < fetched_.size()) {
    const ssize_t got =
        pread(part.file, fetched_.data() + done, fetched_.size() - done, begin + done);
    if (got <= 0) {
      matrix_.file_failed = true;
      std::fill(fetched_.begin() + done, fetched_.end(), '\0');
      break;
    }
    done += got;
  }
  return fetched_.data();
}

void RowReader::widen(int64_t i, double* out) {
  kernels_.widen(stored(i), matrix_.dtype, matrix_.d, out);
  for (int64_t j = matrix_.d; j < padded(matrix_.d); ++j) out[j] = 0;
}

double RowReader::norm_of(int64_t i, const double* wide) const {
  if (matrix_.is_blank(i)) return 1;
  if (matrix_.norm) return matrix_.norm[i];
  return std::sqrt(kernels_.distance2(wide, origin_.data(), padded(matrix_.d)));
}

}  // namespace pyuniform
