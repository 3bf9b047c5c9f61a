"""`python -m candlewick.cli` is the `candlewick` command."""

from candlewick.cli.main import main

main()
