// The sections of the module; each defines the Python functions of some operations.
#pragma once

#include <pybind11/pybind11.h>

namespace bitlens {

void define_neighbors(pybind11::module_& m);
void define_channels(pybind11::module_& m);
void define_values(pybind11::module_& m);
void define_matrices(pybind11::module_& m);
void define_runtime(pybind11::module_& m);

}  // namespace bitlens
