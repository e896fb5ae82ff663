"""xAI: `{"code": …, "error": …}`, where one code stands for a refused prompt and for a refused account alike.

So the words decide. A wrong key is a 400, and an empty balance a 403 or a 429. The threads are named in the rows.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    # inspect_ai#2267, sub2api#4785
    row(M.REQUEST, "content_policy", status=(400, 403), words=r"Content violates usage guidelines"),
    # continue#12670, griptape-nodes-engine#1079, sub2api#4069
    row(
        M.ACCOUNT,
        "no_credit",
        status=(403, 429),
        words=r"Your newly created teams? doesn't have any credits|You have run out of credits",
    ),
    # As 429 and as 403: continue#10373, warp#14863
    row(
        M.ACCOUNT,
        "spend_limit",
        status=(403, 429),
        words=r"Your team \S+ has either used all available credits or reached its monthly spending limit",
    ),
    # continue#10778, codex#1352
    row(M.CREDENTIAL, "bad_key", status=(400,), words=r"Incorrect API key provided: "),
)
