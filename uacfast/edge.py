"""The edge features of a worker made as the configuration asks; a reload changes the rules, what is known stays."""
from typing import Any

from uacfast.config import Config
from uacfast.proxy.features import EdgeFeatures
from uacfast.proxy.flood_guard import FloodGuard
from uacfast.proxy.server_digest import DigestServer, UserSecret
from uacfast.proxy.source_list import compiled_sources

REGISTRAR = ("default_expires", "min_expires", "max_expires", "max_contacts", "case_sensitive", "method_filtering",
             "append_branches")


class EdgeRules:
    """What the sections of the edge say, made without touching what is in force. ValueError, a sentence, when a value
    cannot be used."""

    def __init__(self, features: EdgeFeatures, config: Config):
        self._features = features
        self._config = config
        self._sources = compiled_sources([(row.group, row.network, row.port) for row in config.permissions.address])
        self._digest = _digest(features, config.auth)
        self._users = [_user(user) for user in config.auth.user]
        self._flood_rules = _flood_rules(config.pike)
        self._flood_guard = features.flood_guard
        if features.flood_rules != self._flood_rules:
            self._flood_guard = FloodGuard(**self._flood_rules) if self._flood_rules else None
        self._new_tables = [table for table in config.htable if features.hash_tables.table(table.name) is None]

    def make_tables(self) -> None:
        """Make the tables that are new: a script fills them in mod_init()."""
        for table in self._new_tables:
            self._define(table)

    def unmake_tables(self) -> None:
        """Drop these again: nothing comes of the configuration."""
        tables = self._features.hash_tables
        new = {table.name for table in self._new_tables}
        tables.keep_only([name for name in tables.tables if name not in new])

    def put_in_place(self) -> None:
        """Have them count from now on."""
        features, config = self._features, self._config
        features.sources.use(self._sources)
        features.digest = self._digest
        features.set_users(self._users)
        features.calculate_ha1 = config.auth_db.calculate_ha1
        features.use_domain = config.auth_db.use_domain
        features.flood_guard, features.flood_rules = self._flood_guard, self._flood_rules
        for table in config.htable:
            self._define(table)
        features.hash_tables.keep_only([table.name for table in config.htable])
        for name in REGISTRAR:
            setattr(features.registrar, name, getattr(config.registrar, name))
        features.registrar.use_domain = config.usrloc.use_domain
        features.registrar.location.max_bindings = config.usrloc.max_bindings

    def _define(self, table: Any) -> None:
        self._features.hash_tables.define(table.name, auto_expire=table.autoexpire, initial=table.initval,
                                          update_expire=table.updateexpire, max_items=table.max_items)


def _digest(features: EdgeFeatures, auth: Any) -> DigestServer:
    secret = auth.secret.encode() if auth.secret else features.own_secret
    wanted = (secret, auth.nonce_expire, auth.algorithm, auth.nonce_count)
    digest = features.digest
    if wanted == (digest.secret, digest.nonce_expire, digest.algorithms, digest.nonce_count):
        return digest       # it knows which nonces were used
    return DigestServer(secret, nonce_expire=auth.nonce_expire, algorithms=auth.algorithm,
                        nonce_count=auth.nonce_count)


def _user(user: Any) -> UserSecret:
    # A user may have several HA1, one for each algorithm.
    ha1 = {"ha1_md5": user.ha1.md5, "ha1_sha256": user.ha1.sha256,
           "ha1_sha512_256": user.ha1.sha512_256} if user.ha1 else {}
    return UserSecret(user.username, user.realm, password=None if user.ha1 else user.password, **ha1)


def _flood_rules(pike: Any) -> dict[str, int] | None:
    if pike.reqs_density_per_unit == 0:
        return None
    return {"density": pike.reqs_density_per_unit, "unit": pike.sampling_time_unit * 1000,
            "remove_latency": pike.remove_latency * 1000, "ipv4_prefix": pike.ipv4_prefix,
            "ipv6_prefix": pike.ipv6_prefix, "capacity": pike.max_sources}
