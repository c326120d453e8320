#include <algorithm>
#include <cstring>
#include <vector>

#include "pack/pick_filter.h"
#include "picks/panels.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"

namespace pyuniform {
namespace {

class FloatFilter final : public PickFilter {
 public:
  FloatFilter(const Kernels& kernels, const Frame& frame, const FilterSize& size)
      : kernels_(kernels),
        frame_(frame),
        d_(size.d),
        within2_(size.within2),
        rows_(size.places, size.d, kernels.tile_rows),
        limit_(size.places),
        panels_(kernels, size.d) {}

  void set_row(int64_t place, const float* in_frame, double norm2) override {
    std::memcpy(rows_.row(place), in_frame, d_ * sizeof(float));
    limit_[place] = above(round_up((within2_ - frame_.row_lower(norm2)) / 2));
  }

  void add_pick(const float* in_frame, double norm2) override {
    panels_.append(frame_, in_frame, norm2);
  }

  std::unique_ptr<RowsAbreast> abreast(int64_t capacity) const override {
    return std::make_unique<Abreast>(*this, capacity);
  }

 private:
  class Abreast final : public RowsAbreast {
   public:
    Abreast(const FloatFilter& filter, int64_t capacity)
        : filter_(filter),
          rows_(capacity, filter.d_, filter.kernels_.tile_rows),
          limit_(capacity + filter.kernels_.tile_rows),
          value_(filter.kernels_.tile_rows * kPanel) {}

    void load(int64_t slot, int64_t place) override {
      std::memcpy(rows_.row(slot), filter_.rows_.row(place), filter_.d_ * sizeof(float));
      limit_[slot] = filter_.limit_[place];
    }

    void move(int64_t from, int64_t to) override {
      std::memcpy(rows_.row(to), rows_.row(from), filter_.d_ * sizeof(float));
      limit_[to] = limit_[from];
    }

    void scan(int64_t active, int64_t p, uint32_t* flags) override {
      const Kernels& kernels = filter_.kernels_;
      const Panel& panel = filter_.panels_[p];
      for (int64_t at = 0; at < active; at += kernels.tile_rows) {
        const int n = static_cast<int>(std::min<int64_t>(kernels.tile_rows, active - at));
        kernels.tile(rows_.row(at), rows_.stride, n, panel.values.get(), panel.half_lower,
                     filter_.d_, &limit_[at], value_.data(), flags + at, nullptr);
      }
      madds += active * kPanel * filter_.d_;
    }

   private:
    const FloatFilter& filter_;
    RowBlock rows_;
    std::vector<float> limit_, value_;
  };

  const Kernels& kernels_;
  const Frame& frame_;
  const int64_t d_;
  const double within2_;
  mutable RowBlock rows_;  // which hands out its rows for writing
  std::vector<float> limit_;
  Panels panels_;
};

}  // namespace

std::unique_ptr<PickFilter> make_float_filter(const Kernels& kernels, const Frame& frame,
                                              const FilterSize& size) {
  return std::make_unique<FloatFilter>(kernels, frame, size);
}

}  // namespace pyuniform
