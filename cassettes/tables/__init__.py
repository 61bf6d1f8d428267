"""Recorded traffic as tables, for SQL: from cassettes and from Parquet.

Start with schemas.py, the tables and their columns. source.py reads the documents of a
cassette block by block, and the modules *_rows.py make columns of values of them. arrow.py turns
these into batches of Arrow, from which query_engine.py answers SQL.
"""
