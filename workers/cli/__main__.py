"""`python -m workers.cli` is `voxqueue`."""

from workers.cli import main

if __name__ == "__main__":
    main()
