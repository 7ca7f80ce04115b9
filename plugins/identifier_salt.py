"""Registers engagement_salt(), the secret that identifiers are hashed with.

The salt comes from the environment variable ENGAGEMENT_SALT and is handed to the engine as a
function, so that it stands in no compiled SQL, manifest, log or view. Only the demo and the
example name a default in their profile. Without either, dbt stops with a message.
"""

import os

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError


class Plugin(BasePlugin):
    def initialize(self, plugin_config):
        self.salt = os.environ.get("ENGAGEMENT_SALT") or plugin_config.get("default_salt")
        if not self.salt:
            raise DbtRuntimeError(
                "The environment variable ENGAGEMENT_SALT is not set. Identifiers are matched on "
                "salted hashes: choose a long random secret, keep it, and set it for every run."
            )

    def configure_connection(self, conn):
        conn.create_function("engagement_salt", lambda: self.salt, [], "VARCHAR")
