"""The door to KCL: evaluates infras' settings files, whoever wrote them.

A settings file is a program. What keeps it from harm, from the outside in:

- **A copy.** What is evaluated is a private copy of the infra's folder (`copying.py`): regular files within
  bounds, no links but those that stay inside, no `kcl.mod` of the user's. Everything else is refused first.
- **A process of its own** for each evaluation (`evaluation.py`, `child.py`), with an empty environment and
  limits on memory, processor time, wall time and written bytes (`limits.py`): KCL holds the GIL, ends the
  process at runaway recursion and never tires of loops. Few run at once, and the rest wait.
- **The kernel** (`confinement.py`), as far as it allows, for root or anybody: no new privileges; Landlock,
  under which nothing but the copy can be read, nothing written and no TCP used; namespaces without a
  network; a root directory of its own; no capabilities.
- **KCL itself**, which reads no file outside the module's root, and which is told that root.

Where the kernel grants neither Landlock nor a root directory, files that import KCL's `file` module are
refused (`imports.py`), so that KCL's own rule never stands alone.
"""
