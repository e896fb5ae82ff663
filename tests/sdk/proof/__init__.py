"""The proof that official SDKs can't tell: scenes that a server plays, players for the SDKs, and tables of truth."""
