"""Stand-ins for packages that cannot be installed where tests run; found by worker processes, never imported here."""
