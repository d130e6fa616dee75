import os
import sys

client_id = os.environ["CLIENT_ID"]
client_secret = os.environ["CLIENT_SECRET"]

/* SAMPLE */

for line in sys.stdin:
    print("accepted" if introspect(line.strip())["active"] else "refused")
