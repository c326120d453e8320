#include "pool/near_rows.h"

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/rows.h"
#include "bindings/unlocked.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

template <typename T>
py::array_t<T> as_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

// First rows, second rows and squared distances, or None if there are more than `most` pairs.
py::object find_near_rows(const Rows& rows, const Array<double>& center, int exponent,
                          int64_t begin, int64_t end, int64_t columns_begin, int64_t columns_end,
                          double floor2, int64_t most, int threads) {
  const Frame frame = make_frame(rows, center, exponent);
  NearRows found;
  bool all;
  {
    Unlocked unlocked;
    all = near_rows(rows.kernels, rows.matrix, frame, begin, end, columns_begin, columns_end,
                    floor2, most, threads, &found);
  }
  check_file(rows.matrix);
  if (!all) return py::none();
  return py::make_tuple(as_array(found.first), as_array(found.second), as_array(found.distance2));
}

}  // namespace

void bind_near_rows(py::module_& m) { m.def("near_rows", &find_near_rows); }

}  // namespace pyuniform::bindings
