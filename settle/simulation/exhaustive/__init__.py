"""Everything that can happen to one small saga: all orders, losses, repetitions and crashes, not some of them.

The decisions are those that ship: `advance`, `take_part` and the admission of the kernel.
"""
