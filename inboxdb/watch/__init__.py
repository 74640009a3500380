"""Say how an installation is doing."""
