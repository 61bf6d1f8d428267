"""Which recorded exchange answers a request, and why none does.

Start with request_key.py, the parsed request and the key under which it is found.
answer_queue.py hands out the answers to equal requests in order, connections.py and servers.py
narrow the choice, and misses.py, near_misses.py and miss_reports.py describe a request without
an answer.
"""
