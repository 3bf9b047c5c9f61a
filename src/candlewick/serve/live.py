"""The live side of a folder: bars in, answers out. Single-threaded; knows no sockets."""
