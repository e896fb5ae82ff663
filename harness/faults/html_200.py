"""A page in place of an answer: a captive portal, a login page, a maintenance page that says 200."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from ...fakes.dialects.base import Reply
from .base import Action, Context, Fault, Respond

PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>Scheduled maintenance</title></head>\n"
    "<body><h1>We will be right back</h1><p>This service is being maintained. Try again in a few minutes.</p></body>"
    "</html>\n"
)
"""What is shown unless the scenario says something else."""


class Html200(Fault):
    """Answer every request, plain or streamed, with an HTML page under status 200."""

    reaches_provider = False
    billed = False

    page: str = Field(default=PAGE, min_length=1, max_length=65536, description="the page, as HTML")

    def on_request(self, context: Context) -> Action:
        """Show the page."""
        body = self.page.encode()
        headers = [("content-type", "text/html; charset=utf-8"), ("content-length", str(len(body)))]
        return Respond(Reply(200, headers, body))


FAULT = Html200
