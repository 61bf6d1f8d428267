"""Messages of the Mesos schema, in both encodings.

Start with mapping.py: JSON to message and back, as Mesos maps it (which is not protobuf's own
JSON mapping). descriptors.py loads the schema, picojson.py parses text as the JSON parser of
Mesos does, json_reader.py and json_writer.py convert, and fields.py, ids.py and
summary_fields.py find values inside messages.
"""
