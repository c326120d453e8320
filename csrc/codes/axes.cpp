#include "codes/axes.h"

#include <vector>

#include "codes/code.h"
#include "codes/codes.h"

namespace pyuniform {

Axes::Axes(const Kernels& kernels, const float* axes, int64_t p, int64_t scanned, int64_t d)
    : p_(p), scanned_(scanned), d_(d), panels_(Codes::padded_columns(d)) {
  std::vector<int8_t> code(d);
  for (int64_t a = 0; a < p; ++a) {
    const float* axis = axes + a * d;
    const float step = least_step(kernels, axis, d, kernels.pick_codes);
    const float scale =
        guess_code(kernels, axis, 1, d, kernels.pick_codes.levels, step, code.data());
    panels_.append(code.data(), d, scale, 0);
  }
}

}  // namespace pyuniform
