"""The entry of ``python -m gnssice_batch``."""

from gnssice_batch.cli import main

if __name__ == "__main__":
    main()
