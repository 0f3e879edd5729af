"""Servers at AWS: EC2 instances, found again by their tags.

entry.py       how the provider is made from the settings
provider.py    what it promises: check, create, find, delete, abandon, resume, check_access
cloud.py       the parts that every step works with
options.py     what an operator decides, from the settings
creation.py    one attempt at a server, and what is left when several were made at once
launch.py      the call that makes an instance
removal.py     a server gone, with its volumes and the last one's security group
instances.py   instances as AWS shows them
tags.py        our tags, and the labels among them
places.py      the form of plans, zones and images
images.py      which image a name stands for
doorway.py     the login key, and the group that lets us in
groups.py      the security group of an infra
user_data.py   the host key, handed over by cloud-init
calls.py       the one door to boto3, each call in a thread
errors.py      the one table from AWS's error codes to ours
"""
