"""Stores rows with PyMySQL, as many scripts do: `rows.py PORT DATABASE FILE ROWS how`; prints the seconds it took, and those of its CPU."""
import sys
import time

import pymysql

port, database, path, rows, how = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
columns = ("time", "machine", "seqnum_id", "seqnum", "host", "unit", "identifier", "command", "priority", "pid",
           "message", "fields")
with open(path, encoding="utf-8") as file:
    table = [[None if cell == "\\N" else cell for cell in line.rstrip("\n").split("\t")] for line, _ in zip(file, range(rows))]
sql = f"INSERT INTO logs ({', '.join(f'`{name}`' for name in columns)}) VALUES ({', '.join(['%s'] * len(columns))})"


def connect():
    return pymysql.connect(host="127.0.0.1", port=port, user="root", database=database, ssl_disabled=True, charset="utf8mb4")


db = connect()
started, busy = time.perf_counter(), time.process_time()
with db.cursor() as cursor:
    if how == "many":
        for at in range(0, len(table), 5000):
            cursor.executemany(sql, table[at:at + 5000])
            db.commit()
    elif how == "one":
        for row in table:
            cursor.execute(sql, row)
            db.commit()
    else:  # a connection for each row, as hooks and cron scripts do
        for row in table:
            own = connect()
            own.cursor().execute(sql, row)
            own.commit()
            own.close()
print(time.perf_counter() - started, time.process_time() - busy)
