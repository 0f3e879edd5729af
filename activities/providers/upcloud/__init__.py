"""Servers at UpCloud, found again by their labels. Only this package speaks to its API.

entry.py        how the provider is made from the settings
provider.py     what it promises: check, create, find, delete, abandon, check_access
creation.py     one attempt at a server, among others that may be under way
lifecycle.py    bringing a server up, and taking it away
pace.py         how long things may take
orders.py       what we ask for when we want a server
offers.py       which plans and templates there are
labels.py       what is written on a server
plans.py        the form of plans, zones, names and labels
client.py       the calls that we make, each in a thread
transport.py    how they travel, below the official library
credentials.py  who we are
answers.py      what we read of the answers
failures.py     the one table from UpCloud's error codes to ours
"""
