"""The only place that names concrete adapters, one module per process."""
