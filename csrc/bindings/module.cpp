// The table of operations as Python sees it: borrow, choose the back-end by where the arrays lie, call.
#include <pybind11/pybind11.h>

#include "bindings/dlpack_view.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/level.hpp"

namespace bitlens {
namespace {

// Kernels run without the GIL; Ctrl-C is looked for now and then by the thread that called.
void check_for_interrupt() {
  py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

// Calls run(tag) with a value of the element type that `array` holds: float, or double.
template <class Run>
void with_float_type(const Borrowed& array, Run&& run) {
  if (array.is_double()) {
    run(double{});
  } else {
    run(float{});
  }
}

void require_cpu(std::initializer_list<const Borrowed*> arrays) {
  for (const Borrowed* array : arrays) {
    require(!array->on_cuda(), "this operation has no CUDA kernel: pass the tensor's .cpu()");
  }
}

void require_one_device(std::initializer_list<const Borrowed*> arrays) {
  const Borrowed& first = **arrays.begin();
  for (const Borrowed* array : arrays) {
    require(array->shares_device_with(first), array->name() + ": expected the device of " + first.name());
  }
}

// Runs an operation on the back-end that its operands lie on, without the GIL.
#define BITLENS_RUN(operand, operation, ...)                         \
  do {                                                               \
    py::gil_scoped_release release;                                  \
    if ((operand).on_cuda()) {                                       \
      cuda::operation(__VA_ARGS__, reinterpret_cast<void*>(stream)); \
    } else {                                                         \
      cpu::operation(__VA_ARGS__);                                   \
    }                                                                \
  } while (false)

cpu::Candidates candidates_of(const Borrowed& bounds, const Borrowed& indices, const Borrowed& counts,
                              const Borrowed& limits) {
  return {bounds.view<float, 2>(), indices.view<std::int32_t, 2>(), counts.view<std::int32_t, 1>(),
          limits.view<float, 1>()};
}

void center_samples(const py::object& x, const py::object& mean, const py::object& panels,
                    const py::object& norms, const py::object& width) {
  const Borrowed a(x, "x"), m(mean, "mean"), p(panels, "panels"), r(norms, "norms"), w(width, "width");
  require_cpu({&a, &m, &p, &r, &w});
  with_float_type(a, [&](auto type) {
    const auto x_view = a.view<const decltype(type), 2>();
    const auto mean_view = m.view<const double, 1>();
    const auto panels_view = p.view<float, 3>();
    const auto norms_view = r.view<double, 1>();
    const auto width_view = w.view<double, 1>();
    py::gil_scoped_release release;
    cpu::center_samples(x_view, mean_view, panels_view, norms_view, width_view);
  });
}

void dot_products(const py::object& rows, const py::object& columns, const py::object& dots) {
  const Borrowed r(rows, "rows"), c(columns, "columns"), d(dots, "dots");
  require_cpu({&r, &c, &d});
  const auto rows_view = r.view<const float, 3>();
  const auto columns_view = c.view<const float, 3>();
  const auto dots_view = d.view<float, 2>();
  py::gil_scoped_release release;
  cpu::dot_products(rows_view, columns_view, dots_view);
}

void keep_nearest(const py::object& dots, const py::object& norms, Index first_row, Index first_column,
                  Index kept, const py::object& bounds, const py::object& candidates,
                  const py::object& counts, const py::object& limits) {
  const Borrowed d(dots, "dots"), r(norms, "norms"), b(bounds, "bounds"), c(candidates, "candidates"),
      n(counts, "counts"), l(limits, "limits");
  require_cpu({&d, &r, &b, &c, &n, &l});
  const auto dots_view = d.view<const float, 2>();
  const auto norms_view = r.view<const float, 1>();
  const auto lists = candidates_of(b, c, n, l);
  py::gil_scoped_release release;
  cpu::keep_nearest(dots_view, norms_view, first_row, first_column, kept, lists);
}

void exact_neighbors(const py::object& x, Index kept, const py::object& bounds, const py::object& candidates,
                     const py::object& counts, const py::object& limits, double unit,
                     const py::object& taken_off, double trusted, const py::object& distances,
                     const py::object& indices) {
  const Borrowed a(x, "x"), b(bounds, "bounds"), c(candidates, "candidates"), n(counts, "counts"),
      l(limits, "limits"), t(taken_off, "taken_off"), d(distances, "distances"), i(indices, "indices");
  require_cpu({&a, &b, &c, &n, &l, &t, &d, &i});
  with_float_type(a, [&](auto type) {
    const auto x_view = a.view<const decltype(type), 2>();
    const auto lists = candidates_of(b, c, n, l);
    const auto taken_view = t.view<const double, 1>();
    const auto distances_view = d.view<double, 2>();
    const auto indices_view = i.view<std::int32_t, 2>();
    py::gil_scoped_release release;
    cpu::exact_neighbors(x_view, kept, lists, unit, taken_view, trusted, distances_view, indices_view);
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

void distance_codes(const py::object& maps, Index bins, const py::object& codes, const py::object& ranges,
                    std::uintptr_t stream) {
  const Borrowed m(maps, "maps"), c(codes, "codes"), r(ranges, "ranges");
  require_one_device({&m, &c, &r});
  with_float_type(m, [&](auto type) {
    const auto maps_view = m.view<const decltype(type), 3>();
    const auto codes_view = c.view<std::uint8_t, 2>();
    const auto ranges_view = r.view<double, 2>();
    BITLENS_RUN(m, distance_codes, maps_view, bins, codes_view, ranges_view);
  });
}

void joint_counts(const py::object& a, const py::object& b, Index bins, const py::object& counts,
                  std::uintptr_t stream) {
  const Borrowed x(a, "a"), y(b, "b"), c(counts, "counts");
  require_one_device({&x, &y, &c});
  const auto a_view = x.view<const std::uint8_t, 2>();
  const auto b_view = y.view<const std::uint8_t, 2>();
  const auto counts_view = c.view<Index, 3>();
  BITLENS_RUN(x, joint_counts, a_view, b_view, bins, counts_view);
}

void code_entropies(const py::object& a, const py::object& b, Index bins, const py::object& joint,
                    const py::object& entropies_a, const py::object& entropies_b, std::uintptr_t stream) {
  const Borrowed x(a, "a"), y(b, "b"), j(joint, "joint"), e(entropies_a, "entropies_a"),
      f(entropies_b, "entropies_b");
  require_one_device({&x, &y, &j, &e, &f});
  const auto a_view = x.view<const std::uint8_t, 2>();
  const auto b_view = y.view<const std::uint8_t, 2>();
  const auto joint_view = j.view<double, 2>();
  const auto entropies_a_view = e.view<double, 1>();
  const auto entropies_b_view = f.view<double, 1>();
  BITLENS_RUN(x, code_entropies, a_view, b_view, bins, joint_view, entropies_a_view, entropies_b_view);
}

void value_range(const py::object& values, const py::object& range) {
  const Borrowed v(values, "values"), r(range, "range");
  require_cpu({&v, &r});
  with_float_type(v, [&](auto type) {
    const auto values_view = v.view<const decltype(type), 1>();
    const auto range_view = r.view<double, 1>();
    py::gil_scoped_release release;
    cpu::value_range(values_view, range_view);
  });
}

void value_histograms(const py::object& maps, double low, double high, const py::object& counts,
                      std::uintptr_t stream) {
  const Borrowed m(maps, "maps"), c(counts, "counts");
  require_one_device({&m, &c});
  with_float_type(m, [&](auto type) {
    const auto maps_view = m.view<const decltype(type), 3>();
    const auto counts_view = c.view<std::int32_t, 3>();
    BITLENS_RUN(m, value_histograms, maps_view, low, high, counts_view);
  });
}

void histogram_entropies(const py::object& counts, const py::object& entropies, std::uintptr_t stream) {
  const Borrowed c(counts, "counts"), e(entropies, "entropies");
  require_one_device({&c, &e});
  const auto counts_view = c.view<const std::int32_t, 3>();
  const auto entropies_view = e.view<double, 2>();
  BITLENS_RUN(c, histogram_entropies, counts_view, entropies_view);
}

void gram_spectrum(const py::object& matrices, const py::object& spectra) {
  const Borrowed m(matrices, "matrices"), s(spectra, "spectra");
  require_cpu({&m, &s});
  with_float_type(m, [&](auto type) {
    const auto matrices_view = m.view<const decltype(type), 3>();
    const auto spectra_view = s.view<double, 2>();
    py::gil_scoped_release release;
    cpu::gram_spectrum(matrices_view, spectra_view);
  });
}

void renyi_entropies(const py::object& squared_distances, const py::object& starts, const py::object& members,
                     const py::object& weights, double alpha, const py::object& entropies) {
  const Borrowed d(squared_distances, "squared_distances"), s(starts, "starts"), m(members, "members"),
      w(weights, "weights"), e(entropies, "entropies");
  require_cpu({&d, &s, &m, &w, &e});
  with_float_type(d, [&](auto type) {
    const auto distances_view = d.view<const decltype(type), 3>();
    const auto starts_view = s.view<const Index, 1>();
    const auto members_view = m.view<const Index, 1>();
    const auto weights_view = w.view<const double, 1>();
    const auto entropies_view = e.view<double, 1>();
    py::gil_scoped_release release;
    cpu::renyi_entropies(distances_view, starts_view, members_view, weights_view, alpha, entropies_view);
  });
}

py::dict build_info() {
  py::dict info;
  info["version"] = BITLENS_VERSION;
  info["compiler"] = BITLENS_COMPILER;
  info["flags"] = BITLENS_FLAGS;
#ifdef NDEBUG
  info["optimized"] = true;
#else
  info["optimized"] = false;
#endif
  info["simd"] = cpu::level_name();
  info["cuda"] = cuda::architectures();
  return info;
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  cpu::level();  // a wrong BITLENS_SIMD is an ImportError
  cpu::set_interrupt_check(check_for_interrupt);
  using py::arg;
  m.def("center_samples", center_samples, arg("x"), arg("mean"), arg("panels"), arg("norms"), arg("width"));
  m.def("dot_products", dot_products, arg("rows"), arg("columns"), arg("dots"));
  m.def("keep_nearest", keep_nearest, arg("dots"), arg("norms"), arg("first_row"), arg("first_column"),
        arg("kept"), arg("bounds"), arg("candidates"), arg("counts"), arg("limits"));
  m.def("exact_neighbors", exact_neighbors, arg("x"), arg("kept"), arg("bounds"), arg("candidates"),
        arg("counts"), arg("limits"), arg("unit"), arg("taken_off"), arg("trusted"), arg("distances"),
        arg("indices"));
  m.def("neighbor_scales", neighbor_scales, arg("distances"), arg("scales"), arg("stream"));
  m.def("neighbor_weights", neighbor_weights, arg("distances"), arg("scales"), arg("weights"), arg("stream"));
  m.def("edge_entropy", edge_entropy, arg("distances"), arg("indices"), arg("scales"), arg("sums"),
        arg("entropy"), arg("stream"));
  m.def("distance_codes", distance_codes, arg("maps"), arg("bins"), arg("codes"), arg("ranges"),
        arg("stream"));
  m.def("joint_counts", joint_counts, arg("a"), arg("b"), arg("bins"), arg("counts"), arg("stream"));
  m.def("code_entropies", code_entropies, arg("a"), arg("b"), arg("bins"), arg("joint"), arg("entropies_a"),
        arg("entropies_b"), arg("stream"));
  m.def("value_range", value_range, arg("values"), arg("range"));
  m.def("value_histograms", value_histograms, arg("maps"), arg("low"), arg("high"), arg("counts"),
        arg("stream"));
  m.def("histogram_entropies", histogram_entropies, arg("counts"), arg("entropies"), arg("stream"));
  m.def("gram_spectrum", gram_spectrum, arg("matrices"), arg("spectra"));
  m.def("renyi_entropies", renyi_entropies, arg("squared_distances"), arg("starts"), arg("members"),
        arg("weights"), arg("alpha"), arg("entropies"));
  m.def("set_num_threads", cpu::set_num_threads, arg("threads"));
  m.def("num_threads", cpu::num_threads);
  m.def("build_info", build_info);
}

}  // namespace bitlens
