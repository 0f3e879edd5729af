"""Passwords, tokens and the little files that hold secrets. The only place that knows argon2 and jose."""
