// The one parallel loop of the CPU back-end.
#pragma once

#include <functional>

#include "core/view.hpp"

namespace bitlens::cpu {

// Runs body(i) for i in [0, count) on num_threads() threads, in any order. A body writes only the results of
// its i, which keeps results independent of the number of threads. The first exception stops the loop and is
// rethrown.
void parallel_for(Index count, const std::function<void(Index)>& body);

// The number of threads may change at any time, also during a loop, which keeps the number that it started
// with.
void set_num_threads(int threads);
int num_threads();

// `check` is called from time to time during a loop, from the thread that runs the loop. It may throw to end
// the loop (Ctrl-C).
void set_interrupt_check(void (*check)());

// Makes that check, for a body that takes long. Does nothing on the threads that help.
void throw_if_interrupted();

}  // namespace bitlens::cpu
