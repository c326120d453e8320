// The rows with the largest bounds, and the exact distance of each: where the filter hands over to
// float64.
#include <algorithm>
#include <mutex>

#include "core/thread_pool.h"
#include "rows/rounding.h"
#include "rows/row_block.h"
#include "shard/exact_distance.h"
#include "shard/shard.h"

namespace pyuniform {
namespace {

struct Entry {
  double score;
  int64_t row;
};

// The tie rule: larger score first, then lower row.
bool ahead(const Entry& a, const Entry& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

// The best `limit` entries; the best of the others may become *rest.
void keep_best(int64_t limit, std::vector<Entry>* entries, Entry* rest) {
  if (static_cast<int64_t>(entries->size()) <= limit) return;
  std::nth_element(entries->begin(), entries->begin() + limit, entries->end(), ahead);
  if (ahead((*entries)[limit], *rest)) *rest = (*entries)[limit];
  entries->resize(limit);
}

// What one thread has found.
struct Found {
  std::vector<Entry> best;
  Entry rest = {-1, std::numeric_limits<int64_t>::max()};

  void add(const Entry& entry, double rho, int64_t limit) {
    if (entry.score < rest.score) return;
    if (entry.score > rho) {
      best.push_back(entry);
      // At most twice what is wanted: those that cannot be among the best are dropped.
      if (static_cast<int64_t>(best.size()) >= 2 * limit) keep_best(limit, &best, &rest);
    } else if (entry.score >= 0 && ahead(entry, rest)) {
      rest = entry;
    }
  }
};

}  // namespace

int64_t Shard::candidates(double rho, int64_t limit, int64_t* rows, Outside* outside) {
  Found all;
  if (rho == listed_above_) {
    for (int32_t i : left_.above) all.add({score(i), i}, rho, limit);
    // What no other row exceeds, and the row that would win every tie: both are safe.
    all.add({left_.below > floor2_ ? left_.below : -1, 0}, rho, limit);
  } else {
    // With factors scores are no bounds, and boxes cannot be passed over.
    const bool by_boxes = boxes_ && !factor_;
    auto add_box = [&](int64_t box, Found* mine) {
      const double largest = boxes_->largest(box);
      if (largest <= rho) {
        // As above.
        mine->add({largest > floor2_ ? largest : -1, 0}, rho, limit);
        return;
      }
      boxes_->store(box, bound_.data(), nearest_.data());
      const int32_t* row = boxes_->rows(box);
      for (int64_t r = 0; r < boxes_->size(box); ++r)
        mine->add({score(row[r]), row[r]}, rho, limit);
    };
    const int64_t count = by_boxes ? boxes_->count() : matrix_.n;
    const int threads = useful_threads(10.0 * static_cast<double>(matrix_.n), threads_);
    std::mutex mutex;
    in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
      Found mine;
      for (const auto [from, to] : share) {
        for (int64_t i = from; i < to; ++i) {
          if (by_boxes)
            add_box(i, &mine);
          else
            mine.add({score(i), i}, rho, limit);
        }
      }
      std::lock_guard<std::mutex> lock(mutex);
      all.best.insert(all.best.end(), mine.best.begin(), mine.best.end());
      if (ahead(mine.rest, all.rest)) all.rest = mine.rest;
    });
  }
  keep_best(limit, &all.best, &all.rest);
  const int64_t count = static_cast<int64_t>(all.best.size());
  for (int64_t m = 0; m < count; ++m) rows[m] = all.best[m].row;
  settle(rows, count);
  *outside = {all.rest.score, all.rest.row};
  return count;
}

