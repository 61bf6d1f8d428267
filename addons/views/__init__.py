"""What the user interfaces of mitmproxy show of a flow.

Start with stream_view.py, the view of event streams; message_view.py is that of single messages.
Both show what kept_body.py keeps of a passing body. flow_label.py is a flow's line in the list of
flows. body_type.py tells which message is in a body.
"""
