"""Clients that others wrote, unmodified: what they did with a cluster they do with a cassette.

They need packages of their own (`make clients`), so only `make test-clients` runs these tests.
"""
