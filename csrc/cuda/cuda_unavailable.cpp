// The error of a build without CUDA.
#include "cuda/cuda_unavailable.hpp"

#include <stdexcept>

namespace bitlens::cuda {

void refuse() {
  throw std::runtime_error(
      "bitlens was built without CUDA: install it where nvcc is found (BITLENS_CUDA=ON makes its absence an "
      "error), or pass the tensor's .cpu()");
}

Index workspace_for_matrix(Index, bool) { refuse(); }

const char* architectures() { return ""; }

}  // namespace bitlens::cuda
