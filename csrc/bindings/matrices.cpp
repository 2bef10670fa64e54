// The operations of matrix-based entropies: squared distances, spectra, and entropies of Gaussian kernels.
#include "bindings/operation.hpp"
#include "bindings/sections.hpp"
#include "core/ops/entropy_slopes.hpp"
#include "core/ops/renyi_entropies.hpp"
#include "core/ops/spectra.hpp"
#include "core/ops/squared_distances.hpp"

namespace bitlens {

void define_matrices(py::module_& m) {
  define<SquaredDistances>(m, "squared_distances", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::maps>("maps"), operand<&Op::squares>("squares"));
  });
  define<GramSpectrum>(m, "gram_spectrum", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::matrices>("matrices"), operand<&Op::spectra>("spectra"),
                      operand<&Op::workspace>("workspace"));
  });
  define<RenyiEntropies>(m, "renyi_entropies", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::squared_distances>("squared_distances"), operand<&Op::starts>("starts"),
                      operand<&Op::members>("members"), operand<&Op::weights>("weights"),
                      operand<&Op::alpha>("alpha"), operand<&Op::entropies>("entropies"),
                      operand<&Op::kept>("kept"), operand<&Op::workspace>("workspace"));
  });
  define<EntropySlopes, RunsOn::cpu>(m, "entropy_slopes", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::matrices>("matrices"), operand<&Op::alpha>("alpha"),
                      operand<&Op::entropies>("entropies"), operand<&Op::slopes>("slopes"));
  });
  m.def("cuda_workspace_for_matrix", cuda::workspace_for_matrix, py::arg("n"), py::arg("in_double"));
}

}  // namespace bitlens
