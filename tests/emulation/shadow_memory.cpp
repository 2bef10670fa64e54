// Stops at accesses of two threads of a block to the same byte that no barrier orders, if one of them writes.
//
// GCC's -fsanitize=thread makes every access of the kernels' text call the functions below, in place of those
// of its own library. __syncthreads orders the accesses of a block, and __syncwarp those of a warp. Votes and
// shuffles order no memory. Atomic functions need no order among themselves.
#include <dlfcn.h>

#include <memory>
#include <unordered_map>

#include "cuda_runtime.h"

namespace emulation {
namespace {

constexpr unsigned kNobody = ~0U;
constexpr unsigned kMostWarps = 8;  // of a block of our kernels

// By whom, since which barriers, and which bytes of a word.
struct Access {
  unsigned thread = kNobody;
  unsigned block_barriers = 0;
  unsigned warp_barriers = 0;
  unsigned bytes = 0;
};

// The last write to four bytes, the last two threads that changed them by an atomic function, and the last
// two readers of each warp: of two, one is not the thread that is compared with them.
struct Word {
  unsigned block = 0;
  Access written;
  Access changed[2];
  Access read[kMostWarps][2];
};

void remember(Access (&last)[2], const Access& access) {
  if (last[0].thread != access.thread) last[1] = last[0];
  last[0] = access;
}

constexpr std::uintptr_t kWordsOfPage = 1024;
using Page = std::unique_ptr<Word[]>;
std::unordered_map<std::uintptr_t, Page> pages;
unsigned block = 0;  // how many blocks have run

Word& word_at(std::uintptr_t number) {
  static std::uintptr_t last_page = 0;
  static Word* last = nullptr;
  if (const std::uintptr_t page = number / kWordsOfPage; !last || page != last_page) {
    Page& found = pages[page];
    if (!found) found.reset(new Word[kWordsOfPage]);
    last_page = page;
    last = found.get();
  }
  Word& word = last[number % kWordsOfPage];
  if (word.block != block) {
    word = Word{};
    word.block = block;
  }
  return word;
}

bool conflict(const Access& before, const Access& access) {
  if (before.thread == kNobody || before.thread == access.thread || !(before.bytes & access.bytes))
    return false;
  if (before.block_barriers != access.block_barriers) return false;
  return before.thread / kWarp != access.thread / kWarp || before.warp_barriers == access.warp_barriers;
}

[[noreturn]] void report(const char* what, unsigned first, unsigned second, void* caller) {
  Dl_info module{};
  dladdr(caller, &module);
  std::fprintf(stderr,
               "emulation: %s by threads %u and %u without a barrier between; addr2line -Cfie %s %lx\n", what,
               first, second, module.dli_fname,
               static_cast<unsigned long>(static_cast<char*>(caller) - static_cast<char*>(module.dli_fbase)));
  std::abort();
}

enum class Kind { read, write, atomic };

void touch(const volatile void* address, unsigned size, Kind kind, void* caller) {
  if (!in_kernel) return;
  in_kernel = false;
  const auto start = reinterpret_cast<std::uintptr_t>(address), end = start + size;
  for (std::uintptr_t number = start / 4; number * 4 < end; ++number) {
    Access access{threadIdx.x, block_barriers, current->warp_barriers, 0};
    for (unsigned byte = 0; byte < 4; ++byte) {
      if (number * 4 + byte >= start && number * 4 + byte < end) access.bytes |= 1U << byte;
    }
    Word& word = word_at(number);
    const auto refuse = [&](const Access& before, const char* what) {
      if (conflict(before, access)) report(what, before.thread, access.thread, caller);
    };
    refuse(word.written, kind == Kind::read ? "a write and a read" : "two writes");
    if (kind != Kind::atomic) {
      for (const Access& change : word.changed) refuse(change, "an atomic function and another access");
    }
    if (kind == Kind::read) {
      remember(word.read[access.thread / kWarp % kMostWarps], access);
      continue;
    }
    for (const auto& of_warp : word.read) {
      for (const Access& reader : of_warp) refuse(reader, "a read and a write");
    }
    if (kind == Kind::atomic) {
      remember(word.changed, access);
    } else {
      word.written = access;
    }
  }
  in_kernel = true;
}

}  // namespace

void forget_accesses() { ++block; }

void note_atomic(const volatile void* address, unsigned size, void* caller) {
  touch(address, size, Kind::atomic, caller);
}

}  // namespace emulation

// The functions that GCC calls.
#define CALLER __builtin_return_address(0)
#define ACCESSES(size)                                                                                      \
  void __tsan_read##size(void* at) { emulation::touch(at, size, emulation::Kind::read, CALLER); }           \
  void __tsan_write##size(void* at) { emulation::touch(at, size, emulation::Kind::write, CALLER); }         \
  void __tsan_unaligned_read##size(void* at) { emulation::touch(at, size, emulation::Kind::read, CALLER); } \
  void __tsan_unaligned_write##size(void* at) { emulation::touch(at, size, emulation::Kind::write, CALLER); }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
void __tsan_read_range(void* at, unsigned long size) {
  emulation::touch(at, static_cast<unsigned>(size), emulation::Kind::read, CALLER);
}
void __tsan_write_range(void* at, unsigned long size) {
  emulation::touch(at, static_cast<unsigned>(size), emulation::Kind::write, CALLER);
}
void* __tsan_memcpy(void* to, const void* from, unsigned long size) {
  return __builtin_memcpy(to, from, size);
}
void* __tsan_memset(void* to, int value, unsigned long size) { return __builtin_memset(to, value, size); }
// Guards of static variables of the emulation.
char __tsan_atomic8_load(const volatile char* at, int) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
int __tsan_atomic32_load(const volatile int* at, int) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
int __tsan_atomic32_fetch_add(volatile int* at, int value, int) {
  return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);
}
}
