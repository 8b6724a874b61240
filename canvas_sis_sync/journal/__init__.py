"""The journal of a home, `archive/journal.sqlite3`: `file` for the file itself, `ledger` for what is written in it."""
