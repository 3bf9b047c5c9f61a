"""The files of the status page, served as they lie here."""
