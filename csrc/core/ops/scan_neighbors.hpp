// The neighbour search by a scan: exact neighbours among any samples, from few exact distances.
#pragma once

#include <limits>

#include "core/check.hpp"

namespace bitlens {

// Samples in the order in which a scan visits them, as coordinates. Distances of coordinates are lower bounds
// of distances of samples, except for rounding: with e = errors[i] + errors[j] and in the unit of the
// operation, the squared distance of two samples is at least |z_i - z_j|^2 - e, where z are the coordinates
// in the panels, and at least |f_i - f_j|^2 - e, where f are the finer coordinates.
struct ScannedSamples {
  View<const float, 3> panels;          // [ceil(n / panel), m, panel], laid out as by center_samples
  View<const float, 2> finer;           // [n, f], f >= m, or f = 0 for none
  View<const float, 1> norms;           // [n]: |z_i|^2 - errors[i]
  View<const float, 1> errors;          // [n]
  View<const std::int32_t, 1> samples;  // [n]: which sample is at each place

  void check(Index n, const BackEnd& back_end) const {
    require_between(n, 1, std::numeric_limits<std::int32_t>::max() - back_end.panel, "samples");
    require_size(panels.shape[0], ceil_div(n, back_end.panel), "panels");
    require_size(panels.shape[2], back_end.panel, "panels: samples");
    require_size(finer.shape[0], n, "finer: samples");
    require_size(norms.shape[0], n, "norms");
    require_size(errors.shape[0], n, "errors");
    require_size(samples.shape[0], n, "samples");
    if (!back_end.reads_values) return;
    for (Index i = 0; i < n; ++i) require_index(samples.data[i], n, "samples");
  }
};

// The k nearest columns of every row, ordered by (squared distance, index), by differences in float64. A
// distance is computed if no bound shows that it is above k others. Results depend on the coordinates in no
// way; their bounds only save time. The distances are squared, because different ones may have the same root,
// and results of several scans are to be merged.
template <class T>
struct ScanNeighbors {
  View<const T, 2> rows;     // [n, d], finite, d >= 1
  View<const T, 2> columns;  // [c, d], finite
  ScannedSamples of_rows;
  ScannedSamples of_columns;
  Index same;               // 1 if the columns are the rows: no sample is its own neighbour; else 0
  double unit;              // of squared distances of coordinates, in the unit of those of samples
  Index k;                  // 1 to c - same
  View<double, 2> squared;  // [n, width], out: the first k of a row, in the unit of x. The rest is scratch.
  View<std::int32_t, 2> indices;   // [n, width], out, as the distances
  View<std::uint8_t, 1> ties;      // [n], out: 1 if another column is as far as the k-th neighbour, else 0
  View<std::int32_t, 1> measured;  // [n], out: the number of distances that were computed

  void check(const BackEnd& back_end) const {
    const Index n = rows.shape[0];
    const Index c = columns.shape[0];
    require_at_least(rows.shape[1], 1, "rows: values of a sample");
    require_size(columns.shape[1], rows.shape[1], "columns: values of a sample");
    of_rows.check(n, back_end);
    of_columns.check(c, back_end);
    require_size(of_columns.panels.shape[1], of_rows.panels.shape[1], "panels: coordinates");
    require_size(of_columns.finer.shape[1], of_rows.finer.shape[1], "finer: coordinates");
    require_between(same, 0, 1, "same");
    if (same) require_size(c, n, "columns");
    require(unit > 0 && unit < HUGE_VAL,
            "unit: expected a finite number above 0, got " + std::to_string(unit));
    require_between(k, 1, c - same, "k");
    require_size(squared.shape[0], n, "squared: samples");
    require_at_least(squared.shape[1], k + back_end.scan_scratch, "squared: width of a row");
    require_size(indices.shape[0], n, "indices: samples");
    require_size(indices.shape[1], squared.shape[1], "indices: width of a row");
    require_size(ties.shape[0], n, "ties");
    require_size(measured.shape[0], n, "measured");
  }
};

}  // namespace bitlens
