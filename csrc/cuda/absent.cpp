// Stands in for the CUDA back-end in a build without it: the same names, which say so.
#include "core/ops.hpp"

namespace bitlens::cuda {
namespace {

[[noreturn]] void refuse() {
  throw std::runtime_error(
      "bitlens was built without CUDA: install it where nvcc is found (BITLENS_CUDA=ON makes its absence an "
      "error), or "
      "pass the tensor's .cpu()");
}

}  // namespace

template <class T>
void value_histograms(View<const T, 3>, double, double, View<std::int32_t, 3>, void*) {
  refuse();
}

template void value_histograms(View<const float, 3>, double, double, View<std::int32_t, 3>, void*);
template void value_histograms(View<const double, 3>, double, double, View<std::int32_t, 3>, void*);

void histogram_entropies(View<const std::int32_t, 3>, View<double, 2>, void*) { refuse(); }

void neighbor_scales(View<const double, 2>, View<double, 1>, void*) { refuse(); }
void neighbor_weights(View<const double, 2>, View<const double, 1>, View<double, 2>, void*) { refuse(); }
void edge_entropy(View<const double, 2>, View<const std::int32_t, 2>, View<const double, 1>, View<double, 2>,
                  View<double, 1>, void*) {
  refuse();
}

template <class T>
void distance_codes(View<const T, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*) {
  refuse();
}

template void distance_codes(View<const float, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);
template void distance_codes(View<const double, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);

void joint_counts(View<const std::uint8_t, 2>, View<const std::uint8_t, 2>, Index, View<Index, 3>, void*) {
  refuse();
}

void code_entropies(View<const std::uint8_t, 2>, View<const std::uint8_t, 2>, Index, View<double, 2>,
                    View<double, 1>, View<double, 1>, void*) {
  refuse();
}

const char* architectures() { return ""; }

}  // namespace bitlens::cuda
