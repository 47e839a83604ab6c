"""``python -m ziggurat``: the same as the console script."""

from ziggurat.converter.cli.app import main

if __name__ == "__main__":
    main()
