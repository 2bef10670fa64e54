// The compiled module: its operations as Python sees them, and what it tells of itself.
#include <pybind11/pybind11.h>

#include "bindings/run.hpp"
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

void require_cpu(std::initializer_list<const Borrowed*> arrays) {
  for (const Borrowed* array : arrays) {
    require(!array->on_cuda(), "this operation has no CUDA kernel: pass the tensor's .cpu()");
  }
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

void squared_distances(const py::object& maps, const py::object& squares, std::uintptr_t stream) {
  const Borrowed m(maps, "maps"), s(squares, "squares");
  require_one_device({&m, &s});
  with_float_type(m, [&](auto type) {
    const auto maps_view = m.view<const decltype(type), 3>();
    const auto squares_view = s.view<double, 3>();
    BITLENS_RUN(m, squared_distances, maps_view, squares_view);
  });
}

void label_counts(const py::object& maps, const py::object& edges, const py::object& labels,
                  const py::object& counts) {
  const Borrowed m(maps, "maps"), e(edges, "edges"), l(labels, "labels"), c(counts, "counts");
  require_cpu({&m, &e, &l, &c});
  with_float_type(m, [&](auto type) {
    const auto maps_view = m.view<const decltype(type), 3>();
    const auto edges_view = e.view<const double, 2>();
    const auto labels_view = l.view<const Index, 1>();
    const auto counts_view = c.view<Index, 3>();
    py::gil_scoped_release release;
    cpu::label_counts(maps_view, edges_view, labels_view, counts_view);
  });
}

// The operations on matrices: on a GPU they are given room as well.
void gram_spectrum(const py::object& matrices, const py::object& spectra, const py::object& room,
                   std::uintptr_t stream) {
  const Borrowed m(matrices, "matrices"), s(spectra, "spectra"), r(room, "room");
  require_one_device({&m, &s, &r});
  with_float_type(m, [&](auto type) {
    const auto matrices_view = m.view<const decltype(type), 3>();
    const auto spectra_view = s.view<double, 2>();
    const auto room_view = r.view<double, 2>();
    BITLENS_RUN(m, gram_spectrum, matrices_view, spectra_view, room_view);
  });
}

void renyi_entropies(const py::object& squared_distances, const py::object& starts, const py::object& members,
                     const py::object& weights, double alpha, const py::object& entropies,
                     const py::object& room, std::uintptr_t stream) {
  const Borrowed d(squared_distances, "squared_distances"), s(starts, "starts"), m(members, "members"),
      w(weights, "weights"), e(entropies, "entropies"), r(room, "room");
  require_one_device({&d, &s, &m, &w, &e, &r});
  with_float_type(d, [&](auto type) {
    const auto distances_view = d.view<const decltype(type), 3>();
    const auto starts_view = s.view<const Index, 1>();
    const auto members_view = m.view<const Index, 1>();
    const auto weights_view = w.view<const double, 1>();
    const auto entropies_view = e.view<double, 1>();
    const auto room_view = r.view<double, 2>();
    BITLENS_RUN(d, renyi_entropies, distances_view, starts_view, members_view, weights_view, alpha,
                entropies_view, room_view);
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
  define_neighbors(m);
  m.def("distance_codes", distance_codes, arg("maps"), arg("bins"), arg("codes"), arg("ranges"),
        arg("stream"));
  m.def("joint_counts", joint_counts, arg("a"), arg("b"), arg("bins"), arg("counts"), arg("stream"));
  m.def("label_counts", label_counts, arg("maps"), arg("edges"), arg("labels"), arg("counts"));
  m.def("code_entropies", code_entropies, arg("a"), arg("b"), arg("bins"), arg("joint"), arg("entropies_a"),
        arg("entropies_b"), arg("stream"));
  m.def("value_range", value_range, arg("values"), arg("range"));
  m.def("value_histograms", value_histograms, arg("maps"), arg("low"), arg("high"), arg("counts"),
        arg("stream"));
  m.def("histogram_entropies", histogram_entropies, arg("counts"), arg("entropies"), arg("stream"));
  m.def("squared_distances", squared_distances, arg("maps"), arg("squares"), arg("stream"));
  m.def("gram_spectrum", gram_spectrum, arg("matrices"), arg("spectra"), arg("room"), arg("stream"));
  m.def("renyi_entropies", renyi_entropies, arg("squared_distances"), arg("starts"), arg("members"),
        arg("weights"), arg("alpha"), arg("entropies"), arg("room"), arg("stream"));
  m.def("set_num_threads", cpu::set_num_threads, arg("threads"));
  m.def("num_threads", cpu::num_threads);
  m.def("build_info", build_info);
}

}  // namespace bitlens
