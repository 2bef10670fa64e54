// The part of DLPack's public ABI (version 1) that a consumer on CPU and CUDA needs; the full text is in
// dmlc/dlpack.
#pragma once

#include <cstdint>

namespace bitlens::dlpack {

enum DeviceType : std::int32_t { kCpu = 1, kCuda = 2 };
enum TypeCode : std::uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6 };
inline constexpr std::uint64_t kReadOnly = 1;  // bit of Managed::flags

struct Device {
  std::int32_t type;
  std::int32_t id;
};

struct DataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: compact and row-major
  std::uint64_t byte_offset;
};

// A capsule named "dltensor_versioned" points to this.
struct Managed {
  struct {
    std::uint32_t major, minor;
  } version;
  void* manager;
  void (*deleter)(Managed*);
  std::uint64_t flags;
  Tensor tensor;
};

}  // namespace bitlens::dlpack
