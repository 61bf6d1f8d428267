"""One flow of mitmproxy while it is recorded, also beside addons and options that change it.

What the client sent and what it got become observations; what differs from that at the upstream,
and what nobody could observe, becomes a note.

Start with `proxied_exchange`.
"""
