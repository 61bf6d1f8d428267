"""Which recorded exchange answers a request, and why none does.

Start with request_key.py: the parsed request, and the key by which its exchanges are found.
answer_queue.py selects among the answers to equal requests, helped by connections.py, servers.py
and repeat_rules.py; ignore_rules.py leaves out what differs in every run. misses.py is the report
of a request without an answer, which miss_reports.py and near_misses.py make.
"""
