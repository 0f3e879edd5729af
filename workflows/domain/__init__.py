"""The types and rules that every layer shares. Imports pydantic and the standard library only."""
