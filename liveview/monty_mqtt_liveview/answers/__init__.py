"""Describes what the page answers over HTTP and sends over WebSocket: the one source of its types.

Nothing here runs when the page answers: `views` and `web` make plain values, and tests compare every answer with these
types. `tools/openapi.py` writes `web/openapi.json` from them, and from that the front end gets its TypeScript types.

A later version may add fields; the type and the meaning of a field never change. A field whose value is absent is null.
A float that was NaN or infinite is null, too.
"""