void Shard::settle(const int64_t* rows, int64_t count) {
  if (second_.empty()) return;  // what codes or boxes leave as bounds is exact
  std::vector<int64_t> open;
  int64_t exact_pairs = 0;
  std::mutex mutex;
  const int threads = threads_for_rows(count);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    RowReader reader(matrix_, kernels_);
    ExactDistance decider(matrix_, kernels_, canonical_picks_);
    std::vector<float> packed(matrix_.d);
    std::vector<int64_t> mine;
    int64_t pairs = 0;
    auto settle_row = [&](int64_t i) {
      // Settled already, or nothing seen yet, or nothing to gain.
      if (second_[i] == kSettled || nearest_[i] < 0 || bound_[i] <= 0) return;
      bound_[i] = decider.distance2(i, nearest_[i]);
      ++pairs;
      const double norm2 = reader.pack(i, frame_, packed.data());
      if (frame_.excludes(second_[i], norm2, frame_.in_units(bound_[i])))
        second_[i] = kSettled;
      else
        mine.push_back(i);
    };
    for (const auto [from, to] : share)
      for (int64_t m = from; m < to; ++m) settle_row(rows[m]);
    std::lock_guard<std::mutex> lock(mutex);
    open.insert(open.end(), mine.begin(), mine.end());
    exact_pairs += pairs;
  });
  stats_.exact_pairs += exact_pairs;
  stats_.float64_madds += exact_pairs * padded(matrix_.d);
  rescan(open);
}

// Looks at every seen pick again, in float64 where the filter cannot exclude it.
void Shard::rescan(const std::vector<int64_t>& rows) {
  const int64_t d = matrix_.d, count = static_cast<int64_t>(rows.size());
  const int tile_rows = kernels_.tile_rows;
  int64_t exact_pairs = 0, filter_pairs = 0;
  // Small groups share the panels they stream; what is left of a tile is shared out among threads.
  const int64_t group = std::max<int64_t>(
      tile_rows, std::min<int64_t>(8 * tile_rows, count / threads_ / tile_rows * tile_rows));
  const double madds = static_cast<double>(count) * static_cast<double>(picks() * d);
  std::mutex mutex;
  in_parallel(0, count, group, useful_threads(madds, threads_), [&](Share& share) {
    RowReader reader(matrix_, kernels_);
    RowBlock packed(group, d, tile_rows);
    ExactDistance decider(matrix_, kernels_, canonical_picks_);
    std::vector<double> lower(group);
    std::vector<float> limit(group + tile_rows), value(tile_rows * kPanel);
    std::vector<uint32_t> below(tile_rows);
    auto set_limit = [&](int64_t r, int64_t i) {
      // Above it, so that a bound equal to the distance is below the limit: ties matter.
      limit[r] = above(round_up((frame_.in_units(bound_[i]) - lower[r]) / 2));
    };
    int64_t exact = 0, filtered = 0;
    for (const auto [begin, end] : share) {
      const int64_t size = end - begin;
      for (int64_t r = 0; r < size; ++r) {
        const int64_t i = rows[begin + r];
        lower[r] = frame_.row_lower(reader.pack(i, frame_, packed.row(r)));
        set_limit(r, i);
      }
      for (int64_t p = 0; p < panels_.count(); ++p) {
        const Panel& panel = panels_[p];
        for (int64_t at = 0; at < size; at += tile_rows) {
          const int n = static_cast<int>(std::min<int64_t>(tile_rows, size - at));
          kernels_.tile(packed.row(at), packed.stride, n, panel.values.get(), panel.half_lower, d,
                        &limit[at], value.data(), below.data(), nullptr);
          for (int r = 0; r < n; ++r) {
            const int64_t i = rows[begin + at + r];
            for (uint32_t bits = below[r]; bits; bits &= bits - 1) {
              const int32_t c = static_cast<int32_t>(p * kPanel + __builtin_ctz(bits));
              if (c >= seen_[i] || c == nearest_[i]) continue;
              const double distance2 = decider.distance2(i, c);
              ++exact;
              if (distance2 > bound_[i] || (distance2 == bound_[i] && c > nearest_[i])) continue;
              bound_[i] = distance2;
              nearest_[i] = c;
              set_limit(at + r, i);
            }
          }
        }
        filtered += size * panels_.filled(p);
      }
      for (int64_t r = 0; r < size; ++r) second_[rows[begin + r]] = kSettled;
    }
    std::lock_guard<std::mutex> lock(mutex);
    exact_pairs += exact;
    filter_pairs += filtered;
  });
  stats_.rescanned += count;
  stats_.exact_pairs += exact_pairs;
  stats_.filter_pairs += filter_pairs;
  stats_.float32_madds += filter_pairs * d;
  stats_.float64_madds += exact_pairs * padded(d);
}

}  // namespace pyuniform
