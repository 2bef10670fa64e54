// The first step of the neighbour search: centred float32 samples in panels, and their dot products.
#pragma once

#include "core/check.hpp"

namespace bitlens {

// Centres samples, divides them by `width` and stores them as float32 in panels: value d of sample i is
// panels[i / panel][d][i % panel], where `panel` is the back-end's constant. The last panel is filled up with
// zeros.
template <class T>
struct CenterSamples {
  View<const T, 2> x;          // [n, d], finite, in any unit
  View<const double, 1> mean;  // [d], in the unit of x
  double width;                // at least the largest distance of a value from its mean, in the unit of x
  View<float, 3> panels;       // [ceil(n / panel), d, panel], out, in units of width
  View<double, 1> norms;       // [n], out: the squared norms of the values in the panels, in units of width^2

  void check(const BackEnd& back_end) const {
    const Index n = x.shape[0];
    require_size(mean.shape[0], x.shape[1], "mean");
    require(width > 0 && width < HUGE_VAL,
            "width: expected a finite number above 0, got " + std::to_string(width));
    require_size(panels.shape[0], ceil_div(n, back_end.panel), "panels");
    require_size(panels.shape[1], x.shape[1], "panels: values");
    require_size(panels.shape[2], back_end.panel, "panels: samples");
    require_size(norms.shape[0], n, "norms");
  }
};

// Dot products of all samples of some panels with all samples of others, in float32. Samples without values
// have products of 0 on CUDA; on the CPU `dots` is not written then.
struct DotProducts {
  View<const float, 3> rows;     // [row panels, d, panel]
  View<const float, 3> columns;  // [column panels, d, panel]
  View<float, 2> dots;           // [row panels * panel, column panels * panel], out

  void check(const BackEnd& back_end) const {
    require_size(rows.shape[2], back_end.panel, "rows: samples of a panel");
    require_size(columns.shape[2], back_end.panel, "columns: samples of a panel");
    require_size(columns.shape[1], rows.shape[1], "columns: values");
    require_size(dots.shape[0], rows.shape[0] * back_end.panel, "dots: rows");
    require_size(dots.shape[1], columns.shape[0] * back_end.panel, "dots: columns");
  }
};

}  // namespace bitlens
