"""Mechanisms of protection: masking, keys, sessions, encryption; pure."""
