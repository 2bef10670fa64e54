// Dot products between sets of panels.
#pragma once

#include "core/view.hpp"

namespace bitlens::cpu {

// As DotProducts. If `upper` is set, the first column panel is the first row panel, and products of a panel
// with earlier ones are left out.
void multiply_panels(View<const float, 3> rows, View<const float, 3> columns, bool upper,
                     View<float, 2> dots);

}  // namespace bitlens::cpu
