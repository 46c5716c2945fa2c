"""Which errors mean that memory has run out, which that the process is lost, and which speak against the trial itself.

A stage that ran out is tried in smaller parts: ``memory_fit`` before its first step, ``search.ray.fold_runner`` later,
``store.failures`` for the next attempt.
"""

from __future__ import annotations

from typing import Literal

import torch

_OUT_OF_MEMORY_CODE = 2  # cudaErrorMemoryAllocation
_NO_MEMORY = ("_ALLOC_FAILED", "_NOT_INITIALIZED", "CUDA error: out of memory", "HIP error: out of memory")
_NO_HOST_MEMORY = "DefaultCPUAllocator: can't allocate memory"
_LOST = ("CUDA error:", "CUDA driver error:", "HIP error:", "cuDNN error:", "MIOpen Error")

Verdict = Literal["memory", "lost", "trial"]


def verdict(error: BaseException) -> Verdict:
    """What an error of a fold trial speaks against: the memory of its slot, the process, or the trial itself.

    Libraries tell of memory in their own words. After any other error of a kernel every later call fails as well, or
    worse: the process can only end (https://docs.nvidia.com/cuda/cuda-runtime-api/, "sticky" errors).
    """
    if isinstance(error, torch.OutOfMemoryError):
        return "memory"
    if isinstance(error, MemoryError):  # of the host, which gets it back when the process ends
        return "lost"
    if not isinstance(error, RuntimeError):
        return "trial"
    said = str(error)
    if getattr(error, "error_code", None) == _OUT_OF_MEMORY_CODE or any(words in said for words in _NO_MEMORY):
        return "memory"
    is_lost = isinstance(error, torch.AcceleratorError) or said.startswith(_LOST) or _NO_HOST_MEMORY in said
    return "lost" if is_lost else "trial"
