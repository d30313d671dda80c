"""From the bytes of each protocol to the types of core; pure."""
