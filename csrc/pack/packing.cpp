#include "pack/packing.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "codes/code.h"
#include "core/thread_pool.h"

namespace pyuniform {
namespace {

// Rows that a thread takes through the picks together: as many as leave their codes in the
// second-level cache beside a panel.
constexpr int64_t kAbreast = 512;

// Rows of a block that are settled one by one.
constexpr int64_t kFew = 32;

// Some rows of the frame.
std::vector<float> some_rows(const Kernels& kernels, const Frame& frame, const Matrix& sample) {
  RowReader reader(sample, kernels);
  std::vector<float> in_frame(sample.d), some;
  for (int64_t i = 0; i < sample.n; i += std::max<int64_t>(1, sample.n / 128)) {
    if (sample.is_blank(i)) continue;
    reader.pack(i, frame, in_frame.data());
    some.insert(some.end(), in_frame.begin(), in_frame.end());
  }
  return some;
}

}  // namespace

// What a thread has of its own: rows abreast, and readers for what is decided in float64.
class Packing::Thread {
 public:
  explicit Thread(const Packing& packing)
      : packing_(packing),
        narrow_(packing.matrix_.dtype == DType::f32 && !packing.matrix_.unit),
        row_reader(packing.matrix_, packing.kernels_),
        pick_reader_(packing.matrix_, packing.kernels_),
        row_(padded(packing.matrix_.d)),
        pick_(padded(packing.matrix_.d)),
        in_frame(packing.matrix_.d),
        abreast(packing.filter_->abreast(kAbreast)),
        slots(kAbreast),
        flags(kAbreast + packing.kernels_.tile_rows) {}

  double distance2(int64_t row, int64_t pick) {
    ++exact_pairs;
    const int64_t anchors = packing_.anchors(), width = static_cast<int64_t>(row_.size());
    if (pick >= anchors && narrow_) {
      return packing_.kernels_.distance2_f32(
          reinterpret_cast<const float*>(row_reader.stored(row)),
          reinterpret_cast<const float*>(pick_reader_.stored(packing_.picked_[pick - anchors])),
          packing_.matrix_.d);
    }
    if (row != current_) row_reader.canonical(row, row_.data());
    current_ = row;
    const double* values = pick_.data();
    if (pick < anchors)
      values = &packing_.anchor_values_[pick * width];
    else
      pick_reader_.canonical(packing_.picked_[pick - anchors], pick_.data());
    return packing_.kernels_.distance2(row_.data(), values, width);
  }

 private:
  const Packing& packing_;
  const bool narrow_;

 public:
  RowReader row_reader;

 private:
  RowReader pick_reader_;
  std::vector<double> row_, pick_;
  int64_t current_ = -1;

