"""Batch files: JSON or YAML, and what is wrong with them, by line and column.

document.py  a document and the places of its parts    check.py  what the contract and the rules say of it
json_text.py  yaml_text.py  the two notations
"""
