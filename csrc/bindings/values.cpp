// The operations on single values: their range, histograms, and counts for each class.
#include "bindings/operation.hpp"
#include "bindings/sections.hpp"
#include "core/ops/label_counts.hpp"
#include "core/ops/value_histograms.hpp"

namespace bitlens {

void define_values(py::module_& m) {
  define<ValueRange, RunsOn::cpu>(m, "value_range", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::values>("values"), operand<&Op::range>("range"));
  });
  define<BinEdges, RunsOn::cpu>(m, "bin_edges", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::ranges>("ranges"), operand<&Op::edges>("edges"));
  });
  define<ValueHistograms>(m, "value_histograms", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::maps>("maps"), operand<&Op::low>("low"), operand<&Op::high>("high"),
                      operand<&Op::counts>("counts"));
  });
  define<HistogramEntropies>(m, "histogram_entropies", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::counts>("counts"), operand<&Op::entropies>("entropies"));
  });
  define<LabelCounts, RunsOn::cpu>(m, "label_counts", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::maps>("maps"), operand<&Op::edges>("edges"),
                      operand<&Op::labels>("labels"), operand<&Op::counts>("counts"));
  });
}

}  // namespace bitlens
