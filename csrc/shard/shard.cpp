#include "shard/shard.h"

#include <algorithm>
#include <atomic>

#include "core/thread_pool.h"
#include "rows/row_reader.h"
#include "shard/code_block.h"
#include "shard/exact_distance.h"
#include "shard/far_block.h"
#include "shard/float_block.h"
#include "shard/sketch_block.h"

namespace pyuniform {

Shard::Shard(const Kernels& kernels, const Matrix& matrix, const Matrix& sample,
             const double* center, int exponent, int threads, bool codes, const float* axes,
             int64_t p, int64_t scanned, bool far, bool boxes)
    : kernels_(kernels),
      matrix_(matrix),
      frame_(center, matrix.d, exponent, matrix.unit),
      threads_(threads),
      canonical_picks_(matrix, codes || axes || boxes),
      panels_(kernels_, matrix.d),
      code_panels_(Codes::padded_columns(matrix.d)),
      pick_sketches_(p, scanned),
      coded_(codes),
      code_bounds_(CodeBounds::balanced(1, 1)),
      far_(far) {
  forget_blocks();
  const int touching = useful_threads(1e3 * static_cast<double>(matrix.n), threads);
  fill(&bound_, 0, matrix.n, std::numeric_limits<double>::infinity(), touching);
  fill(&nearest_, 0, matrix.n, -1, touching);
  fill(&seen_, 0, matrix.n, 0, touching);
  if (codes) {
    // Where witnesses are searched most rows never come to the filter.
    if (!axes) codes_.resize(matrix.n, matrix.d);
    code_bounds_ = sample_bounds(sample);
  } else if (boxes) {
    boxes_ = std::make_unique<Boxes>(matrix.d);
  } else {
    fill(&second_, 0, matrix.n, kSettled, touching);
  }
  if (axes) {
    axes_ = std::make_unique<Axes>(kernels_, axes, p, scanned, matrix.d);
    sketches_.resize(matrix.n, p);
  }
  if (axes || far) fill(&scanned_, 0, matrix.n, 0, touching);
}

// Distances are about as large as norms.
CodeBounds Shard::sample_bounds(const Matrix& sample) const {
  RowReader reader(sample, kernels_);
  std::vector<float> packed(matrix_.d);
  std::vector<int8_t> code(matrix_.d);
  double error = 0, norm = 1e-30;
  for (int64_t i = 0; i < sample.n; i += std::max<int64_t>(1, sample.n / 128)) {
    const double norm2 = reader.pack(i, frame_, packed.data());
    error += encode_row(kernels_, frame_, packed.data(), norm2, matrix_.d, kernels_.row_codes,
                        code.data())
                 .error;
    norm += std::sqrt(norm2);
  }
  return CodeBounds::balanced(error, norm);
}

void Shard::encode(int64_t i, const float* in_frame, double norm2, int8_t* values) {
  const Code code =
      encode_row(kernels_, frame_, in_frame, norm2, matrix_.d, kernels_.row_codes, values);
  codes_.set(i, code, values, matrix_.d);
}

void Shard::take_in(int64_t count) {
  const int64_t begin = taken_in_, end = std::min(matrix_.n, begin + count), d = matrix_.d;
  if (!second_.empty() && !axes_ && picks() > 1) {  // the filter looks at all picks together
    taken_in_ = end;
    return;
  }
  const int64_t step = kernels_.tile_rows;
  const int threads = useful_threads(static_cast<double>(end - begin) * madds_a_row(), threads_);
  in_parallel(begin, end, even_step(end - begin, step, threads), threads, [&](Share& share) {
    RowReader reader(matrix_, kernels_);
    ExactDistance decider(matrix_, kernels_, canonical_picks_);
    std::unique_ptr<Sketcher> sketcher;
    if (axes_) sketcher = std::make_unique<Sketcher>(kernels_, *axes_);
    std::vector<float> in_frame(d);
    std::vector<int8_t> code(std::max(d, axes_ ? axes_->count() : 0));
    auto take_in_tile = [&](int64_t at, int n) {
      for (int r = 0; r < n; ++r) {
        const int64_t i = at + r;
        if (bound_[i] >= 0) bound_[i] = decider.distance2(i, 0);
        if (codes_.empty() && !axes_) continue;
        const double norm2 = reader.pack(i, frame_, in_frame.data());
        if (axes_) sketcher->load(r, in_frame.data(), norm2);
        if (!codes_.empty()) encode(i, in_frame.data(), norm2, code.data());
      }
      if (!axes_) return;
      sketcher->project(n);
      for (int r = 0; r < n; ++r) {
        const Code sketch = sketcher->encode(r, kernels_.row_codes.levels, code.data());
        sketches_.set(at + r, sketch, code.data(), axes_->count());
      }
    };
    for (const auto [from, to] : share)
      for (int64_t at = from; at < to; at += step)
        take_in_tile(at, static_cast<int>(std::min(step, to - at)));
  });
  std::fill(nearest_.begin() + begin, nearest_.begin() + end, 0);
  std::fill(seen_.begin() + begin, seen_.begin() + end, 1);
  if (!scanned_.empty()) std::fill(scanned_.begin() + begin, scanned_.begin() + end, 1);
  stats_.exact_pairs += end - begin;
  stats_.float64_madds += (end - begin) * padded(d);
  if (axes_) stats_.int8_madds += (end - begin) * axes_->count() * d;
  if (boxes_) boxes_->add_rows(matrix_, kernels_, begin, end, threads_);
  taken_in_ = end;
}

void Shard::add_picks(const int64_t* rows, const double* values, int64_t count) {
  const int64_t width = padded(matrix_.d), d = matrix_.d, p = axes_ ? axes_->count() : 0;
  const int64_t group = 256, step = kernels_.tile_rows;
  RowBlock packed(std::min(group, count), d, kernels_.tile_rows);
  std::vector<double> norm2(group);
  std::vector<Code> code(group), sketch(group);
  std::vector<int8_t> code_values(has_codes() ? group * d : 0), sketch_values(group * p);
  for (int64_t begin = 0; begin < count; begin += group) {
    const int64_t size = std::min(group, count - begin);
    const int threads = useful_threads(static_cast<double>(size) * madds_a_row(), threads_);
    in_parallel(0, size, step, threads, [&](Share& share) {
      std::unique_ptr<Sketcher> sketcher;
      if (axes_) sketcher = std::make_unique<Sketcher>(kernels_, *axes_);
      for (const auto [at, end] : share) {
        const int n = static_cast<int>(end - at);
        for (int64_t c = at; c < end; ++c) {
          // Canonical values are divided by their norm already: the scale is that of a unit row.
          norm2[c] = kernels_.pack(values + (begin + c) * width, DType::f64, frame_.scale(1),
                                   frame_.center.data(), d, packed.row(c), nullptr);
          if (has_codes())
            code[c] = encode_row(kernels_, frame_, packed.row(c), norm2[c], d, kernels_.pick_codes,
                                 &code_values[c * d]);
          if (axes_) sketcher->load(static_cast<int>(c - at), packed.row(c), norm2[c]);
        }
        if (!axes_) continue;
        sketcher->project(n);
        for (int r = 0; r < n; ++r)
          sketch[at + r] =
              sketcher->encode(r, kernels_.pick_codes.levels, &sketch_values[(at + r) * p]);
      }
    });
    // Each list grows in order; much of the time the system hands out memory.
    auto keep_values = [&](int64_t c) {
      if (rows[begin + c] >= 0) bound_[rows[begin + c]] = -1;
      canonical_picks_.append(rows[begin + c], values + (begin + c) * width);
      if (boxes_) boxes_->add_pick(values + (begin + c) * width);
    };
    auto keep_filter = [&](int64_t c) {
      if (has_codes())
        code_panels_.append(&code_values[c * d], d, code[c].scale, code_bounds_.half(code[c]));
      else if (!boxes_)
        panels_.append(frame_, packed.row(c), norm2[c]);
      if (far_) pick_codes_.push_back(code[c]);
      if (axes_) pick_sketches_.append(sketch[c], &sketch_values[c * p]);
    };
    in_parallel(0, 2, 1, threads, [&](Share& share) {
      for (const auto [list, end] : share)
        for (int64_t c = 0; c < size; ++c) list == 0 ? keep_values(c) : keep_filter(c);
    });
  }
  if (axes_) stats_.int8_madds += count * p * d;
}

int64_t Shard::first_unsound(const bool* picked, int64_t begin, int64_t end) {
  const int32_t t = static_cast<int32_t>(picks());
  std::atomic<int64_t> first{matrix_.n};
  const int threads = threads_for_rows(end - begin);
  in_parallel(begin, end, even_step(end - begin, 1, threads), threads, [&](Share& share) {
    ExactDistance decider(matrix_, kernels_, canonical_picks_);
    auto sound = [&](int64_t i) {
      const double bound = bound_[i];
      const bool proven = nearest_[i] >= 0 || !far_;
      const int32_t nearest = proven ? nearest_[i] : CodedBlock::unproven(nearest_[i]);
      const bool scanned = scanned_.empty() || (scanned_[i] >= 0 && scanned_[i] <= t);
      if (seen_[i] < 0 || seen_[i] > t || !scanned) return false;
      if (picked[i]) return bound == -1;
      if (!(bound >= 0) || std::isinf(bound)) return false;
      if (nearest < 0 || nearest >= t) return false;
      const double distance2 = decider.distance2(i, nearest);
      const bool exact = proven && (second_.empty() || second_[i] == kSettled);
      return exact ? bound == distance2 : bound >= distance2;
    };
    for (const auto [from, to] : share) {
      int64_t i = from;
      while (i < to && i < first && sound(i)) ++i;
      int64_t known = first;
      while (i < to && i < known && !first.compare_exchange_weak(known, i)) {
      }
    }
  });
  return first < matrix_.n ? first.load() : -1;
}

void Shard::drop_codes() {
  std::vector<float> packed(matrix_.d);
  std::vector<double> scratch(padded(matrix_.d));
  RowReader reader(matrix_, kernels_);
  for (int64_t c = 0; c < picks(); ++c) {
    const double* values = canonical_picks_.doubles(c, reader, scratch.data());
    const double norm2 = kernels_.pack(values, DType::f64, frame_.scale(1), frame_.center.data(),
                                       matrix_.d, packed.data(), nullptr);
    panels_.append(frame_, packed.data(), norm2);
  }
  // What codes left as bounds is exact: nothing is in doubt.
  fill(&second_, 0, matrix_.n, kSettled, threads_);
  forget_blocks();
  codes_ = Codes();
  coded_ = false;
}

void Shard::drop_sketches() {
  axes_.reset();
  forget_blocks();
  sketches_ = Codes();
  if (!coded_) return;
  // From here on all rows come to the filter, and most of them often.
  codes_.resize(matrix_.n, matrix_.d);
  const int threads = useful_threads(static_cast<double>(matrix_.n) * madds_a_row(), threads_);
  in_parallel(0, matrix_.n, even_step(matrix_.n, 1, threads), threads, [&](Share& share) {
    RowReader reader(matrix_, kernels_);
    std::vector<float> in_frame(matrix_.d);
    std::vector<int8_t> values(matrix_.d);
    for (const auto [from, to] : share)
      for (int64_t i = from; i < to; ++i)
        encode(i, in_frame.data(), reader.pack(i, frame_, in_frame.data()), values.data());
  });
}

Block& Shard::block(Pass pass, int slot) {
  auto& blocks = pass == Pass::witness ? witness_blocks_ : filter_blocks_;
  std::unique_ptr<Block>& block = blocks[slot];
  if (block) return *block;
  float* second = second_.empty() ? nullptr : second_.data();
  if (pass == Pass::witness && far_)
    block = std::make_unique<FarBlock>(kernels_, frame_, code_bounds_, codes_, code_panels_,
                                       pick_codes_);
  else if (pass == Pass::witness)
    block = std::make_unique<SketchBlock>(matrix_, kernels_, frame_, sketches_, pick_sketches_,
                                          canonical_picks_, second);
  else if (has_codes())
    block = std::make_unique<CodeBlock>(matrix_, kernels_, frame_, code_bounds_, codes_,
                                        code_panels_, canonical_picks_);
  else
    block =
        std::make_unique<FloatBlock>(matrix_, kernels_, frame_, panels_, canonical_picks_, second);
  return *block;
}

double Shard::threshold(int64_t count) const {
  const int64_t step = std::max<int64_t>(1, matrix_.n >> 16);
  std::vector<double> sample;
  sample.reserve(matrix_.n / step + 1);
  for (int64_t i = 0; i < matrix_.n; i += step) sample.push_back(score(i));
  const int64_t rank = std::min<int64_t>(count / step, static_cast<int64_t>(sample.size()) - 1);
  if (rank == 0) return *std::max_element(sample.begin(), sample.end());
  std::nth_element(sample.begin(), sample.begin() + rank, sample.end(), std::greater<double>());
  return sample[rank];
}

void Shard::read(const int64_t* rows, int64_t count, double* values, double* distance2,
                 int32_t* nearest) {
  const int64_t width = padded(matrix_.d);
  const int threads = threads_for_rows(count);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    RowReader reader(matrix_, kernels_);
    for (const auto [from, to] : share) {
      for (int64_t m = from; m < to; ++m) {
        if (values) reader.canonical(rows[m], values + m * width);
        distance2[m] = bound_[rows[m]];
        nearest[m] = nearest_[rows[m]];
      }
    }
  });
}

void Shard::write(const int64_t* rows, int64_t count, const double* distance2,
                  const int32_t* nearest, const int32_t* seen) {
  for (int64_t m = 0; m < count; ++m) {
    if (seen[m] < 0) continue;  // picked: add_picks takes it out of the race
    bound_[rows[m]] = distance2[m];
    nearest_[rows[m]] = nearest[m];
    seen_[rows[m]] = seen[m];
    if (!scanned_.empty()) scanned_[rows[m]] = seen[m];
  }
}

}  // namespace pyuniform
