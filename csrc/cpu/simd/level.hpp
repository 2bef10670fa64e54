// One binary for all machines of an architecture: the loops of this folder are compiled once for each
// instruction set below and chosen when the program runs.
//
// A group of loops is a struct of function pointers. Its source is compiled once for each level, within the
// namespace of that name, and includes nothing that may leave a shared copy of an inline function behind: the
// linker would keep any one of the copies, and a machine without that instruction set would run it.
#pragma once

#if defined(__x86_64__)
#define BITLENS_X86_LEVELS 1
#endif

namespace bitlens::cpu {

enum class Level { baseline, avx2, avx512 };

// The best level that this machine has, or the lower one that the environment variable BITLENS_SIMD names.
// Throws std::runtime_error if that is no level of this machine.
Level level();

// Its name, as BITLENS_SIMD takes it.
const char* level_name();

}  // namespace bitlens::cpu

// Declares the constant `name` of type `Loops` in every level's namespace, and name() for the level in use.
#ifdef BITLENS_X86_LEVELS
#define BITLENS_LOOPS(Loops, name)                               \
  namespace baseline {                                           \
  extern const Loops name;                                       \
  }                                                              \
  namespace avx2 {                                               \
  extern const Loops name;                                       \
  }                                                              \
  namespace avx512 {                                             \
  extern const Loops name;                                       \
  }                                                              \
  inline const Loops& name() {                                   \
    if (level() == Level::avx512) return avx512::name;           \
    return level() == Level::avx2 ? avx2::name : baseline::name; \
  }
#else
#define BITLENS_LOOPS(Loops, name) \
  namespace baseline {             \
  extern const Loops name;         \
  }                                \
  inline const Loops& name() { return baseline::name; }
#endif
