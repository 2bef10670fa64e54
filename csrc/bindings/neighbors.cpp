// The operations of the neighbour search, and of the entropy that is computed from its distances.
#include "bindings/operation.hpp"
#include "bindings/sections.hpp"
#include "core/ops/dot_products.hpp"
#include "core/ops/exact_neighbors.hpp"
#include "core/ops/neighbor_candidates.hpp"
#include "core/ops/neighbor_entropy.hpp"
#include "core/ops/scan_neighbors.hpp"

namespace bitlens {
namespace {

// The lists of candidates are four arguments, called as one.
template <class Op>
constexpr auto list_operands() {
  return std::tuple(operand<&Op::candidates, &Candidates::bounds>("bounds"),
                    operand<&Op::candidates, &Candidates::indices>("candidates"),
                    operand<&Op::candidates, &Candidates::counts>("counts"),
                    operand<&Op::candidates, &Candidates::limits>("limits"));
}

// Samples that are scanned are five arguments, called as one.
template <auto samples>
constexpr auto scanned_operands(const char* panels, const char* finer, const char* norms, const char* errors,
                                const char* places) {
  return std::tuple(
      operand<samples, &ScannedSamples::panels>(panels), operand<samples, &ScannedSamples::finer>(finer),
      operand<samples, &ScannedSamples::norms>(norms), operand<samples, &ScannedSamples::errors>(errors),
      operand<samples, &ScannedSamples::samples>(places));
}

}  // namespace

void define_neighbors(py::module_& m) {
  define<CenterSamples>(m, "center_samples", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::x>("x"), operand<&Op::mean>("mean"), operand<&Op::width>("width"),
                      operand<&Op::panels>("panels"), operand<&Op::norms>("norms"));
  });
  define<DotProducts>(m, "dot_products", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::rows>("rows"), operand<&Op::columns>("columns"),
                      operand<&Op::dots>("dots"));
  });
  define<KeepNearest>(m, "keep_nearest", []<class Op>(std::type_identity<Op>) {
    return std::tuple_cat(
        std::tuple(operand<&Op::rows>("rows"), operand<&Op::columns>("columns"), operand<&Op::norms>("norms"),
                   operand<&Op::first_row>("first_row"), operand<&Op::first_column>("first_column"),
                   operand<&Op::kept>("kept"), operand<&Op::dots>("dots"), operand<&Op::marks>("marks")),
        list_operands<Op>());
  });
  define<CutCandidates>(m, "cut_candidates", []<class Op>(std::type_identity<Op>) {
    return std::tuple_cat(std::tuple(operand<&Op::kept>("kept")), list_operands<Op>(),
                          std::tuple(operand<&Op::unit>("unit"), operand<&Op::error_bounds>("error_bounds"),
                                     operand<&Op::k>("k"), operand<&Op::kth_estimates>("kth_estimates")));
  });
  define<ExactNeighbors>(m, "exact_neighbors", []<class Op>(std::type_identity<Op>) {
    return std::tuple_cat(
        std::tuple(operand<&Op::x>("x")), list_operands<Op>(),
        std::tuple(operand<&Op::unit>("unit"), operand<&Op::error_bounds>("error_bounds"),
                   operand<&Op::trusted>("trusted"), operand<&Op::kth_estimates>("kth_estimates"),
                   operand<&Op::k>("k"), operand<&Op::distances>("distances"),
                   operand<&Op::indices>("indices"), operand<&Op::ties>("ties")));
  });
  define<ScanNeighbors>(m, "scan_neighbors", []<class Op>(std::type_identity<Op>) {
    return std::tuple_cat(
        std::tuple(operand<&Op::rows>("rows"), operand<&Op::columns>("columns")),
        scanned_operands<&Op::of_rows>("row_panels", "finer_rows", "row_norms", "row_errors", "row_samples"),
        scanned_operands<&Op::of_columns>("column_panels", "finer_columns", "column_norms", "column_errors",
                                          "column_samples"),
        std::tuple(operand<&Op::same>("same"), operand<&Op::unit>("unit"), operand<&Op::k>("k"),
                   operand<&Op::squared>("squared"), operand<&Op::indices>("indices"),
                   operand<&Op::ties>("ties"), operand<&Op::measured>("measured")));
  });
  define<NeighborScales>(m, "neighbor_scales", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::distances>("distances"), operand<&Op::scales>("scales"));
  });
  define<NeighborWeights>(m, "neighbor_weights", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::distances>("distances"), operand<&Op::scales>("scales"),
                      operand<&Op::weights>("weights"));
  });
  define<EdgeSums>(m, "edge_sums", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::distances>("distances"), operand<&Op::indices>("indices"),
                      operand<&Op::first>("first"), operand<&Op::scales>("scales"),
                      operand<&Op::last_distances>("last_distances"),
                      operand<&Op::last_indices>("last_indices"), operand<&Op::sums>("sums"));
  });
  define<EdgeEntropy>(m, "edge_entropy", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::sums>("sums"), operand<&Op::entropy>("entropy"));
  });
}

}  // namespace bitlens
