"""Modules of networks, in torch; imported only while a network is built."""
