"""A live folder without sockets: bars in, answers out, releases that take turns; single-threaded."""
