"""Playing a cassette: a request in, an answer or a miss out.

Start with playback.py. exchange_index.py finds recorded exchanges by key, answer_builder.py
builds the answer, unanswered.py handles requests without one, and journal.py keeps what was
served.
"""
