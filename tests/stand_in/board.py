"""A card as one process uses it: what is allocated on it, and the error where that is too much."""

from __future__ import annotations

import torch

from tests.stand_in.cards import GB, Card
from tests.stand_in.generator import CardGenerator

_ROUNDING = 512  # bytes: no block of CUDA's allocator is smaller


class Block:
    """Bytes of one storage, held for as long as the storage holds this. Without a board: C++ made it, see ops."""

    __slots__ = ("board", "size")

    def __init__(self, board: Board | None, size: int) -> None:
        self.board, self.size = board, size

    def __del__(self) -> None:
        if self.board is not None:
            self.board.allocated -= self.size


class Board:
    """The memory and the random numbers of one card."""

    def __init__(self, index: int, card: Card) -> None:
        self.index, self.card = index, card
        self.device = torch.device("cuda", index)
        self.total = round(card.total_gb * GB)
        self.fraction = 1.0
        self.allocated = self.peak = self.reserved = self.reserved_peak = 0
        self.ever_allocated = self.ooms = 0
        self.context = 0
        self.workspace: Block | None = None
        self.generator = CardGenerator(index)

    @property
    def free(self) -> int:
        """What the card has left for anyone."""
        return max(0, self.total - int(self.card.used_gb * GB) - self.context - self.reserved)

    def touch(self) -> None:
        """Make this process's context, if it has none."""
        self.context = int(self.card.context_gb * GB)

    def allocate(self, size: int) -> Block:
        """A block of ``size`` bytes.

        Raises:
            torch.OutOfMemoryError: neither the cap nor the card has room, though the cache were released.
        """
        size += -size % _ROUNDING
        self.context = self.context or int(self.card.context_gb * GB)
        if size > min(int(self.fraction * self.total), self.free + self.reserved) - self.allocated:
            self.ooms += 1
            raise self.out_of_memory(size)
        self.allocated += size
        self.ever_allocated += size
        if self.allocated > self.peak:
            self.peak = self.allocated
        if self.allocated > self.reserved:
            self.reserved = self.allocated
            self.reserved_peak = max(self.reserved, self.reserved_peak)
        return Block(self, size)

    def use_workspace(self) -> None:
        """What cuBLAS allocates before its first product."""
        if self.workspace is None:
            self.workspace = self.allocate(int(self.card.workspace_mb * 2**20))

    def empty_cache(self) -> None:
        """Give back what no storage holds."""
        self.reserved = self.allocated

    def reset_peak(self) -> None:
        """Begin to look for the peak anew."""
        self.peak, self.reserved_peak = self.allocated, self.reserved

    def out_of_memory(self, size: int) -> torch.OutOfMemoryError:
        """The error in CUDA's words."""
        allowed = "" if self.fraction == 1.0 else f" {_size(int(self.fraction * self.total))} allowed;"
        return torch.OutOfMemoryError(
            f"CUDA out of memory. Tried to allocate {_size(size)}. GPU {self.index} has a total capacity of "
            f"{_size(self.total)} of which {_size(self.free)} is free. Including non-PyTorch memory, this process has "
            f"{_size(self.context + self.reserved)} memory in use.{allowed} Of the allocated memory "
            f"{_size(self.allocated)} is allocated by PyTorch, and {_size(self.reserved - self.allocated)} is reserved "
            "by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
            "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory "
            "Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
        )

    def stats(self) -> dict[str, object]:
        """What ``torch._C._cuda_memoryStats`` tells; counts of blocks and segments stay zero."""
        none = dict.fromkeys(("current", "peak", "allocated", "freed"), 0)
        ever = {"allocated": self.ever_allocated, "freed": self.ever_allocated - self.allocated}
        held = {"current": self.allocated, "peak": self.peak} | ever
        kept = none | {"current": self.reserved, "peak": self.reserved_peak}
        told = {"allocated_bytes": held, "active_bytes": held, "requested_bytes": held, "reserved_bytes": kept}
        kinds = ("allocation", "segment", "active", "inactive_split", "inactive_split_bytes", *told)
        pools = {kind: {"all": told.get(kind, none), "large_pool": none, "small_pool": none} for kind in kinds}
        others = {"oversize_allocations": none, "oversize_segments": none, "max_split_size": -1}
        counts = dict.fromkeys(("num_alloc_retries", "num_sync_all_streams", "num_device_alloc", "num_device_free"), 0)
        return pools | others | counts | {"num_ooms": self.ooms}


def _size(count: int) -> str:
    for name, unit in (("GiB", GB), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= unit:
            return f"{count / unit:.2f} {name}"
    return f"{count} bytes"
