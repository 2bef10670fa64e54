// One binary serves all machines of an architecture: the loops of this folder are compiled once for each
// instruction set, and one copy is chosen when the program runs.
//
// A group of loops is a struct of function pointers. Its source is compiled once for each instruction set,
// within the namespace of that name. It includes nothing that may emit a shared copy of an inline function:
// the linker would keep any one of the copies, and a machine without that instruction set would run it.
#pragma once

#if defined(__x86_64__)
#define BITLENS_X86_DISPATCH 1
#endif

namespace bitlens::cpu {

enum class Isa { baseline, avx2, avx512 };

// The best instruction set that this machine has, or the lower one that the environment variable BITLENS_SIMD
// names. Throws std::runtime_error if this machine does not have the named one.
Isa isa();

// Its name, as in BITLENS_SIMD.
const char* isa_name();

}  // namespace bitlens::cpu

// Declares the constant `name` of type `Loops` in every instruction set's namespace, and name() for the one
// in use.
#ifdef BITLENS_X86_DISPATCH
#define BITLENS_LOOPS(Loops, name)                           \
  namespace baseline {                                       \
  extern const Loops name;                                   \
  }                                                          \
  namespace avx2 {                                           \
  extern const Loops name;                                   \
  }                                                          \
  namespace avx512 {                                         \
  extern const Loops name;                                   \
  }                                                          \
  inline const Loops& name() {                               \
    if (isa() == Isa::avx512) return avx512::name;           \
    return isa() == Isa::avx2 ? avx2::name : baseline::name; \
  }
#else
#define BITLENS_LOOPS(Loops, name) \
  namespace baseline {             \
  extern const Loops name;         \
  }                                \
  inline const Loops& name() { return baseline::name; }
#endif
