"""Databases: the uacreg, subscriber, address and state tables behind one small interface. Imports no other room."""
import logging

from .errors import StoreError
from .store import Store, open_store
from .tables import REGISTRATION_COLUMNS, STATE_COLUMNS
from .url import DatabaseUrl, parse_url

__all__ = ["REGISTRATION_COLUMNS", "STATE_COLUMNS", "DatabaseUrl", "Store", "StoreError", "open_store", "parse_url"]

# Whoever has set up no logging reads what matters in the errors.
logging.getLogger("uacfast.store").addHandler(logging.NullHandler())
