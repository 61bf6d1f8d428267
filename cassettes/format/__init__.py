"""The cassette format: documents, and their YAML.

Start with documents.py, the structs of every document. yaml_writer.py writes the canonical
layout, fast_reader.py reads exactly that layout, and yaml_reader.py reads any other YAML;
parsing.py chooses between them. bodies.py converts bytes to the forms of a body (`json:`, `text:`,
`proto:`, `base64:`).
"""
