"""The demo shop: fourteen days of realistic errors with planted incidents and their truth."""
