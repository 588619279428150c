"""Sockets, hand-over between workers, resolution of next hops. Imports: leaves."""
