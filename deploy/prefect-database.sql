-- Prefect's own database, beside that of the store.
CREATE DATABASE prefect;
