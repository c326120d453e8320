#include "pack/pick_filter.h"

#include <algorithm>
#include <cmath>

namespace pyuniform {
namespace {

class CodeFilter final : public PickFilter {
 public:
  CodeFilter(const Kernels& kernels, const Frame& frame, int64_t d, int64_t places, double within2,
             double error)
      : kernels_(kernels),
        frame_(frame),
        d_(d),
        within2_(within2),
        bounds_(CodeBounds::balanced(error, std::sqrt(within2) + 1e-30)),
        panels_(Codes::padded_columns(d)) {
    codes_.resize(places, d);
  }

  void set_row(int64_t place, const float* in_frame, double norm2) override {
    std::vector<int8_t> values(d_);
    const Code code =
        encode_row(kernels_, frame_, in_frame, norm2, d_, kernels_.row_codes, values.data());
    codes_.set(place, code, values.data(), d_);
  }

  void add_pick(const float* in_frame, double norm2) override {
    std::vector<int8_t> values(d_);
    const Code code =
        encode_row(kernels_, frame_, in_frame, norm2, d_, kernels_.pick_codes, values.data());
    panels_.append(values.data(), d_, code.scale, bounds_.half(code));
  }

  std::unique_ptr<RowsAbreast> abreast(int64_t capacity) const override {
    return std::make_unique<Abreast>(*this, capacity);
  }

 private:
  class Abreast final : public RowsAbreast {
   public:
    Abreast(const CodeFilter& filter, int64_t capacity)
        : filter_(filter),
          rows_(filter.kernels_, filter.kernels_.code_tile, filter.codes_.columns(), capacity),
          value_(filter.kernels_.tile_rows * kPanel) {}

    void load(int64_t slot, int64_t place) override {
      rows_.load(slot, filter_.codes_, place);
      rows_.limit[slot] = filter_.bounds_.limit(filter_.codes_[place], filter_.within2_);
    }

    void move(int64_t from, int64_t to) override { rows_.move(from, to); }

    void scan(int64_t at, int n, int64_t p, uint32_t* flags) override {
      rows_.scan(at, n, filter_.panels_[p], value_.data(), flags);
    }

   private:
    const CodeFilter& filter_;
    CodeRows rows_;
    std::vector<float> value_;
  };

  const Kernels& kernels_;
  const Frame& frame_;
  const int64_t d_;
  const double within2_;
  const CodeBounds bounds_;
  Codes codes_;
  CodePanels panels_;
};

class FloatFilter final : public PickFilter {
 public:
  FloatFilter(const Kernels& kernels, const Frame& frame, int64_t d, int64_t places, double within2)
      : kernels_(kernels),
        frame_(frame),
        d_(d),
        within2_(within2),
        rows_(places, d, kernels.tile_rows),
        limit_(places),
        panels_(kernels, d) {}

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

    void scan(int64_t at, int n, int64_t p, uint32_t* flags) override {
      const Panel& panel = filter_.panels_[p];
      filter_.kernels_.tile(rows_.row(at), rows_.stride, n, panel.values.get(), panel.half_lower,
                            filter_.d_, &limit_[at], value_.data(), flags, nullptr);
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
  mutable RowBlock rows_;  // whose rows are handed out for writing
  std::vector<float> limit_;
  Panels panels_;
};

}  // namespace

std::unique_ptr<PickFilter> make_code_filter(const Kernels& kernels, const Frame& frame, int64_t d,
                                             int64_t places, double within2, double error) {
  return std::make_unique<CodeFilter>(kernels, frame, d, places, within2, error);
}

std::unique_ptr<PickFilter> make_float_filter(const Kernels& kernels, const Frame& frame, int64_t d,
                                              int64_t places, double within2) {
  return std::make_unique<FloatFilter>(kernels, frame, d, places, within2);
}

}  // namespace pyuniform
