"""How the system stands, found out for real.

health.py       the words: status, finding, system health
monitor.py      runs all checks side by side, each with a deadline, and shares the result
checks.py       Temporal, MongoDB, snapshots, providers, disk
occasional.py   asks seldom where asking costs something elsewhere
workers.py      whether a worker lives and polls
pollers.py      what Temporal says about who polls
load.py         the machine's load, sampled
metrics.py      counts and load
announcing.py   the two system events, each written once whatever the number of API processes
watch.py        looks all the time
prometheus.py   counts, times and states for Prometheus
"""
