"""Hand-made DLPack capsules, for claims that no array library makes."""

from __future__ import annotations

import ctypes

import numpy as np

CPU, CUDA, METAL = 1, 2, 8
FLOAT = 2
READ_ONLY = 1


class _Managed(ctypes.Structure):
    """DLManagedTensorVersioned, with its inner structures flattened."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_new_capsule.restype = ctypes.py_object


class Exporter:
    """A float64 NumPy array that claims to be something else: any field of the capsule may be overridden."""

    def __init__(self, array: np.ndarray, *, name: bytes = b"dltensor_versioned", **claims):
        self.array = array
        self.name = name
        self.strides = (ctypes.c_int64 * array.ndim)(*(stride // array.itemsize for stride in array.strides))
        self.shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        fields = {
            "major": 1,
            "data": array.ctypes.data,
            "device": CPU,
            "ndim": array.ndim,
            "code": FLOAT,
            "bits": 64,
            "lanes": 1,
            "shape": self.shape,
            "strides": self.strides,
        }
        self.managed = _Managed(**{**fields, **claims})

    def __dlpack_device__(self):
        return self.managed.device, self.managed.device_id

    def __dlpack__(self, *, max_version, stream):
        self.asked = {"max_version": max_version, "stream": stream}
        return _new_capsule(ctypes.addressof(self.managed), self.name, None)
