"""Flow files of mitmproxy: what `mitmdump -w` writes, and what mitmweb shows.

Start with flow_reader.py. flow_traffic.py reads a file to import it, and flow_writer.py writes one.
"""
