"""`python -m banstorm.router`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="python -m banstorm.router")
