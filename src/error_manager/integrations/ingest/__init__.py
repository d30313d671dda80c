"""The routes that accept errors: the Sentry protocol and POST /api/v1/errors."""
