"""What an edge asks for before it routes, put together: one per worker, used by routes and scripts alike."""
import os


cdef class EdgeFeatures:
    """Everything off or empty until the configuration says otherwise; a reload changes the parts, their contents
    stay."""

    def __init__(self, TransactionTable table not None, bytes secret=None):
        """`secret`: makes nonces; None: a random one."""
        self.table = table
        self.sources = SourceList()
        self.own_secret = os.urandom(32) if secret is None else secret
        self.digest = DigestServer(self.own_secret)
        self.registrar = Registrar(Location())
        self.hash_tables = HashTables()
        self.users = {}

    def set_users(self, users):
        """The users that need no database: UserSecret objects; a realm of "" stands for every realm."""
        cdef UserSecret user
        self.users = {(user.username, user.realm): user for user in users}

    cdef UserSecret known_user(self, bytes username, bytes realm):
        """The user of that name in this realm, None: the database has to be asked."""
        cdef UserSecret user = self.users.get((username, realm))
        if user is None:
            user = self.users.get((username, b""))
        if user is None and b"@" in username:
            return self.known_user(username.partition(b"@")[0], realm)
        return user

    cpdef UserSecret secret_of(self, object row, str username, str realm):
        """A row of the subscriber table (password, ha1, ha1b) as a secret; None when it holds none."""
        if self.calculate_ha1:
            password = row.get("password")
            return None if password is None else UserSecret(username, realm, password=password)
        # ha1b is made over user@domain, for clients that log in so (Kamailio: password_column_2).
        ha1 = (row.get("ha1b") if "@" in username else row.get("ha1")) or row.get("ha1")
        return UserSecret(username, realm, ha1=ha1) if ha1 else None

    async def find_user(self, str table not None, str username not None, str realm not None, str domain not None):
        """The secret of this user from the list or the database, None: nobody of that name.

        Raises what the database raises, and LookupError when there is none.
        """
        known = self.known_user(username.encode("utf-8", "surrogateescape"), realm.encode("utf-8", "surrogateescape"))
        if known is not None:
            return known
        if self.subscribers is None:
            if self.users:
                return None
            raise LookupError("No database of subscribers is configured; set auth_db.db_url.")
        row = await self.subscribers(table, username.partition("@")[0], domain if self.use_domain else None)
        return None if row is None else self.secret_of(row, username, realm)
