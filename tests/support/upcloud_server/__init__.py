"""A small UpCloud: a process that follows its public API documentation, version 1.3, as far as we use it.

State changes take time, errors bear UpCloud's codes, a server has to be stopped before it is deleted, and
there is no idempotency: two orders make two servers. `/control` is ours, for what a test wants to go wrong.
"""
