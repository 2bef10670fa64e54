// Replaces the CUDA back-end in a build without it: every operation raises an error.
#pragma once

#include "core/backends.hpp"

namespace bitlens::cuda {

[[noreturn]] void refuse();

template <class Operation>
void run(const Operation&, Stream) {
  refuse();
}

}  // namespace bitlens::cuda
