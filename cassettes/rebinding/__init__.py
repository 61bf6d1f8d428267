"""Playing to clients whose ids differ from the recorded ones.

Start with id_matching.py, which compares a call with recorded ones apart from ids.
id_bindings.py keeps the pairs of recorded and received ids, and id_rewriting.py writes them
into answers.
"""
