// Binds operations to Python functions: borrows their arrays, checks them and runs them where the arrays are.
#pragma once

#include <pybind11/pybind11.h>

#include <tuple>
#include <type_traits>

#include "bindings/dlpack_view.hpp"
#include "bindings/interpreter_lock.hpp"
#include "core/backends.hpp"
#ifdef BITLENS_CUDA_UNAVAILABLE
#include "cuda/cuda_unavailable.hpp"
#endif

namespace bitlens {

// An emulated build compiles the CUDA back-end for the CPU, to test it there. It runs every operation that it
// has.
#ifdef BITLENS_EMULATED_CUDA
inline constexpr bool kEmulated = true;
#else
inline constexpr bool kEmulated = false;
#endif

// An operand: the path to a member of an operation, and its name in Python.
template <auto... path>
struct Operand {
  const char* name;

  template <class Operation>
  static auto& in(Operation& operation) {
    return (operation.*....*path);
  }
};

template <auto... path>
constexpr Operand<path...> operand(const char* name) {
  return {name};
}

// What an operand is as a Python argument, and between the borrowing and the choice of the element type.
template <class Member>
struct Argument {
  using Python = Member;
  using Borrowed = Member;
  static Borrowed borrow(Python number, const char*) { return number; }
  static Member read(const Borrowed& number) { return number; }
};
template <class T, int Rank>
struct Argument<View<T, Rank>> {
  using Python = py::object;
  using Borrowed = BorrowedArray;
  static Borrowed borrow(const Python& array, const char* name) { return {array, name}; }
  static View<T, Rank> read(const Borrowed& array) { return array.view<T, Rank>(); }
};
template <class Operation, class Operand>
using ArgumentFor = Argument<std::remove_cvref_t<decltype(Operand::in(std::declval<Operation&>()))>>;

enum class RunsOn { cpu, cpu_and_cuda };

// The first array of a call. All others must be on its device, and its element type is that of the operation.
template <RunsOn runs_on, class... Values>
const BorrowedArray& first_array(const std::tuple<Values...>& values) {
  const BorrowedArray* first = nullptr;
  const auto look_at = [&]<class Value>(const Value& value) {
    if constexpr (std::is_same_v<Value, BorrowedArray>) {
      if (runs_on == RunsOn::cpu && value.on_cuda()) {
        throw std::invalid_argument("this operation has no CUDA kernel: pass the tensor's .cpu()");
      }
      if (!first) first = &value;
      if (value.shares_device_with(*first)) return;
      throw std::invalid_argument(value.name() + ": expected the device of " + first->name());
    }
  };
  std::apply([&](const auto&... value) { (look_at(value), ...); }, values);
  return *first;
}

template <RunsOn runs_on, class Operation>
void check_and_run(const Operation& operation, bool on_cuda, std::uintptr_t stream) {
  const InterpreterUnlocked unlocked;
  if constexpr (runs_on == RunsOn::cpu_and_cuda) {
    if (kEmulated || on_cuda) {
      operation.check(kCuda);
      return cuda::run(operation, reinterpret_cast<cuda::Stream>(stream));
    }
  }
  operation.check(kCpu);
  cpu::run(operation);
}

template <class Operation, class... Operands, class Values, std::size_t... places>
Operation build(const std::tuple<Operands...>&, const Values& values, std::index_sequence<places...>) {
  Operation operation{};
  ((Operands::in(operation) = ArgumentFor<Operation, Operands>::read(std::get<places>(values))), ...);
  return operation;
}

// Binds `Operations`: one operation, or its instances for float and for double.
// describe(std::type_identity<Operation>) returns a tuple of its operands in the order of the Python
// arguments.
template <RunsOn runs_on, class... Operations>
struct Binding {
  using First = std::tuple_element_t<0, std::tuple<Operations...>>;
  using Last = std::tuple_element_t<sizeof...(Operations) - 1, std::tuple<Operations...>>;

  template <class Operation, class Describe, class... Values>
  static void run_as(Describe describe, const std::tuple<Values...>& values, bool on_cuda,
                     std::uintptr_t stream) {
    const auto operation = build<Operation>(describe(std::type_identity<Operation>{}), values,
                                            std::index_sequence_for<Values...>{});
    check_and_run<runs_on>(operation, on_cuda, stream);
  }

  template <class Describe, class... Values>
  static void run(Describe describe, const std::tuple<Values...>& values, std::uintptr_t stream) {
    const BorrowedArray& first = first_array<runs_on>(values);
    if (first.is_double()) {
      run_as<Last>(describe, values, first.on_cuda(), stream);
    } else {
      run_as<First>(describe, values, first.on_cuda(), stream);
    }
  }

  template <class Describe, class... Operands>
  static void define(py::module_& m, const char* name, Describe describe,
                     const std::tuple<Operands...>& operands) {
    using Values = std::tuple<typename ArgumentFor<First, Operands>::Borrowed...>;
    if constexpr (runs_on == RunsOn::cpu) {
      m.def(
          name,
          [describe, operands](const typename ArgumentFor<First, Operands>::Python&... arguments) {
            run(describe,
                Values{ArgumentFor<First, Operands>::borrow(arguments, std::get<Operands>(operands).name)...},
                0);
          },
          py::arg(std::get<Operands>(operands).name)...);
    } else {
      m.def(
          name,
          [describe, operands](const typename ArgumentFor<First, Operands>::Python&... arguments,
                               std::uintptr_t stream) {
            run(describe,
                Values{ArgumentFor<First, Operands>::borrow(arguments, std::get<Operands>(operands).name)...},
                stream);
          },
          py::arg(std::get<Operands>(operands).name)..., py::arg("stream"));
    }
  }
};

// Defines the Python function `name` for an operation with fixed element types.
template <class Operation, RunsOn runs_on = RunsOn::cpu_and_cuda, class Describe>
void define(py::module_& m, const char* name, Describe describe) {
  Binding<runs_on, Operation>::define(m, name, describe, describe(std::type_identity<Operation>{}));
}

// The same for an operation whose first array may be float32 or float64.
template <template <class> class Operation, RunsOn runs_on = RunsOn::cpu_and_cuda, class Describe>
void define(py::module_& m, const char* name, Describe describe) {
  Binding<runs_on, Operation<float>, Operation<double>>::define(
      m, name, describe, describe(std::type_identity<Operation<float>>{}));
}

}  // namespace bitlens
