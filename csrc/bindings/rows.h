// The rows of a matrix, for Python.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/arrays.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {

// A Matrix that keeps its arrays alive, and the kernels that everything on these rows uses.
class Rows {
 public:
  // Rows in memory.
  Rows(const Kernels& kernels, const py::array& data, const std::string& dtype);

  // Rows of which none is in memory yet; `unit` rows are divided by their norms.
  Rows(const Kernels& kernels, int64_t n, int64_t d, const std::string& dtype, bool unit);

  void set_norms(Array<double> norms);

  // From here on these rows, the first of which is row `first`, are the ones in memory.
  void hold(py::array data, int64_t first);

  // These rows may hold anything: they are never picked. Those of which that is found, here or by
  // whoever writes to `blank()`, are read as zeros.
  void let_pass(Array<bool> lenient);

  py::object blank() const;

  // From here on rows are read from files: (first row, open file, where it begins, stride) a part.
  void read_from(const std::vector<std::tuple<int64_t, int, int64_t, int64_t>>& parts);

  // Canonical values of some rows, zero-padded.
  py::array_t<double> canonical(const Array<int64_t>& rows) const;

  const Kernels& kernels;
  Matrix matrix;

 private:
  py::array data_;
  Array<double> norms_;
  Array<bool> lenient_, blank_;
  std::vector<char> zeros_;
  std::vector<FilePart> parts_;
};

// Throws if one of the rows could not be read from its file, now or in an earlier call.
void check_file(const Matrix& matrix);

// The frame of such rows.
Frame make_frame(const Rows& rows, const Array<double>& center, int exponent);

}  // namespace pyuniform::bindings
