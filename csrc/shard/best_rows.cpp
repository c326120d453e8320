#include "shard/best_rows.h"

#include <algorithm>

namespace pyuniform {

void BestRows::take(const BestRows& other) {
  best_.insert(best_.end(), other.best_.begin(), other.best_.end());
  if (other.rest_.before(rest_)) rest_ = other.rest_;
}

void BestRows::drop_others() {
  if (static_cast<int64_t>(best_.size()) <= limit_) return;
  std::nth_element(best_.begin(), best_.begin() + limit_, best_.end(),
                   [](const ScoredRow& a, const ScoredRow& b) { return a.before(b); });
  if (best_[limit_].before(rest_)) rest_ = best_[limit_];
  best_.resize(limit_);
}

}  // namespace pyuniform
