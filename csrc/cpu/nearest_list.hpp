// Neighbours of one sample, in the form in which the searches collect and sort them.
#pragma once

#include <utility>
#include <vector>

#include "core/view.hpp"

namespace bitlens::cpu {

using Neighbor = std::pair<double, std::int32_t>;  // squared distance, index

// Sorts by (distance, index). The distances are finite. `scratch` and `ends` keep their memory for the next
// call.
void sort_neighbors(std::vector<Neighbor>& neighbors, std::vector<Neighbor>& scratch,
                    std::vector<std::int32_t>& ends);

// Throws std::invalid_argument if a squared distance is not finite.
void require_finite(const std::vector<double>& squared);

}  // namespace bitlens::cpu
