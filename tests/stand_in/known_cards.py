"""Cards as they are met, for tests that ask what becomes of each."""

from __future__ import annotations

from tests.stand_in.cards import Card

LAPTOP = Card()
DESKTOP = Card(name="NVIDIA GeForce RTX 4090", total_gb=24.0, processors=128)
TURING = Card(name="Tesla T4", total_gb=14.6, capability=(7, 5), processors=40)  # of 16 GB on its box
PASCAL = Card(name="NVIDIA GeForce GTX 1080", total_gb=8.0, capability=(6, 1), processors=20)
RADEON = Card(name="AMD Radeon RX 7600", total_gb=8.0, capability=(11, 0), processors=32)
LARGE_RADEON = Card(name="AMD Radeon RX 7900 XT", total_gb=16.0, capability=(11, 0), processors=84)
SMALL_INSTANCE, LARGE_INSTANCE = (
    Card(name=f"NVIDIA A100-SXM4-40GB MIG {share}", total_gb=size, capability=(8, 0), uuid=uuid, processors=14)
    for share, size, uuid in (("1g.10gb", 9.75, "MIG-1a"), ("3g.20gb", 19.5, "MIG-3a"))
)

# torch's own build for CUDA 12.6, the last one for cards before Turing.
FOR_OLD_CARDS = "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"
