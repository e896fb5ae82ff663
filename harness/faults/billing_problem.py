"""The account's billing is out of order."""

from __future__ import annotations

from .spoken import Spoken


class BillingProblem(Spoken):
    """Refuse every request because the account's billing is out of order: a card that fails, a contract that ended."""

    failure_kind = "billing_problem"


FAULT = BillingProblem
