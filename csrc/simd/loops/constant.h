// A number that a function's argument tells the compiler. std::integral_constant has functions that
// every source shares.
#pragma once

namespace pyuniform {
namespace {

template <int N>
struct Constant {
  constexpr operator int() const { return N; }
};

}  // namespace
}  // namespace pyuniform
