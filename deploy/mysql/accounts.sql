-- The database and who may do what in it. Idempotent. `setup.sh` puts passwords in the place of @NAME@.
CREATE DATABASE IF NOT EXISTS infralogs CHARACTER SET utf8mb4;

-- il-writer: the collector. Adds tables and columns that scripts declare, rows and checkpoints. DROP is for retention:
-- the partition of an old day is dropped.
CREATE USER IF NOT EXISTS 'il-writer'@'%' IDENTIFIED BY '@WRITER@';
ALTER USER 'il-writer'@'%' IDENTIFIED BY '@WRITER@';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON infralogs.* TO 'il-writer'@'%';

-- il-reader: the dashboards.
CREATE USER IF NOT EXISTS 'il-reader'@'%' IDENTIFIED BY '@READER@';
ALTER USER 'il-reader'@'%' IDENTIFIED BY '@READER@';
GRANT SELECT ON infralogs.* TO 'il-reader'@'%';

-- il-reporter: dashboards that read a replica, to say how they do. It may make that table as well: before a collector
-- has made it, nothing else can be granted on it.
CREATE USER IF NOT EXISTS 'il-reporter'@'%' IDENTIFIED BY '@REPORTER@';
ALTER USER 'il-reporter'@'%' IDENTIFIED BY '@REPORTER@';
GRANT INSERT, CREATE ON infralogs.processes TO 'il-reporter'@'%';

-- il-owner: a person who migrates or mends by hand. No program keeps it.
CREATE USER IF NOT EXISTS 'il-owner'@'%' IDENTIFIED BY '@OWNER@';
ALTER USER 'il-owner'@'%' IDENTIFIED BY '@OWNER@';
GRANT ALL ON infralogs.* TO 'il-owner'@'%';

-- il-replica: the replica's connection to the primary.
CREATE USER IF NOT EXISTS 'il-replica'@'%' IDENTIFIED BY '@REPLICA@';
ALTER USER 'il-replica'@'%' IDENTIFIED BY '@REPLICA@';
GRANT REPLICATION SLAVE ON *.* TO 'il-replica'@'%';

-- il-vault: makes and drops the short-lived accounts, so it holds what it gives on.
CREATE USER IF NOT EXISTS 'il-vault'@'%' IDENTIFIED BY '@VAULT@';
ALTER USER 'il-vault'@'%' IDENTIFIED BY '@VAULT@';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON infralogs.* TO 'il-vault'@'%' WITH GRANT OPTION;
GRANT CREATE USER ON *.* TO 'il-vault'@'%';
