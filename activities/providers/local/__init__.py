"""Servers on this machine: each one a box of its own, or at least a process of its own, reached over SSH."""
