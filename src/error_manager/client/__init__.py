"""The library inside an application: captures errors and sends them, never raises, never blocks."""
