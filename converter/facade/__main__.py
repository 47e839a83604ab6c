"""``python -m ziggurat``: the same as the console script."""

from ziggurat.converter.cli import main

if __name__ == "__main__":
    main()
