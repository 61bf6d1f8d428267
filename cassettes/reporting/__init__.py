"""A report: cassettes as one HTML page, which needs nothing but a browser.

Start with report.py, which reads the cassettes and writes the page. traffic_columns.py makes
columns of numbers of exchanges and events, causes.py finds the calls that caused events,
state_counts.py counts tasks, agents and offers, and message_blocks.py packs the messages. page/ has
the page itself, for page_parts.py.
"""
