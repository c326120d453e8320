"""``python -m pyuniform``: the command line."""

from pyuniform.cli.main import main

if __name__ == "__main__":
    main()
