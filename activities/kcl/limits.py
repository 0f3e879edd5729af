"""What one evaluation may take, as the parent and the child keep to it."""

MEMORY = 512 * 1024 * 1024
"""Bytes of address space. A settings file of 1,000 servers takes 123 MB."""

CPU_SECONDS = 4
"""Processor time. A settings file of 1,000 servers takes 1 to 1.5 s, one of a few 0.2 s."""

DEADLINE = 9
"""Seconds from the beginning of the copy to the end of the child, on however busy a machine."""

RESULT = 4 * 1024 * 1024
"""Bytes of the settings as JSON."""

WRITTEN = 4 * RESULT
"""Bytes of any file that the child writes: its answer, and what KCL prints."""

OPEN_FILES = 64

FILE = 1024 * 1024
"""Bytes of one file in an infra's folder."""

ALL_FILES = 8 * 1024 * 1024
"""Bytes of all of them."""

ENTRIES = 1000
"""Files, folders and links in an infra's folder."""

DEPTH = 16
"""Folders within folders."""
