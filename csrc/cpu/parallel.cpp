// Uses std::thread rather than OpenMP: a process with PyTorch gets no second OpenMP runtime, and sanitizers
// see every lock.
#include "cpu/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/check.hpp"

namespace bitlens::cpu {
namespace {

std::atomic<int> thread_count{static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))};
std::atomic<void (*)()> interrupt_check{nullptr};
thread_local bool watches_for_interrupts = false;

}  // namespace

void set_num_threads(int threads) {
  require(threads >= 1, "threads: expected at least 1, got " + std::to_string(threads));
  thread_count = threads;
}

int num_threads() { return thread_count; }
void set_interrupt_check(void (*check)()) { interrupt_check = check; }

void throw_if_interrupted() {
  if (watches_for_interrupts && interrupt_check) interrupt_check.load()();
}

void parallel_for(Index count, const std::function<void(Index)>& body) {
  std::atomic<Index> next{0};
  std::exception_ptr failure;
  std::mutex failure_lock;

  // Relaxed: starting and joining the threads orders everything else. A stronger counter would also order a
  // body after all bodies that ended before it, and hide races between them from the thread sanitizer.
  auto take = [&next] { return next.fetch_add(1, std::memory_order_relaxed); };

  auto work = [&](bool watches) {
    watches_for_interrupts = watches;
    try {
      for (Index i = take(); i < count; i = take()) {
        body(i);
        throw_if_interrupted();
      }
    } catch (...) {
      std::lock_guard lock(failure_lock);
      if (!failure) failure = std::current_exception();
      next.store(count, std::memory_order_relaxed);
    }
  };

  const Index helpers = std::min<Index>(thread_count, count) - 1;
  std::vector<std::jthread> threads;
  try {
    for (Index t = 0; t < helpers; ++t) threads.emplace_back(work, false);
  } catch (const std::system_error&) {
    // The system starts no more threads. Those that there are do all the work.
  }
  work(true);
  threads.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace bitlens::cpu
