"""What the loader is compared with: each a module that is run as `python -m`, with an address, a token and a file."""
