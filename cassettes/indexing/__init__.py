"""Where the documents of a cassette are: one scan of its file keeps an offset per document.

Start with index.py. segments.py cuts the file, and document_heads.py reads the heads of its
documents, with the C code in native/ where that is compiled. event_blocks.py finds the records of a
stream.
"""
