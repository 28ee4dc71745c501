# Writes the tag by which a page of another site shows a dashboard, as its author would. Arguments: address, token.
import sys

from bokeh.embed import server_document

print(server_document(sys.argv[1], arguments={"theme": "light", "last": "1h"}, headers={"Authorization": f"Bearer {sys.argv[2]}"}))
