"""Install into a host's database, upgrade, verify, repair, suspend, uninstall."""
