"""Run the command line with `python -m mesotape`."""

from .proxy.cli import main

if __name__ == "__main__":
    main()
