// The one parallel loop of the CPU back-end.
#pragma once

#include <functional>

#include "core/view.hpp"

namespace bitlens::cpu {

// Runs body(i) for i in [0, count) on the set number of threads, in any order: a body writes only what
// belongs to its i, which keeps results independent of the number of threads. The first exception stops the
// loop and is rethrown.
void parallel_for(Index count, const std::function<void(Index)>& body);

void set_num_threads(int threads);
int num_threads();

// Called now and then from the calling thread during long loops; it may throw to end them (Ctrl-C).
void set_interrupt_check(void (*check)());

}  // namespace bitlens::cpu
