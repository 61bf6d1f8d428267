"""Cut a cassette out of another one: what was chosen, and what that needs to play.

Start with cutting.py. choice.py is what a user chooses, by time, client, party, call, event type
and server. exchange_facts.py reads who made which call, kept_documents.py marks the documents, and
answered_ids.py finds the calls and events that belong together by their ids.
"""
