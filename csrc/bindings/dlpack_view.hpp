// Borrows arrays of any framework through DLPack. Checks here that a view of them is safe, so kernels need
// not.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <type_traits>

#include "bindings/dlpack.hpp"
#include "core/check.hpp"

namespace bitlens {

namespace py = pybind11;

// Longer axes do not occur in memory. Sizes up to this can be multiplied by small constants without overflow.
inline constexpr Index kMostElements = Index{1} << 48;

// An array borrowed for the duration of one call. The capsule is never marked as used, so the producer's own
// clean-up runs when it goes out of scope.
class BorrowedArray {
 public:
  BorrowedArray(const py::object& array, std::string name) : name_(std::move(name)) {
    if (!py::hasattr(array, "__dlpack__")) {
      throw py::type_error(name_ + ": expected an array that supports DLPack, got " +
                           std::string(py::str(py::type::of(array))));
    }
    const auto device = array.attr("__dlpack_device__")().cast<std::pair<int, int>>();
    // The stream of the protocol is the consumer's. -1 asks for no synchronisation: the kernel is launched on
    // the stream that the caller passes, which is the producer's own.
    const py::object stream =
        device.first == dlpack::kCuda ? py::object(py::int_(-1)) : py::object(py::none());
    capsule_ =
        array.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0), py::arg("stream") = stream);
    managed_ =
        static_cast<const dlpack::Managed*>(PyCapsule_GetPointer(capsule_.ptr(), "dltensor_versioned"));
    if (!managed_) throw py::error_already_set();
    expect(managed_->version.major == 1, "DLPack version 1");
    expect(on_cuda() || tensor().device.type == dlpack::kCpu, "CPU or CUDA memory");
  }

  const std::string& name() const { return name_; }
  bool on_cuda() const { return tensor().device.type == dlpack::kCuda; }
  bool shares_device_with(const BorrowedArray& other) const {
    return tensor().device.type == other.tensor().device.type &&
           tensor().device.id == other.tensor().device.id;
  }
  bool is_double() const { return tensor().dtype.code == dlpack::kFloat && tensor().dtype.bits == 64; }

  // A view of exactly this element type and rank. A T without const requires a writable array.
  template <class T, int Rank>
  View<T, Rank> view() const {
    check_type<std::remove_const_t<T>>();
    const dlpack::Tensor& t = tensor();
    if (t.ndim != Rank) expect(false, std::to_string(Rank) + " axes, got " + std::to_string(t.ndim));
    expect(t.shape != nullptr, "a shape, got a null pointer");
    expect(std::is_const_v<T> || !(managed_->flags & dlpack::kReadOnly), "a writable array");
    View<T, Rank> result{nullptr, {}, {}};
    Index compact = 1;
    bool has_elements = true;
    for (int axis = Rank - 1; axis >= 0; --axis) {
      const Index size = t.shape[axis];
      expect(size >= 0 && size <= kMostElements, "axes of 0 to 2^48 elements");
      result.shape[axis] = size;
      result.stride[axis] = t.strides ? t.strides[axis] : compact;
      has_elements &= size > 0;
      const bool overflows = !t.strides && __builtin_mul_overflow(compact, size, &compact);
      expect(!overflows, "fewer elements");
    }
    expect(result.shape[Rank - 1] <= 1 || result.stride[Rank - 1] == 1, "a contiguous last axis");
    expect(!has_elements || t.data != nullptr, "elements, got a null pointer");
    result.data = reinterpret_cast<T*>(static_cast<char*>(t.data) + t.byte_offset);
    expect(reinterpret_cast<std::uintptr_t>(result.data) % alignof(T) == 0, "aligned elements");
    return result;
  }

 private:
  const dlpack::Tensor& tensor() const { return managed_->tensor; }

  // Builds the message only if it is needed: every call of an operation comes here several times.
  template <class Text>
  void expect(bool holds, const Text& what) const {
    if (!holds) throw std::invalid_argument(name_ + ": expected " + what);
  }

  template <class Element>
  void check_type() const {
    constexpr auto code = std::is_floating_point_v<Element> ? dlpack::kFloat
                          : std::is_signed_v<Element>       ? dlpack::kInt
                                                            : dlpack::kUInt;
    const dlpack::DataType& type = tensor().dtype;
    if (type.code == code && type.bits == 8 * sizeof(Element) && type.lanes == 1) return;
    throw py::type_error(name_ + ": expected " + type_name(code, 8 * sizeof(Element)) + ", got " +
                         type_name(type.code, type.bits));
  }

  // The name that NumPy uses.
  static std::string type_name(int code, std::size_t bits) {
    const std::string size = std::to_string(bits);
    switch (code) {
      case dlpack::kInt:
        return "int" + size;
      case dlpack::kUInt:
        return "uint" + size;
      case dlpack::kFloat:
        return "float" + size;
      case dlpack::kBfloat:
        return "bfloat" + size;
      case dlpack::kComplex:
        return "complex" + size;
      case dlpack::kBool:
        return "bool";
      default:
        return "type code " + std::to_string(code) + " of " + size + " bits";
    }
  }

  std::string name_;
  py::object capsule_;
  const dlpack::Managed* managed_;
};

}  // namespace bitlens
