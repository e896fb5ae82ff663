"""The command: `python -m banstorm.router --config router.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .errors import ConfigError
from .load_config import load_config


@click.command(name="router")
@click.option("--config", "config_path", required=True, type=click.Path(path_type=Path), help="The router.yaml to run.")
@click.option("--host", default=None, help="Address to listen on, instead of the configured one (127.0.0.1).")
@click.option("--port", default=None, type=click.IntRange(0, 65535), help="Port to listen on, 0 for any free one.")
@click.option("--check", is_flag=True, help="Only check the configuration.")
def main(config_path: Path, host: str | None, port: int | None, *, check: bool) -> None:
    """Run the reference router: an OpenAI-compatible front over the configured providers."""
    try:
        config = load_config(config_path)
        listen = config.listen.model_copy(
            update={name: value for name, value in (("host", host), ("port", port)) if value is not None}
        )
        config = config.model_copy(update={"listen": listen})
        if check:
            click.echo(f"{config_path}: {len(config.providers)} providers, no mistakes found")
            return
        # Late: checking a configuration needs no HTTP stack.
        from .serve import serve

        serve(config)
    except ConfigError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
