#include "pool/pool.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/unlocked.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

py::tuple pool_greedy(const Kernels& kernels, const Array<double>& values,
                      const Array<int64_t>& index, Array<double> distance2, Array<int32_t> nearest,
                      Array<int32_t> seen, double outside_score, int64_t outside_index,
                      int64_t limit, int threads, std::optional<Array<double>> factor,
                      double floor2, std::optional<Array<int32_t>> group,
                      std::optional<Array<int64_t>> left) {
  const int64_t size = index.size();
  limit = std::min(limit, size);
  py::array_t<int64_t> picked(limit);
  py::array_t<double> picked2(limit);
  const Pool pool = {values.data(),
                     values.shape(1),
                     size,
                     index.data(),
                     distance2.mutable_data(),
                     nearest.mutable_data(),
                     seen.mutable_data(),
                     factor ? factor->data() : nullptr,
                     floor2,
                     group ? group->data() : nullptr,
                     left ? left->mutable_data() : nullptr};
  int64_t *slots = picked.mutable_data(), count;
  double* radii2 = picked2.mutable_data();
  PoolStats stats;
  {
    Unlocked unlocked;
    count = greedy_pool(kernels, pool, {outside_score, outside_index}, limit, threads, slots,
                        radii2, &stats);
  }
  picked.resize({count});
  picked2.resize({count});
  return py::make_tuple(picked, picked2, stats.filter_pairs, stats.exact_pairs);
}

}  // namespace

void bind_pool(py::module_& m) {
  m.def("greedy_pool", &pool_greedy, py::arg("kernels"), py::arg("values"), py::arg("index"),
        py::arg("distance2"), py::arg("nearest"), py::arg("seen"), py::arg("outside_score"),
        py::arg("outside_index"), py::arg("limit"), py::arg("threads"),
        py::arg("factor") = std::nullopt, py::arg("floor2") = -1.0, py::arg("group") = std::nullopt,
        py::arg("left") = std::nullopt);
}

}  // namespace pyuniform::bindings
