"""Listening, inside mitmproxy: the recorder. Imports only cassettes and proto."""
