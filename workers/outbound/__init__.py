"""HTTP to addresses that strangers chose: recordings are fetched and webhooks sent through here, and nothing else is.

`addresses` knows which addresses are public, `guard` connects only to those, at the very address that was checked, and
`http` reads and posts through it. All of it fails closed: what can't be decided is refused.
"""

from workers.outbound.addresses import Allowed
from workers.outbound.guard import Policy, Resolve, policy_of
from workers.outbound.http import Answer, Body, Limits, Outbound

__all__ = ["Allowed", "Answer", "Body", "Limits", "Outbound", "Policy", "Resolve", "policy_of"]
