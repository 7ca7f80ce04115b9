"""The salt that identifiers are hashed with, for the plugins of both engines."""

import os

from dbt_common.exceptions import DbtRuntimeError

SHORTEST = 8  # characters; fewer are found by trying


def salt(default=None):
    """ENGAGEMENT_SALT of the environment, else a target's default; stops without a usable one."""
    found = os.environ.get("ENGAGEMENT_SALT", default)
    if found is None:
        raise DbtRuntimeError(
            "The environment variable ENGAGEMENT_SALT is not set. Identifiers are matched on "
            "salted hashes: choose a long random secret, keep it, and set it for every run."
        )
    if len(found.strip()) < SHORTEST:
        raise DbtRuntimeError(
            f"ENGAGEMENT_SALT is blank or has fewer than {SHORTEST} characters, so hashed "
            "identifiers could be guessed: choose a long random secret (e.g. `openssl rand -hex "
            "32`), keep it, and set it for every run."
        )
    return found
