"""`python -m pp_ref` is `pp-ref`."""

from pp_ref.cli import main

main()
