// The operations of the neighbour search and of the entropy that is made of it.
#include "bindings/run.hpp"

namespace bitlens {
namespace {

Candidates candidates_of(const Borrowed& bounds, const Borrowed& indices, const Borrowed& counts,
                         const Borrowed& limits) {
  return {bounds.view<float, 2>(), indices.view<std::int32_t, 2>(), counts.view<std::int32_t, 1>(),
          limits.view<float, 1>()};
}

void center_samples(const py::object& x, const py::object& mean, double width, const py::object& panels,
                    const py::object& norms, std::uintptr_t stream) {
  const Borrowed a(x, "x"), m(mean, "mean"), p(panels, "panels"), r(norms, "norms");
  require_one_device({&a, &m, &p, &r});
  with_float_type(a, [&](auto type) {
    const auto x_view = a.view<const decltype(type), 2>();
    const auto mean_view = m.view<const double, 1>();
    const auto panels_view = p.view<float, 3>();
    const auto norms_view = r.view<double, 1>();
    BITLENS_RUN(a, center_samples, x_view, mean_view, width, panels_view, norms_view);
  });
}

void dot_products(const py::object& rows, const py::object& columns, const py::object& dots,
                  std::uintptr_t stream) {
  const Borrowed r(rows, "rows"), c(columns, "columns"), d(dots, "dots");
  require_one_device({&r, &c, &d});
  const auto rows_view = r.view<const float, 3>();
  const auto columns_view = c.view<const float, 3>();
  const auto dots_view = d.view<float, 2>();
  BITLENS_RUN(r, dot_products, rows_view, columns_view, dots_view);
}

void keep_nearest(const py::object& dots, const py::object& norms, Index first_row, Index first_column,
                  Index kept, const py::object& bounds, const py::object& candidates,
                  const py::object& counts, const py::object& limits, std::uintptr_t stream) {
  const Borrowed d(dots, "dots"), r(norms, "norms"), b(bounds, "bounds"), c(candidates, "candidates"),
      n(counts, "counts"), l(limits, "limits");
  require_one_device({&d, &r, &b, &c, &n, &l});
  const auto dots_view = d.view<const float, 2>();
  const auto norms_view = r.view<const float, 1>();
  const auto lists = candidates_of(b, c, n, l);
  BITLENS_RUN(d, keep_nearest, dots_view, norms_view, first_row, first_column, kept, lists);
}

void cut_candidates(Index kept, const py::object& bounds, const py::object& candidates,
                    const py::object& counts, const py::object& limits, double unit,
                    const py::object& taken_off, Index k, const py::object& boundaries,
                    std::uintptr_t stream) {
  const Borrowed b(bounds, "bounds"), c(candidates, "candidates"), n(counts, "counts"), l(limits, "limits"),
      t(taken_off, "taken_off"), y(boundaries, "boundaries");
  require_one_device({&b, &c, &n, &l, &t, &y});
  const auto lists = candidates_of(b, c, n, l);
  const auto taken_view = t.view<const double, 1>();
  const auto boundaries_view = y.view<double, 2>();
  BITLENS_RUN(b, cut_candidates, kept, lists, unit, taken_view, k, boundaries_view);
}

void exact_neighbors(const py::object& x, const py::object& bounds, const py::object& candidates,
                     const py::object& counts, const py::object& limits, double unit,
                     const py::object& taken_off, double trusted, const py::object& boundaries, Index k,
                     const py::object& distances, const py::object& indices, std::uintptr_t stream) {
  const Borrowed a(x, "x"), b(bounds, "bounds"), c(candidates, "candidates"), n(counts, "counts"),
      l(limits, "limits"), t(taken_off, "taken_off"), y(boundaries, "boundaries"), d(distances, "distances"),
      i(indices, "indices");
  require_one_device({&a, &b, &c, &n, &l, &t, &y, &d, &i});
  with_float_type(a, [&](auto type) {
    const auto x_view = a.view<const decltype(type), 2>();
    const auto lists = candidates_of(b, c, n, l);
    const auto taken_view = t.view<const double, 1>();
    const auto boundaries_view = y.view<const double, 2>();
    const auto distances_view = d.view<double, 2>();
    const auto indices_view = i.view<std::int32_t, 2>();
    BITLENS_RUN(a, exact_neighbors, x_view, lists, unit, taken_view, trusted, boundaries_view, k,
                distances_view, indices_view);
  });
}

void neighbor_scales(const py::object& distances, const py::object& scales, std::uintptr_t stream) {
  const Borrowed d(distances, "distances"), s(scales, "scales");
  require_one_device({&d, &s});
  const auto distances_view = d.view<const double, 2>();
  const auto scales_view = s.view<double, 1>();
  BITLENS_RUN(d, neighbor_scales, distances_view, scales_view);
}

void neighbor_weights(const py::object& distances, const py::object& scales, const py::object& weights,
                      std::uintptr_t stream) {
  const Borrowed d(distances, "distances"), s(scales, "scales"), w(weights, "weights");
  require_one_device({&d, &s, &w});
  const auto distances_view = d.view<const double, 2>();
  const auto scales_view = s.view<const double, 1>();
  const auto weights_view = w.view<double, 2>();
  BITLENS_RUN(d, neighbor_weights, distances_view, scales_view, weights_view);
}

void edge_entropy(const py::object& distances, const py::object& indices, const py::object& scales,
                  const py::object& sums, const py::object& entropy, std::uintptr_t stream) {
  const Borrowed d(distances, "distances"), i(indices, "indices"), s(scales, "scales"), m(sums, "sums"),
      e(entropy, "entropy");
  require_one_device({&d, &i, &s, &m, &e});
  const auto distances_view = d.view<const double, 2>();
  const auto indices_view = i.view<const std::int32_t, 2>();
  const auto scales_view = s.view<const double, 1>();
  const auto sums_view = m.view<double, 2>();
  const auto entropy_view = e.view<double, 1>();
  BITLENS_RUN(d, edge_entropy, distances_view, indices_view, scales_view, sums_view, entropy_view);
}

}  // namespace

void define_neighbors(py::module_& m) {
  using py::arg;
  m.def("center_samples", center_samples, arg("x"), arg("mean"), arg("width"), arg("panels"), arg("norms"),
        arg("stream"));
  m.def("dot_products", dot_products, arg("rows"), arg("columns"), arg("dots"), arg("stream"));
  m.def("keep_nearest", keep_nearest, arg("dots"), arg("norms"), arg("first_row"), arg("first_column"),
        arg("kept"), arg("bounds"), arg("candidates"), arg("counts"), arg("limits"), arg("stream"));
  m.def("cut_candidates", cut_candidates, arg("kept"), arg("bounds"), arg("candidates"), arg("counts"),
        arg("limits"), arg("unit"), arg("taken_off"), arg("k"), arg("boundaries"), arg("stream"));
  m.def("exact_neighbors", exact_neighbors, arg("x"), arg("bounds"), arg("candidates"), arg("counts"),
        arg("limits"), arg("unit"), arg("taken_off"), arg("trusted"), arg("boundaries"), arg("k"),
        arg("distances"), arg("indices"), arg("stream"));
  m.def("neighbor_scales", neighbor_scales, arg("distances"), arg("scales"), arg("stream"));
  m.def("neighbor_weights", neighbor_weights, arg("distances"), arg("scales"), arg("weights"), arg("stream"));
  m.def("edge_entropy", edge_entropy, arg("distances"), arg("indices"), arg("scales"), arg("sums"),
        arg("entropy"), arg("stream"));
}

}  // namespace bitlens
