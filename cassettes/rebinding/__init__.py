"""Replay to clients whose ids differ from the recorded ones (`--rebind`).

Start with id_matching.py, which compares a call with recorded ones apart from ids. id_bindings.py
has the pairs of recorded ids and ids of this run, and id_rewriting.py writes the latter into
answers.
"""
