"""Cython declarations of the C leaves: one .pxd mirrors one header of csrc/, the contract. Imports: csrc."""
