"""nginx as a plain load balancer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from ._balancer import MachineBalancerTarget, address
from ._baseline import Baseline
from ._installation import program
from ._program import Launch
from .base import ProviderAt

ADVICE: Final = "apt-get install nginx, or your system's own way"
NEXT_UPON: Final = "error timeout invalid_header http_500 http_502 http_503 http_504 http_403 http_429 non_idempotent"
"""All that nginx knows but 404; it has no word for 400 and 401."""


class NginxTarget(MachineBalancerTarget):
    """The machine's own nginx: the first provider, the others as its backups."""

    name: ClassVar[str] = "nginx"
    advice: ClassVar[str] = ADVICE

    def render(self, base: Baseline, providers: Mapping[str, ProviderAt], port: int, home: Path) -> Launch:
        """A configuration file whose every path lies in the run's folder, and nginx in the foreground."""
        places = [address(each) for each in providers.values()]
        (host, at), *others = places
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        lines = [
            *(["user root;"] if os.geteuid() == 0 else []),
            "daemon off;",
            "worker_processes 2;",
            f'pid "{home}/nginx.pid";',
            "error_log stderr error;",
            "events { worker_connections 8192; }",
            "http {",
            "  access_log off;",
            *(f'  {each}_temp_path "{home}/{each}";' for each in temporary),
            "  upstream providers {",
            f"    server {host}:{at} max_fails=5 fail_timeout=5s;",
            *(f"    server {each}:{number} backup;" for each, number in others),
            "    keepalive 256;",
            "  }",
            "  server {",
            f"    listen 127.0.0.1:{port};",
            "    client_max_body_size 32m;",
            "    location / {",
            "      proxy_pass http://providers;",
            "      proxy_http_version 1.1;",
            '      proxy_set_header Connection "";',
            "      proxy_buffering off;",
            "      proxy_connect_timeout 1s;",
            f"      proxy_read_timeout {base.timeout_ms}ms;",
            f"      proxy_next_upstream {NEXT_UPON};",
            f"      proxy_next_upstream_tries {len(places)};",
            "    }",
            "  }",
            "}",
        ]
        first = next(iter(providers.values()))
        words = ["-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
        return Launch(
            command=[program("nginx", ADVICE), *words],
            base_url=f"http://127.0.0.1:{port}/v1",
            model=first.model,
            api_key=first.key,
            files={"nginx.conf": "\n".join([*lines, ""])},
            departures=[
                f"proxy_read_timeout {base.timeout_ms} ms (default 60 s), proxy_connect_timeout 1 s (default 60 s)",
                f"proxy_next_upstream {NEXT_UPON} (default error timeout)",
                "max_fails 5, fail_timeout 5 s (default 1, 10 s); backup servers; proxy_buffering off (default on)",
            ],
        )


TARGET = NginxTarget
