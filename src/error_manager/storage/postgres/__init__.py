"""PostgreSQL: the connection, the embedded server, migrations, the stores."""
