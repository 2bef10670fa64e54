// Matrix-based Renyi entropies of products of Gaussian kernels (Yu et al. 2018, eq. 3).
#pragma once

#include "core/ops/spectra.hpp"

namespace bitlens {

// Set s is the channels members[starts[s]] to members[starts[s + 1] - 1]. Its matrix is
// A = exp(-sum_m weights[m] squared_distances[members[m]]) / n, of trace 1, and its entropy
// log2(tr A^alpha) / (1 - alpha) bits or, for alpha = 1, -tr(A log2 A). Errors are below 1e-9 bits; for float
// and n up to 512 they are below 2e-6 bits. Below alpha = 1 the kernel is built in float64 whatever T is, and
// eigenvalues below discarded_share() of the largest are left out, of which the errors above say nothing: at
// most n - kept of them are not 0. If all samples are equal, the entropy is 0; a NaN distance makes it NaN.
template <class T>
struct RenyiEntropies {
  View<const T, 3> squared_distances;  // [channels, n, n], symmetric, zero diagonals, n >= 1
  View<const Index, 1> starts;         // [sets + 1], ascending from 0 to `total`; every set has a member
  View<const Index, 1> members;        // [total], channels
  View<const double, 1> weights;       // [total], one for each member, finite, not negative
  double alpha;                        // order, above 0
  View<double, 1> entropies;           // [sets], out, 0 to log2(n) bits
  View<double, 1> kept;                // [sets], out, eigenvalues that count: n unless alpha < 1
  View<double, 2> workspace;           // as in GramSpectrum, for double; none for order 2

  BITLENS_HD Index sets() const { return starts.shape[0] - 1; }
  BITLENS_HD Index size() const { return squared_distances.shape[1]; }

  void check(const BackEnd& back_end) const {
    require_between(size(), 1, kMostRows, "squared_distances: samples");
    require_size(squared_distances.shape[2], size(), "squared_distances: columns");
    require_at_least(starts.shape[0], 1, "starts");
    require_size(entropies.shape[0], sets(), "entropies");
    require_size(kept.shape[0], sets(), "kept");
    require_size(weights.shape[0], members.shape[0], "weights");
    require(std::isfinite(alpha) && alpha > 0,
            "alpha: expected a finite number above 0, got " + std::to_string(alpha));
    if (back_end.reads_values) check_sets();
  }

 private:
  void check_sets() const {
    require_size(starts.data[0], 0, "starts: first");
    require_size(starts.data[sets()], members.shape[0], "starts: last");
    for (Index s = 0; s < sets(); ++s) {
      require(starts.data[s] < starts.data[s + 1], "starts: set " + std::to_string(s) + " has no members");
    }
    for (Index m = 0; m < members.shape[0]; ++m) {
      require_index(members.data[m], squared_distances.shape[0], "members");
      require(std::isfinite(weights.data[m]) && weights.data[m] >= 0,
              "weights: expected finite numbers from 0 on, got " + std::to_string(weights.data[m]));
    }
  }
};

}  // namespace bitlens
