"""Registers engagement_salt(), the secret that identifiers are hashed with.

The salt comes from the environment variable ENGAGEMENT_SALT and is handed to the engine as a
function, so that it stands in no compiled SQL, manifest, log or view. Only the demo and the
example name a default in their profile. Without either, dbt stops with a message.
"""

from dbt.adapters.duckdb.plugins import BasePlugin
from engagement_salt import salt


class Plugin(BasePlugin):
    def initialize(self, plugin_config):
        self.salt = salt(plugin_config.get("default_salt"))

    def configure_connection(self, conn):
        conn.create_function("engagement_salt", lambda: self.salt, [], "VARCHAR")
