// What every operation does with its operands: choose the element type, and the back-end by where they lie.
#pragma once

#include <pybind11/pybind11.h>

#include "bindings/dlpack_view.hpp"
#include "core/ops.hpp"

namespace bitlens {

// Calls run(tag) with a value of the element type that `array` holds: float, or double.
template <class Run>
void with_float_type(const Borrowed& array, Run&& run) {
  if (array.is_double()) {
    run(double{});
  } else {
    run(float{});
  }
}

inline void require_one_device(std::initializer_list<const Borrowed*> arrays) {
  const Borrowed& first = **arrays.begin();
  for (const Borrowed* array : arrays) {
    require(array->shares_device_with(first), array->name() + ": expected the device of " + first.name());
  }
}

// Whether the CUDA back-end is compiled for the CPU, to be tested there, and takes all operands.
#ifdef BITLENS_EMULATED_CUDA
constexpr bool kEmulated = true;
#else
constexpr bool kEmulated = false;
#endif

// Runs an operation on the back-end that its operands lie on, without the GIL.
#define BITLENS_RUN(operand, operation, ...)                         \
  do {                                                               \
    py::gil_scoped_release release;                                  \
    if (kEmulated || (operand).on_cuda()) {                          \
      cuda::operation(__VA_ARGS__, reinterpret_cast<void*>(stream)); \
    } else {                                                         \
      cpu::operation(__VA_ARGS__);                                   \
    }                                                                \
  } while (false)

void define_neighbors(py::module_& m);

}  // namespace bitlens
