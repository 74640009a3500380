"""Run the command line as `python -m inboxdb`."""

from inboxdb.cli import main

if __name__ == "__main__":
    main(prog_name="inboxdb")
