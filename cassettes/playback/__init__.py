"""Playing cassettes: a request in, an answer or a miss out.

Start with playback.py; options.py has its options, recorded_exchanges.py reads the cassettes.
exchange_index.py finds recorded exchanges by key, answer_builder.py builds the answer,
second_plays.py plays an exchange once more, streamed_requests.py answers streamed requests,
unanswered.py handles requests without a recorded answer, and journal.py records what was served.
"""
