// Stands in for the CUDA back-end in a build without it: the same names, which say so.
#include "core/ops.hpp"

namespace bitlens::cuda {
namespace {

[[noreturn]] void refuse() {
  throw std::runtime_error(
      "bitlens was built without CUDA: install it where nvcc is found (BITLENS_CUDA=ON makes its absence an "
      "error), or pass the tensor's .cpu()");
}

}  // namespace

// clang-format off: one operation a line
template <class T> void center_samples(View<const T, 2>, View<const double, 1>, double, View<float, 3>, View<double, 1>, void*) { refuse(); }
void dot_products(View<const float, 3>, View<const float, 3>, View<float, 2>, void*) { refuse(); }
void keep_nearest(View<const float, 2>, View<const float, 1>, Index, Index, Index, Candidates, void*) { refuse(); }
void cut_candidates(Index, Candidates, double, View<const double, 1>, Index, View<double, 2>, void*) { refuse(); }
template <class T> void exact_neighbors(View<const T, 2>, Candidates, double, View<const double, 1>, double, View<const double, 2>, Index, View<double, 2>, View<std::int32_t, 2>, void*) { refuse(); }
void neighbor_scales(View<const double, 2>, View<double, 1>, void*) { refuse(); }
void neighbor_weights(View<const double, 2>, View<const double, 1>, View<double, 2>, void*) { refuse(); }
void edge_entropy(View<const double, 2>, View<const std::int32_t, 2>, View<const double, 1>, View<double, 2>, View<double, 1>, void*) { refuse(); }
template <class T> void distance_codes(View<const T, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*) { refuse(); }
void joint_counts(View<const std::uint8_t, 2>, View<const std::uint8_t, 2>, Index, View<Index, 3>, void*) { refuse(); }
void code_entropies(View<const std::uint8_t, 2>, View<const std::uint8_t, 2>, Index, View<double, 2>, View<double, 1>, View<double, 1>, void*) { refuse(); }
template <class T> void value_histograms(View<const T, 3>, double, double, View<std::int32_t, 3>, void*) { refuse(); }
void histogram_entropies(View<const std::int32_t, 3>, View<double, 2>, void*) { refuse(); }
template <class T> void squared_distances(View<const T, 3>, View<double, 3>, void*) { refuse(); }
template <class T> void gram_spectrum(View<const T, 3>, View<double, 2>, View<double, 2>, void*) { refuse(); }
template <class T> void renyi_entropies(View<const T, 3>, View<const Index, 1>, View<const Index, 1>, View<const double, 1>, double, View<double, 1>, View<double, 2>, void*) { refuse(); }

template void center_samples(View<const float, 2>, View<const double, 1>, double, View<float, 3>, View<double, 1>, void*);
template void center_samples(View<const double, 2>, View<const double, 1>, double, View<float, 3>, View<double, 1>, void*);
template void exact_neighbors(View<const float, 2>, Candidates, double, View<const double, 1>, double, View<const double, 2>, Index, View<double, 2>, View<std::int32_t, 2>, void*);
template void exact_neighbors(View<const double, 2>, Candidates, double, View<const double, 1>, double, View<const double, 2>, Index, View<double, 2>, View<std::int32_t, 2>, void*);
template void distance_codes(View<const float, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);
template void distance_codes(View<const double, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);
template void value_histograms(View<const float, 3>, double, double, View<std::int32_t, 3>, void*);
template void value_histograms(View<const double, 3>, double, double, View<std::int32_t, 3>, void*);
template void squared_distances(View<const float, 3>, View<double, 3>, void*);
template void squared_distances(View<const double, 3>, View<double, 3>, void*);
template void gram_spectrum(View<const float, 3>, View<double, 2>, View<double, 2>, void*);
template void gram_spectrum(View<const double, 3>, View<double, 2>, View<double, 2>, void*);
template void renyi_entropies(View<const float, 3>, View<const Index, 1>, View<const Index, 1>, View<const double, 1>, double, View<double, 1>, View<double, 2>, void*);
template void renyi_entropies(View<const double, 3>, View<const Index, 1>, View<const Index, 1>, View<const double, 1>, double, View<double, 1>, View<double, 2>, void*);
// clang-format on

const char* architectures() { return ""; }

}  // namespace bitlens::cuda
