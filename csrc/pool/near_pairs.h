// Which members of a pool are near each other.
#pragma once

#include <cstdint>
#include <vector>

#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/code_rows.h"
#include "pool/pool.h"
#include "rows/frame.h"

namespace pyuniform {

// For each two members a bit: whether one, once picked, may lower the distance of the other. The
// int8 filter answers that for all pairs at once, in a frame of the pool's own; what is left to the
// serial chain of picks is to compare a leader with the few picks near it.
class NearPairs {
 public:
  // Larger pools would make the bits, whose number grows with the square, too many.
  static constexpr int64_t kMost = 8192;

  // Bits are kept for places in `order`, members with the largest distance first.
  NearPairs(const Kernels& kernels, const Pool& pool, const std::vector<int64_t>& order,
            int threads);

  // The bits of one member, kPanel in a word.
  int64_t words() const { return words_; }
  uint32_t* row(int64_t place) { return &bits_[place * words_]; }

 private:
  // Encodes the members in parallel; `values` receives their codes too, d bytes each.
  void encode(const Kernels& kernels, const Pool& pool, const std::vector<int64_t>& order,
              const Frame& frame, int threads, CodeRows* rows, std::vector<int8_t>* values) const;

  // Compares each member with those that come later.
  void scan(const Kernels& kernels, const CodeRows& rows, const CodePanels& panels, int threads);

  // Copies the bits of later members to those of earlier ones.
  void make_symmetric();

  int64_t size_, words_;
  std::vector<uint32_t> bits_;
};

}  // namespace pyuniform
