// Chooses the instruction set, once.
#include "cpu/simd/isa_dispatch.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace bitlens::cpu {
namespace {

constexpr const char* kNames[] = {"baseline", "avx2", "avx512"};

Isa best() {
#ifdef BITLENS_X86_DISPATCH
  // The instruction sets that the compiler's x86-64-v3 and x86-64-v4 stand for.
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v3 && v4) return Isa::avx512;
  if (v3) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa choose() {
  const char* wanted = std::getenv("BITLENS_SIMD");
  if (!wanted || !*wanted) return best();
  std::string available;
  for (int l = 0; l <= static_cast<int>(best()); ++l) {
    if (std::string(wanted) == kNames[l]) return static_cast<Isa>(l);
    available += (l ? ", " : "") + std::string(kNames[l]);
  }
  throw std::runtime_error("BITLENS_SIMD: this machine has " + available + ", got " + wanted);
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

const char* isa_name() { return kNames[static_cast<int>(isa())]; }

}  // namespace bitlens::cpu
