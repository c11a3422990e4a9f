"""`python -m pp_ref.cli` is `pp-ref`."""

from pp_ref.cli.commands import main

main()
