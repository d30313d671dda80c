"""The words of the system and the pure steps of an error's path; standard library only."""
