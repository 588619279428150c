"""Cython declarations of the C leaves in csrc/: one .pxd mirrors one header, which holds the contract. Imports: csrc."""
