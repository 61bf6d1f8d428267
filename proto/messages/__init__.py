"""Messages of the Mesos schema, in both encodings.

Start with mapping.py: bytes to messages and back; its JSON mapping is that of Mesos, not protobuf's
own. descriptors.py loads the schema, picojson.py parses text as the JSON parser of Mesos does,
json_reader.py and json_writer.py convert, and fields.py, ids.py and summary_fields.py find values
in messages.
"""
