"""Packet captures: from a pcap or pcapng file to the bytes of TCP connections, in order.

Start with connections.py, which tells clients from servers. capture_file.py reads packets,
tcp_segment.py their headers, direction.py puts the bytes of one direction in order. Only what HTTP
over TCP needs is here.
"""
