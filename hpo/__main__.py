"""`python -m hpo` is the command `hpo`."""

from hpo.cli.main import main

if __name__ == "__main__":
    main()
