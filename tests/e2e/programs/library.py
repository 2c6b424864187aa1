# Modules of the standard library that allocate natively.
import json
import re
import sqlite3
import ssl
import zlib

rows = [{"id": i, "name": f"name {i}", "tags": list(range(i % 7))} for i in range(5000)]
again = json.loads(json.dumps(rows))
print(len(again), sum(len(re.findall(r"\d", row["name"])) for row in again))
with sqlite3.connect(":memory:") as base:
    base.execute("create table t (id integer primary key, name text)")
    base.executemany("insert into t values (:id, :name)", rows)
    print(base.execute("select count(*), max(name) from t where name like '%9'").fetchone())
base.close()
context = ssl.create_default_context()
print(context.verify_mode, context.minimum_version.name)
print(len(zlib.decompress(zlib.compress(json.dumps(rows).encode()))))
