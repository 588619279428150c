"""Databases: the uacreg, location and subscriber tables behind one small interface. Imports no other room."""
