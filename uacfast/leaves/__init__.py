"""Cython declarations of the C leaves in csrc/: one .pxd mirrors one header. The headers hold the contracts."""
