// The rows with the largest scores above a threshold, and the best of all others.
#pragma once

#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

#include "core/thread_pool.h"

namespace pyuniform {

struct ScoredRow {
  double score;
  int64_t row;

  // The tie rule: larger score first, then lower row.
  bool before(const ScoredRow& other) const {
    return score != other.score ? score > other.score : row < other.row;
  }
};

class BestRows {
 public:
  // Of rows above rho the best `limit`.
  BestRows(double rho, int64_t limit) : rho_(rho), limit_(limit) {}

  void offer(const ScoredRow& entry) {
    if (entry.score < rest_.score) return;
    if (entry.score > rho_) {
      best_.push_back(entry);
      // At most twice what is wanted: those that cannot be among the best are dropped.
      if (static_cast<int64_t>(best_.size()) >= 2 * limit_) drop_others();
    } else if (entry.score >= 0 && entry.before(rest_)) {
      rest_ = entry;
    }
  }

  // Offers rows that are not known one by one, none of which scores more. The lowest row would win
  // every tie, and both are safe to assume.
  void offer_rest(double score) { offer({score, 0}); }

  // Calls offer(i, some) for each place i of n on several threads, and takes what `some` keep.
  template <typename Offer>
  void offer_in_parallel(int64_t n, int threads, Offer offer) {
    std::mutex mutex;
    in_parallel(0, n, even_step(n, 1, threads), threads, [&](Share& share) {
      BestRows mine(rho_, limit_);
      for (const auto [from, to] : share)
        for (int64_t i = from; i < to; ++i) offer(i, &mine);
      std::lock_guard<std::mutex> lock(mutex);
      take(mine);
    });
  }

  // The best rows, in no particular order; to be called when all have been offered.
  const std::vector<ScoredRow>& best() {
    drop_others();
    return best_;
  }

  // After `best`: the best of the others, or the score -1.
  const ScoredRow& rest() const { return rest_; }

 private:
  void take(const BestRows& other);
  void drop_others();

  const double rho_;
  const int64_t limit_;
  std::vector<ScoredRow> best_;
  ScoredRow rest_ = {-1, std::numeric_limits<int64_t>::max()};
};

}  // namespace pyuniform
