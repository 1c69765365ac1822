"""Generated inputs, most of them malformed: every one gives the right object or a clear error, in time and memory.

`make fuzz` looks at 2,000 in a random order, the normal tests at 200, always the same.
"""
