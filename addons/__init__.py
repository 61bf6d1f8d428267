"""Addons for mitmproxy: the recorder and the inspector. Imports only cassettes and proto.

Start with recorder.py, which passes what it observes to the process in writing/.
leader_redirect.py follows the leader of masters. inspector.py keeps the end of running streams
(kept_body.py) and shows bodies in message_view.py and stream_view.py. flow_reader.py reads flow
files.
"""
