"""How a script leaves a callback early."""


class ScriptExit(SystemExit):
    """KSR.x.exit(): the callback has ended, as if it had returned."""


class ScriptDrop(SystemExit):
    """KSR.x.drop(): the same, and what the callback is about (a reply, a branch) is not sent on."""
