// The compiled module: its table of contents, and its entry point.
#include <pybind11/pybind11.h>

#include "bindings/sections.hpp"

namespace bitlens {

namespace py = pybind11;

PYBIND11_MODULE(core_of_main_interpreter, m, py::mod_gil_not_used(),
                py::multiple_interpreters::not_supported()) {
  define_runtime(m);
  define_neighbors(m);
  define_channels(m);
  define_values(m);
  define_matrices(m);
}

// pybind11's entry point waits forever for the GIL when Python 3.11 calls it in a subinterpreter, so the
// interpreter is checked first.
// NOLINTNEXTLINE(bugprone-reserved-identifier): Python gives the name
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "bitlens: expected the main interpreter, got a subinterpreter");
    return nullptr;
  }
  return PyInit_core_of_main_interpreter();
}

}  // namespace bitlens
