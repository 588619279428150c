"""The edge features of a worker made as the configuration asks; a reload changes the rules, what is known stays."""
from typing import Any

from uacfast.config import Config
from uacfast.proxy.features import EdgeFeatures
from uacfast.proxy.flood_guard import FloodGuard
from uacfast.proxy.server_digest import DigestServer, UserSecret

REGISTRAR = ("default_expires", "min_expires", "max_expires", "max_contacts", "case_sensitive", "method_filtering",
             "append_branches")


def configure(features: EdgeFeatures, config: Config) -> None:
    """Brings the sections of the edge into force. ValueError, a sentence, when a value cannot be used."""
    features.sources.replace([(row.group, row.network, row.port) for row in config.permissions.address])
    _auth(features, config)
    _pike(features, config.pike)
    for table in config.htable:
        features.hash_tables.define(table.name, auto_expire=table.autoexpire, initial=table.initval,
                                    update_expire=table.updateexpire, max_items=table.max_items)
    features.hash_tables.keep_only([table.name for table in config.htable])
    for name in REGISTRAR:
        setattr(features.registrar, name, getattr(config.registrar, name))
    features.registrar.use_domain = config.usrloc.use_domain
    features.registrar.location.max_bindings = config.usrloc.max_bindings


def _auth(features: EdgeFeatures, config: Config) -> None:
    auth = config.auth
    secret = auth.secret.encode() if auth.secret else features.own_secret
    wanted = (secret, auth.nonce_expire, auth.algorithm, auth.nonce_count)
    digest = features.digest
    if wanted != (digest.secret, digest.nonce_expire, digest.algorithms, digest.nonce_count):
        features.digest = DigestServer(secret, nonce_expire=auth.nonce_expire, algorithms=auth.algorithm,
                                       nonce_count=auth.nonce_count)
    users = []
    for user in auth.user:
        # A user may have several HA1, one for each algorithm.
        ha1 = {"ha1_md5": user.ha1.md5, "ha1_sha256": user.ha1.sha256,
               "ha1_sha512_256": user.ha1.sha512_256} if user.ha1 else {}
        users.append(UserSecret(user.username, user.realm, password=None if user.ha1 else user.password, **ha1))
    features.set_users(users)
    features.calculate_ha1 = config.auth_db.calculate_ha1
    features.use_domain = config.auth_db.use_domain


def _pike(features: EdgeFeatures, pike: Any) -> None:
    if pike.reqs_density_per_unit == 0:
        features.flood_guard = features.flood_rules = None
        return
    rules = {"density": pike.reqs_density_per_unit, "unit": pike.sampling_time_unit * 1000,
             "remove_latency": pike.remove_latency * 1000, "ipv4_prefix": pike.ipv4_prefix,
             "ipv6_prefix": pike.ipv6_prefix, "capacity": pike.max_sources}
    if features.flood_rules != rules:
        features.flood_guard = FloodGuard(**rules)
        features.flood_rules = rules