 public:
  std::vector<float> in_frame;
  std::unique_ptr<RowsAbreast> abreast;
  std::vector<int32_t> slots;  // places of the rows abreast
  std::vector<uint32_t> flags;
  int64_t exact_pairs = 0, filter_pairs = 0;
};

Packing::Packing(const Kernels& kernels, const Matrix& matrix, const Matrix& sample,
                 const double* center, int exponent, int threads, bool codes,
                 std::unique_ptr<Prefix> prefix, bool cells, double within2, int64_t places)
    : kernels_(kernels),
      matrix_(matrix),
      frame_(center, matrix.d, exponent, matrix.unit),
      threads_(threads),
      within2_(within2),
      workers_(threads) {
  if (within2 < 0) return;  // no pick rules out anything
  if (cells) {
    // As frame_exponent has it.
    const double largest = matrix.unit ? 1 : std::ldexp(1.0, exponent + 40);
    cells_ = std::make_unique<Cells>(kernels, matrix.d, within2, largest);
    return;
  }
  const FilterSize size = {matrix.d, places, frame_.in_units(within2)};
  filter_ = codes ? make_code_filter(kernels, frame_, size, std::move(prefix),
                                     some_rows(kernels, frame_, sample))
                  : make_float_filter(kernels, frame_, size);
}

Packing::~Packing() = default;

Packing::Thread& Packing::thread(int slot) {
  if (!workers_[slot]) workers_[slot] = std::make_unique<Thread>(*this);
  return *workers_[slot];
}

void Packing::add_anchors(const double* values, int64_t count) {
  const int64_t d = matrix_.d, width = padded(d);
  std::vector<float> in_frame(d);
  std::vector<double> scratch(d);
  for (int64_t a = 0; a < count && cells_; ++a) cells_->add(values + a * width);
  for (int64_t a = 0; a < count && filter_; ++a) {
    // Canonical values of unit rows have been divided by their norms.
    const double norm2 = kernels_.pack(values + a * width, DType::f64, frame_.scale(1),
                                       frame_.center.data(), d, in_frame.data(), scratch.data());
    filter_->add_pick(in_frame.data(), norm2);
  }
  anchor_values_.insert(anchor_values_.end(), values, values + count * width);
}

void Packing::start(const int64_t* rows, int64_t count, const int32_t* group) {
  rows_.assign(rows, rows + count);
  by_.assign(count, kTaken);
  distance2_.assign(count, 0);
  scanned_ = 0;
  if (!group) return;
  group_.assign(group, group + count);
  for (int64_t place = 0; place < count; ++place)
    if (left_[group[place]] == 0) by_[place] = kGroupFull;
}

bool Packing::scan(double budget) {
  if (!filter_) return true;
  const int64_t size = static_cast<int64_t>(rows_.size());
  const double madds = static_cast<double>(matrix_.d) * static_cast<double>(4 + picks());
  const int64_t least = threads_ * 8 * kernels_.tile_rows;
  const int64_t end =
      std::min(size, scanned_ + std::max(least, static_cast<int64_t>(budget / madds)));
  const int threads =
      useful_threads(static_cast<double>((end - scanned_) * matrix_.d * 4), threads_);
  in_parallel(scanned_, end, even_step(end - scanned_, 1, threads), threads, [&](Share& share) {
    Thread& mine = thread(share.slot());
    for (const auto [from, to] : share) {
      for (int64_t place = from; place < to; ++place) {
        const double norm2 = mine.row_reader.pack(rows_[place], frame_, mine.in_frame.data());
        filter_->set_row(place, mine.in_frame.data(), norm2);
      }
    }
  });
  const std::vector<int32_t> places = open_places(scanned_, end);
  compare(places.data(), static_cast<int64_t>(places.size()), 0);
  scanned_ = end;
  return scanned_ == size;
}

// Rows of the block, each with the picks from the number `from` on, up to the first within reach.
void Packing::compare(const int32_t* places, int64_t count, int64_t from) {
  const int64_t all = picks();
  if (from == all || count == 0) return;
  const int64_t panels = (all + kPanel - 1) / kPanel, tile_rows = kernels_.tile_rows;
  const double madds =
      static_cast<double>(count) * static_cast<double>(matrix_.d) * static_cast<double>(all - from);
  const int threads = useful_threads(madds, threads_);
  const int64_t step = std::min(kAbreast, even_step(count, tile_rows, threads));
  in_parallel(0, count, step, threads, [&](Share& share) {
    Thread& mine = thread(share.slot());
    std::vector<int32_t>& slots = mine.slots;
    for (const auto [begin, end] : share) {
      int64_t active = 0;
      for (int64_t j = begin; j < end; ++j) {
        slots[active] = places[j];
        mine.abreast->load(active++, places[j]);
      }
      for (int64_t p = from / kPanel; p < panels && active > 0; ++p) {
        const uint32_t unmet = p == from / kPanel ? ~0u << from % kPanel : ~0u;
        const int64_t filled = std::min<int64_t>(kPanel, all - p * kPanel);
        bool ruled_out = false;
        mine.abreast->scan(active, p, mine.flags.data());
        mine.filter_pairs += active * filled;
        for (int64_t slot = 0; slot < active; ++slot) {
          const int32_t place = slots[slot];
          for (uint32_t bits = mine.flags[slot] & unmet; bits; bits &= bits - 1) {
            const int64_t pick = p * kPanel + __builtin_ctz(bits);
            const double distance2 = mine.distance2(rows_[place], pick);
            if (distance2 > within2_) continue;
            by_[place] = static_cast<int32_t>(pick);
            distance2_[place] = distance2;
            ruled_out = true;
            break;
          }
        }
        if (!ruled_out) continue;
        for (int64_t slot = active - 1; slot >= 0; --slot) {
          if (by_[slots[slot]] == kTaken || slot == --active) continue;
          slots[slot] = slots[active];
          mine.abreast->move(active, slot);
        }
      }
    }
  });
}

// Places from begin to end of rows that may yet be taken.
std::vector<int32_t> Packing::open_places(int64_t begin, int64_t end) const {
  std::vector<int32_t> places;
  for (int64_t place = begin; place < end; ++place)
    if (by_[place] == kTaken) places.push_back(static_cast<int32_t>(place));
  return places;
}

// Settles these rows, in order, which no pick made before rules out.
void Packing::settle_part(const int32_t* places, int64_t count) {
  const int64_t from = picks();
  if (count > kFew && filter_) {
    const int64_t half = count / 2;
    settle_part(places, half);
    compare(places + half, count - half, from);
    std::vector<int32_t> rest;
    std::copy_if(places + half, places + count, std::back_inserter(rest),
                 [&](int32_t place) { return by_[place] == kTaken; });
    settle_part(rest.data(), static_cast<int64_t>(rest.size()));
    return;
  }
  for (int64_t j = 0; j < count && picks() < most_; ++j) {
    const int32_t place = places[j];
    if (!rest_.empty() && rest_[group_[place]] == 0) continue;
    if (filter_) compare(&place, 1, from);
    if (by_[place] != kTaken) continue;
    if (!rest_.empty()) --rest_[group_[place]];
    add_pick(rows_[place]);
  }
}

// The same with cells, one row after the other.
void Packing::settle_in_cells(const int32_t* places, int64_t count) {
  RowReader reader(matrix_, kernels_);
  std::vector<double> values(padded(matrix_.d));
  for (int64_t j = 0; j < count && picks() < most_; ++j) {
    const int32_t place = places[j];
    if (!rest_.empty() && rest_[group_[place]] == 0) continue;
    reader.canonical(rows_[place], values.data());
    const int64_t first =
        cells_->first_within(values.data(), &distance2_[place], &stats_.exact_pairs);
    if (first >= 0) {
      by_[place] = static_cast<int32_t>(first);
      continue;
    }
    if (!rest_.empty()) --rest_[group_[place]];
    add_pick(rows_[place]);
  }
}

void Packing::add_rows(const int64_t* rows, int64_t count) {
  for (int64_t j = 0; j < count; ++j) add_pick(rows[j]);
}

void Packing::add_pick(int64_t row) {
  picked_.push_back(row);
  if (cells_) {
    RowReader reader(matrix_, kernels_);
    std::vector<double> values(padded(matrix_.d));
    reader.canonical(row, values.data());
    cells_->add(values.data());
  }
  if (!filter_) return;
  Thread& mine = thread(0);
  const double norm2 = mine.row_reader.pack(row, frame_, mine.in_frame.data());
  filter_->add_pick(mine.in_frame.data(), norm2);
}

void Packing::settle(int64_t most, int32_t* by, double* distance2) {
  const int64_t size = static_cast<int64_t>(rows_.size());
  const std::vector<int32_t> places = open_places(0, size);
  rest_ = left_;
  most_ = picks() + most;
  const int64_t count = static_cast<int64_t>(places.size());
  cells_ ? settle_in_cells(places.data(), count) : settle_part(places.data(), count);
  // A row that a pick rules out may find its group full, or come behind the last one taken.
  for (int64_t place = 0; place < size; ++place) {
    by[place] = by_[place];
    distance2[place] = distance2_[place];
    if (most == 0)
      by[place] = kUnread;
    else if (!left_.empty() && left_[group_[place]] == 0)
      by[place] = kGroupFull;
    else if (by_[place] == kTaken) {
      --most;
      if (!left_.empty()) --left_[group_[place]];
    }
  }
  count_work();
}

void Packing::found(int32_t* by, double* distance2) {
  if (cells_) {
    RowReader reader(matrix_, kernels_);
    std::vector<double> values(padded(matrix_.d));
    for (size_t place = 0; place < rows_.size(); ++place) {
      reader.canonical(rows_[place], values.data());
      by_[place] = static_cast<int32_t>(
          cells_->first_within(values.data(), &distance2_[place], &stats_.exact_pairs));
    }
  }
  std::copy(by_.begin(), by_.end(), by);
  std::copy(distance2_.begin(), distance2_.end(), distance2);
  count_work();
}

// Adds up the work of all threads.
void Packing::count_work() {
  for (const std::unique_ptr<Thread>& worker : workers_) {
    if (!worker) continue;
    stats_.filter_pairs += std::exchange(worker->filter_pairs, 0);
    stats_.filter_madds += std::exchange(worker->abreast->madds, 0);
    stats_.exact_pairs += std::exchange(worker->exact_pairs, 0);
  }
}

}  // namespace pyuniform
