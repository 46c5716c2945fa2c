"""A stand-in for the CUDA driver: torch.cuda's own Python runs over pretended cards, and the CPU computes.

Replaced are functions of ``torch._C`` and the C functions and methods of torch that take or tell a device; all Python
of torch.cuda, torch.amp, checkpointing and optimizers is the real one, so a wrong argument fails as on a card. Which
*storages* lie on a card is written on the storages: a dispatch mode sees every aten operation, in backward too.

- in this process: ``install.pretended_cards``; everything is as before when it ends.
- in whole processes, Ray's workers included: the environment of ``processes.environment``.

It needs a torch that is built for the CPU. Left out:

- speed, and the order in which a card's streams would run: every operation is done when it returns;
- the values of a card's kernels, and its random numbers: the CPU's, though from a stream of the card's own;
- autocast's own list of operations: the CPU's list is used, and CPU tensors within autocast("cuda") are lowered too;
- fragmentation, and memory that kernels take for themselves beside cuBLAS's workspace: allocated bytes are those of
  storages, rounded up to 512, as first seen (a later ``resize_`` is not), reserved ones the highest since
  ``empty_cache``;
- other processes on a card: they hold ``Card.used_gb``, whatever they do;
- ``with torch.device("cuda")`` and ``set_default_device``, ``torch.cuda.Stream`` and ``Event``, CUDA graphs, pinned
  memory, NCCL, NVML, IPC, dlpack, torch.compile, torch.jit.script of what makes tensors; ``torch.save`` and pickling
  write a card's tensor as the CPU's;
- devices that C++ compares by itself, as when a gradient is assigned: there all tensors lie on the CPU;
- threads that Python did not start, until they name a CUDA device for the first time, and threads that are still
  running when the stand-in is taken out;
- in whole processes: another ``sitecustomize`` of the same interpreter, which is not read.
"""
