"""RPC, metrics and the dashboard: how operators and their programs look in. Imports: store."""
