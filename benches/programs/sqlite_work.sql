-- Work for the sqlite3 shell: inserts, an index, a join, strings and JSON, all in memory.
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL);
CREATE TABLE sale (item INTEGER, day INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80000)
INSERT INTO item SELECT i, printf('item %05d %s', i * 7919 % 80021, hex(i)), i % 97 * 1.25 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 480000)
INSERT INTO sale SELECT i * 31 % 80000 + 1, i % 365, replace(printf('note %d', i), 'e', upper('e')) FROM n;
CREATE INDEX by_item ON sale (item, day);
SELECT count(*), round(sum(price), 2) FROM item JOIN sale ON sale.item = item.id WHERE day BETWEEN 30 AND 200;
SELECT day % 7, group_concat(substr(note, 6, 2), '') IS NOT NULL, count(*) FROM sale GROUP BY 1 ORDER BY 1;
SELECT sum(length(json_object('name', name, 'price', price))) FROM item;
SELECT name FROM item WHERE name LIKE '%99%' ORDER BY name DESC LIMIT 3;
