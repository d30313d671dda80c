"""The edges of the server: protocols, REST API and pages."""
