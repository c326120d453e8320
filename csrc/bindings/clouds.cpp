#include "clouds/clouds.h"

#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/rows.h"
#include "bindings/unlocked.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

Clouds clouds_of(const Rows& rows, const std::optional<Array<int64_t>>& members,
                 const Array<int64_t>& first, const Array<int64_t>& size) {
  if (first.size() != size.size()) throw std::invalid_argument("one size a cloud");
  return {rows.matrix, members ? members->data() : nullptr, first.data(), size.data()};
}

py::tuple scan(const Rows& rows, const std::optional<Array<int64_t>>& members,
               const Array<int64_t>& first, const Array<int64_t>& size, int threads) {
  const Clouds clouds = clouds_of(rows, members, first, size);
  const int64_t count = size.size();
  CloudScan found;
  {
    Unlocked unlocked;
    found = scan_clouds(rows.kernels, clouds, count, threads);
  }
  return py::make_tuple(found.max_abs, found.cloud, found.point);
}

py::tuple pick(const Rows& rows, const std::optional<Array<int64_t>>& members,
               const Array<int64_t>& first, const Array<int64_t>& size, int64_t begin, int64_t end,
               const Array<int64_t>& start, const Array<int64_t>& count,
               const Array<int64_t>& place, Array<int64_t> indices, Array<double> radii2,
               int threads) {
  const Clouds clouds = clouds_of(rows, members, first, size);
  const WantedPicks wanted = {start.data(), count.data(), place.data(), indices.mutable_data(),
                              radii2.mutable_data()};
  CloudStats stats;
  {
    Unlocked unlocked;
    stats = pick_clouds(rows.kernels, clouds, begin, end, wanted, threads);
  }
  return py::make_tuple(stats.pairs, stats.box_pairs);
}

}  // namespace

void bind_clouds(py::module_& m) {
  m.def("scan_clouds", &scan, py::arg("rows"), py::arg("members"), py::arg("first"),
        py::arg("size"), py::arg("threads"));
  m.def("pick_clouds", &pick, py::arg("rows"), py::arg("members"), py::arg("first"),
        py::arg("size"), py::arg("begin"), py::arg("end"), py::arg("start"), py::arg("count"),
        py::arg("out"), py::arg("indices"), py::arg("radii2"), py::arg("threads"));
}

}  // namespace pyuniform::bindings
