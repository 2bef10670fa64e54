// The operations of channel mutual information.
#include "bindings/operation.hpp"
#include "bindings/sections.hpp"
#include "core/ops/distance_codes.hpp"
#include "core/ops/joint_counts.hpp"

namespace bitlens {
namespace {

template <class Op>
constexpr auto code_operands() {
  return std::tuple(operand<&Op::codes, &CodePairs::a>("a"), operand<&Op::codes, &CodePairs::b>("b"),
                    operand<&Op::codes, &CodePairs::bins>("bins"));
}

}  // namespace

void define_channels(py::module_& m) {
  define<DistanceCodes>(m, "distance_codes", []<class Op>(std::type_identity<Op>) {
    return std::tuple(operand<&Op::maps>("maps"), operand<&Op::bins>("bins"), operand<&Op::codes>("codes"),
                      operand<&Op::ranges>("ranges"), operand<&Op::workspace>("workspace"));
  });
  define<JointCounts>(m, "joint_counts", []<class Op>(std::type_identity<Op>) {
    return std::tuple_cat(code_operands<Op>(), std::tuple(operand<&Op::counts>("counts")));
  });
  define<CodeEntropies>(m, "code_entropies", []<class Op>(std::type_identity<Op>) {
    return std::tuple_cat(code_operands<Op>(),
                          std::tuple(operand<&Op::joint>("joint"), operand<&Op::entropies_a>("entropies_a"),
                                     operand<&Op::entropies_b>("entropies_b")));
  });
}

}  // namespace bitlens
