# Pulls a document by Bokeh's own client, and says when a patch renamed it. The address is the first argument.
import sys

from bokeh.client import pull_session

session = pull_session(url=sys.argv[1], arguments={"last": "6h"})
document = session.document
print(document.title)
print(len(document.roots), "roots")

# A client that pushes is refused, and goes on.
try:
    session.push()
except RuntimeError as error:
    print("read only" if "dashboards are made by scripts" in str(error) else error)

assert session.request_server_info()["version_info"]["bokeh"] == "3.9.2"
print("pulled", flush=True)

# The client hears patches only while it waits for nothing else.
session._connection._loop_until(lambda: document.title == "Renamed")
print(document.title)
session.close()
