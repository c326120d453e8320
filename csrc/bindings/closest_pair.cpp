#include "pool/closest_pair.h"

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/rows.h"
#include "bindings/unlocked.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

py::tuple find_closest_pair(const Rows& rows, const Array<double>& center, int exponent,
                            int64_t begin, int64_t end, int64_t columns_begin, int64_t columns_end,
                            int threads, double distance2, int64_t first, int64_t second) {
  const Frame frame = make_frame(rows, center, exponent);
  ClosestPair best = {distance2, first, second};
  {
    Unlocked unlocked;
    closest_pair(rows.kernels, rows.matrix, frame, begin, end, columns_begin, columns_end, threads,
                 &best);
  }
  check_file(rows.matrix);
  return py::make_tuple(best.distance2, best.first, best.second);
}

}  // namespace

void bind_closest_pair(py::module_& m) { m.def("closest_pair", &find_closest_pair); }

}  // namespace pyuniform::bindings
