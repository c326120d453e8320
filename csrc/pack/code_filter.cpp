#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/code_rows.h"
#include "codes/codes.h"
#include "pack/pick_filter.h"

namespace pyuniform {
namespace {

// Codes of one kind: those of all coordinates, or of a prefix.
class Stage {
 public:
  Stage(const Kernels& kernels, const Frame& frame, const FilterSize& size, const Prefix* prefix,
        const std::vector<float>& some)
      : kernels_(kernels),
        frame_(frame),
        prefix_(prefix),
        d_(size.d),
        columns_(prefix ? prefix->columns() : size.d),
        within2_(prefix ? size.within2 * prefix->stretch() * prefix->stretch() : size.within2),
        bounds_(balanced(some)),
        panels_(Codes::padded_columns(columns_)) {
    codes_.resize(size.places, columns_);
  }

  void set_row(int64_t place, const float* in_frame, double norm2) {
    std::vector<int8_t> values(columns_);
    const Code code = encode(in_frame, norm2, kernels_.row_codes, values.data());
    codes_.set(place, code, values.data(), columns_);
  }

  void add_pick(const float* in_frame, double norm2) {
    std::vector<int8_t> values(columns_);
    const Code code = encode(in_frame, norm2, kernels_.pick_codes, values.data());
    panels_.append(values.data(), columns_, code.scale, bounds_.half(code));
  }

  CodeRows rows(int64_t capacity) const {
    return CodeRows(kernels_, kernels_.code_tile, codes_.columns(), capacity);
  }

  void load(CodeRows& rows, int64_t slot, int64_t place) const {
    rows.load(slot, codes_, place);
    rows.limit[slot] = bounds_.limit(codes_[place], within2_);
  }

  const CodePanel& panel(int64_t p) const { return panels_[p]; }
  int64_t columns() const { return panels_.columns(); }

 private:
  Code encode(const float* in_frame, double norm2, const CodeLimits& limits, int8_t* values) const {
    if (!prefix_) return encode_row(kernels_, frame_, in_frame, norm2, d_, limits, values);
    std::vector<float> leading(prefix_->room());
    const double error = prefix_->project(in_frame, norm2, leading.data());
    Code code = encode_row(kernels_, frame_, leading.data(), norm2, columns_, limits, values);
    if (!std::isfinite(code.error)) return code;
    // Errors of the frame may be stretched.
    code.error = round_up(1.002 * code.error + error);
    return code;
  }

  CodeBounds balanced(const std::vector<float>& some) const {
    double errors = 0, count = 1e-30;
    std::vector<int8_t> values(columns_);
    for (size_t at = 0; at < some.size(); at += d_) {
      double norm2 = 0;
      for (int64_t j = 0; j < d_; ++j) norm2 += static_cast<double>(some[at + j]) * some[at + j];
      const Code code = encode(&some[at], norm2, kernels_.row_codes, values.data());
      if (!std::isfinite(code.error)) continue;
      errors += code.error;
      ++count;
    }
    return CodeBounds::balanced(errors / count, std::sqrt(within2_) + 1e-30);
  }

  const Kernels& kernels_;
  const Frame& frame_;
  const Prefix* const prefix_;
  const int64_t d_, columns_;
  const double within2_;
  const CodeBounds bounds_;
  Codes codes_;
  CodePanels panels_;
};

class CodeFilter final : public PickFilter {
 public:
  CodeFilter(const Kernels& kernels, const Frame& frame, const FilterSize& size,
             std::unique_ptr<Prefix> prefix, const std::vector<float>& some)
      : tile_rows_(kernels.tile_rows),
        prefix_(std::move(prefix)),
        whole_(kernels, frame, size, nullptr, some) {
    if (prefix_ && prefix_->is_sound())
      leading_ = std::make_unique<Stage>(kernels, frame, size, prefix_.get(), some);
  }

  void set_row(int64_t place, const float* in_frame, double norm2) override {
    whole_.set_row(place, in_frame, norm2);
    if (leading_) leading_->set_row(place, in_frame, norm2);
  }

  void add_pick(const float* in_frame, double norm2) override {
    whole_.add_pick(in_frame, norm2);
    if (leading_) leading_->add_pick(in_frame, norm2);
  }

  std::unique_ptr<RowsAbreast> abreast(int64_t capacity) const override {
    return std::make_unique<Abreast>(*this, capacity);
  }

 private:
  class Abreast final : public RowsAbreast {
   public:
    Abreast(const CodeFilter& filter, int64_t capacity)
        : whole_(filter.whole_),
          leading_(filter.leading_.get()),
          first_(leading_ ? *leading_ : whole_),
          tile_rows_(filter.tile_rows_),
          rows_(first_.rows(capacity)),
          gathered_(whole_.rows(tile_rows_)),
          places_(capacity),
          slots_(tile_rows_),
          found_(tile_rows_),
          value_(tile_rows_ * kPanel) {}

    void load(int64_t slot, int64_t place) override {
      first_.load(rows_, slot, place);
      places_[slot] = place;
    }

    void move(int64_t from, int64_t to) override {
      rows_.move(from, to);
      places_[to] = places_[from];
    }

    void scan(int64_t active, int64_t p, uint32_t* flags) override {
      for (int64_t at = 0; at < active; at += tile_rows_) {
        const int n = static_cast<int>(std::min<int64_t>(tile_rows_, active - at));
        rows_.scan(at, n, first_.panel(p), value_.data(), flags + at);
      }
      madds += active * kPanel * first_.columns();
      if (leading_) look_again(active, p, flags);
    }

   private:
    // At the rows that the prefix leaves, with all coordinates.
    void look_again(int64_t active, int64_t p, uint32_t* flags) {
      int count = 0;
      auto look = [&] {
        gathered_.scan(0, count, whole_.panel(p), value_.data(), found_.data());
        for (int r = 0; r < count; ++r) flags[slots_[r]] &= found_[r];
        madds += count * kPanel * whole_.columns();
        count = 0;
      };
      for (int64_t slot = 0; slot < active; ++slot) {
        if (!flags[slot]) continue;
        whole_.load(gathered_, count, places_[slot]);
        slots_[count++] = slot;
        if (count == tile_rows_) look();
      }
      if (count) look();
    }

    const Stage& whole_;
    const Stage* const leading_;
    const Stage& first_;  // of these
    const int tile_rows_;
    CodeRows rows_, gathered_;
    std::vector<int64_t> places_, slots_;
    std::vector<uint32_t> found_;
    std::vector<float> value_;
  };

  const int tile_rows_;
  const std::unique_ptr<Prefix> prefix_;
  Stage whole_;
  std::unique_ptr<Stage> leading_;  // the prefix, or null
};

}  // namespace

std::unique_ptr<PickFilter> make_code_filter(const Kernels& kernels, const Frame& frame,
                                             const FilterSize& size, std::unique_ptr<Prefix> prefix,
                                             const std::vector<float>& some) {
  return std::make_unique<CodeFilter>(kernels, frame, size, std::move(prefix), some);
}

}  // namespace pyuniform
