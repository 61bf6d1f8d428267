"""Playing cassettes: a request in, an answer or a miss out.

Start with playback.py; options.py has its options, exchange_loading.py adds the exchanges.
answer_selection.py selects the answer of a request, exchange_index.py finds exchanges by key,
answer_builder.py builds the answer, second_plays.py plays an exchange once more,
streamed_requests.py and unanswered.py handle other requests, journal.py records what was served.
"""
