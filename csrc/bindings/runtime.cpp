// The module's own properties: how it was built, how many threads it uses, and the constants of its
// back-ends.
#include <pybind11/pybind11.h>

#include "bindings/interpreter_lock.hpp"
#include "bindings/sections.hpp"
#include "core/backends.hpp"
#include "core/check.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens {
namespace {

namespace py = pybind11;

// The calling thread of a kernel checks for Ctrl-C from time to time.
void check_for_interrupt() {
  const InterpreterLocked locked;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

py::dict build_info() {
  py::dict info;
  info["version"] = BITLENS_VERSION;
  info["compiler"] = BITLENS_COMPILER;
  info["flags"] = BITLENS_FLAGS;
#ifdef NDEBUG
  info["optimized"] = true;
#else
  info["optimized"] = false;
#endif
  info["simd"] = cpu::isa_name();
  info["cuda"] = cuda::architectures();
  return info;
}

}  // namespace

void define_runtime(py::module_& m) {
  cpu::isa();  // a BITLENS_SIMD that this machine lacks becomes an ImportError
  cpu::set_interrupt_check(check_for_interrupt);
  m.def("set_num_threads", cpu::set_num_threads, py::arg("threads"));
  m.def("num_threads", cpu::num_threads);
  m.def("build_info", build_info);
  m.attr("MAX_BINS") = kMaxBins;
  m.attr("CPU_PANEL") = kCpu.panel;
  m.attr("CUDA_PAIR_MARKS") = kCuda.pair_marks;
  m.attr("CUDA_PANEL") = kCuda.panel;
  m.attr("CUDA_SCAN_SCRATCH") = kCuda.scan_scratch;
  m.attr("CUDA_SEARCH_BATCH") = kCuda.search_batch;
}

}  // namespace bitlens
