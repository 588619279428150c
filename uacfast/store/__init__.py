"""Databases: the uacreg, subscriber, address and state tables behind one small interface. Imports no other room."""
from .errors import StoreError
from .store import Store, open_store
from .tables import REGISTRATION_COLUMNS, STATE_COLUMNS
from .url import DatabaseUrl, parse_url

__all__ = ["REGISTRATION_COLUMNS", "STATE_COLUMNS", "DatabaseUrl", "Store", "StoreError", "open_store", "parse_url"]
