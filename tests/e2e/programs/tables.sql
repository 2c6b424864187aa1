create table t (id integer primary key, name text, value real);
with recursive n (i) as (select 1 union all select i + 1 from n where i < 50000)
insert into t select i, 'name ' || (i * 7919 % 50021), i / 3.0 from n;
create index by_name on t (name);
select count(*), min(name), max(name), round(sum(value)) from t;
select substr(name, 1, 6) as head, count(*) from t group by head order by 2 desc, 1 limit 5;
select json_group_array(id) from (select id from t where name like '%99' limit 20);
select nothing from nowhere;
