"""Planted leaks that the audit must catch, and honest experiments that must not alarm it.

Every leak is a user's own member in a file beside this one, named in a configuration as any other:
`features: [path/to/features.py:NextBar]`. Each experiment has one fault.
"""

from candlewick.testing.planted._listing import Planted
from candlewick.testing.planted.clean import CLEAN
from candlewick.testing.planted.leaks import PLANTED

__all__ = ["CLEAN", "PLANTED", "Planted"]
